"""Convolutions whose gradients are fast on every platform.

XLA's CPU backend has fast libraries for convolutions in one layout: images (batch,
height, width, channels), kernels (height, width, channels, features).  The gradients
that JAX derives have other layouts.  XLA converts them to the fast one, but (in jax
0.10.2) not inside a loop, and an epoch of training is a loop.  There it runs nested
scalar loops instead, 3 to 100 times slower for the zoo's layers.

Here the gradient with respect to the images is written in the fast layout.  That
layout is not enough for the gradient with respect to the kernel, which is written as
matrix products.

Times in the comments are relative to the plain form, for batches of 128, measured on
2 CPU cores.
"""

import functools
import math
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from inna_optax.zoo.sharding import in_auto_mode, varying_alike

IMAGES = ("NHWC", "HWIO", "NHWC")


class How(NamedTuple):
    """Strides, padding and precision of a convolution."""

    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]  # (before, after) of height and width
    precision: Any


# With fewer features, several neighbouring output pixels are computed as one: 0.25 of
# the time for LeNet's first layer, 0.55 for the image gradient of its second.
FEWEST_FEATURES = 8
# From this many channels on, the library is faster if the output has one more column,
# which is then dropped: 0.3 of the time for NiN's second stage (96 to 192 channels),
# 0.45 for 3x3 windows of 64 channels on 32x32 pixels, 0.7 for ResNet-20's 64 channels,
# 0.8 for its 32; but 1.1 for its 16.
FEWEST_CHANNELS_OF_COLUMN = 32
# The library is slow for outputs of this few pixels, which are computed as a matrix
# product with patches: 0.07 of the time for the image gradient of NiN's last stage (2x2
# to 4x4 pixels).
MOST_PIXELS_BY_PATCHES = 16
# The same as FEWEST_FEATURES, for the kernel's gradient: 0.45 of the time for LeNet's
# first layer.
FEWEST_FEATURES_OF_GRADIENT = 32
# If a row of the kernel holds fewer numbers than this, all rows go into one product:
# 0.5 of the time for NiN's first layer on 32x32 pixels, 0.33 on 28x28 pixels.
FEWEST_NUMBERS_IN_PRODUCT = 64
# The kernel's gradient takes as many images at a time as fit a core's cache (1 MiB):
# 0.6 of the time for ResNet-20's 16 channels, 0.75 for NiN's second stage, and 5 and
# 8 MiB of temporaries instead of 65 and 122.
MOST_NUMBERS = 2**18


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    padding: Any,
    **options: Any,
) -> jax.Array:
    """``lax.conv_general_dilated`` of images, with gradients that are fast on CPU.

    Pass it to the layer: ``nnx.Conv(..., conv_general_dilated=convolve)`` has the
    parameters of a plain ``nnx.Conv``, and the same values and gradients up to
    rounding.

    On every platform a 1x1 convolution is computed as a dense layer over the channels.
    Any other convolution and its gradients are JAX's own, except on CPU.  The gradients
    are a custom rule, which can be differentiated again in either mode, as in a
    Hessian-vector product; only ``jax.jvp`` of the convolution itself is refused.

    Args:
      x: images, of shape (batch, height, width, channels).
      kernel: of shape (height, width, channels, features).
      strides: steps of the window, each in [1, inf).
      padding: ``"SAME"``, ``"VALID"``, or a pair (before, after) for each dimension.
      **options: further arguments of ``lax.conv_general_dilated``.

    Returns:
      Images of shape (batch, height, width, features).

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo.conv import convolve
      >>> layer = nnx.Conv(
      ...     3, 8, (1, 1), conv_general_dilated=convolve, rngs=nnx.Rngs(0)
      ... )
      >>> layer(jnp.ones((2, 32, 32, 3))).shape
      (2, 32, 32, 8)
    """
    if x.ndim != 4 or not _is_ordinary(options):
        return lax.conv_general_dilated(x, kernel, strides, padding, **options)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    pads = tuple((low, high) for low, high in padding)
    precision = options.get("precision")
    if kernel.shape[:2] == strides == (1, 1) and pads == ((0, 0), (0, 0)):
        # On CPU this avoids the changes of layout that a convolution's gradients need:
        # 0.37 of the time, forward and backward, for a layer of NiN (192 to 160
        # channels, 32x32 pixels).
        return jnp.dot(x, kernel[0, 0], precision=precision)
    how = How(tuple(strides), pads, precision)
    ours, plain = (functools.partial(f, how=how) for f in (_convolve, _plain))
    return in_auto_mode(ours, like=plain)(*varying_alike(x, kernel))


def _is_ordinary(options: dict[str, Any]) -> bool:
    """Whether there is no dilation, grouping, output type or sharding."""
    dilations = (options.get("lhs_dilation"), options.get("rhs_dilation"))
    return (
        all(n == 1 for dilation in dilations for n in dilation or ())
        and options.get("feature_group_count", 1) == 1
        and options.get("batch_group_count", 1) == 1
        and options.get("preferred_element_type") is None
        and options.get("out_sharding") is None
    )


def _plain(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        how.strides,
        how.pads,
        dimension_numbers=IMAGES,
        precision=how.precision,
    )


def _pixels_together(columns: int, features: int, fewest: int) -> int:
    """How many neighbouring pixels to treat as one, to get ``fewest`` features.

    The number divides ``columns``.  It is one if no number near the wanted one does.
    """
    enough = -(-fewest // features)
    return next((n for n in range(enough, 2 * enough) if columns % n == 0), 1)


def _widened(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    """The convolution, for few features: as a convolution with more of them.

    Neighbouring output pixels in a row become one.  Its window is the union of their
    windows, and its features are all of theirs.  The kernel of each is zero in the part
    of the window that the pixel does not see.
    """
    strides, pads, _ = how
    _, width, _, features = kernel.shape
    columns = (x.shape[2] + sum(pads[1]) - width) // strides[1] + 1
    pixels = _pixels_together(columns, features, FEWEST_FEATURES)
    shifts = [pixel * strides[1] for pixel in range(pixels)]
    wide = jnp.concatenate(
        [
            jnp.pad(kernel, ((0, 0), (shift, shifts[-1] - shift), (0, 0), (0, 0)))
            for shift in shifts
        ],
        axis=-1,
    )
    y = _plain(x, wide, how._replace(strides=(strides[0], pixels * strides[1])))
    return y.reshape(*y.shape[:2], columns, features)


def _with_a_column_more(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    """The convolution, for many channels: with one more column, which is dropped."""
    rows, (left, right) = how.pads
    more = rows, (left, right + how.strides[1])
    return _plain(x, kernel, how._replace(pads=more))[:, :, :-1]


def _by_patches(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    """The convolution, for few pixels: a product of the windows and the kernel."""
    strides, pads, precision = how
    height, width, _, features = kernel.shape
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    last_row, last_column = x.shape[1] - height + 1, x.shape[2] - width + 1
    patches = jnp.concatenate(
        [
            x[:, i : i + last_row : strides[0], j : j + last_column : strides[1]]
            for i in range(height)
            for j in range(width)
        ],
        axis=-1,
    )
    return jnp.dot(patches, kernel.reshape(-1, features), precision=precision)


def _on_cpu(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    """The convolution in the form that is fast on CPU for its sizes."""
    pixels = math.prod(
        (size + sum(pad) - window) // stride + 1
        for size, pad, window, stride in zip(
            x.shape[1:3], how.pads, kernel.shape[:2], how.strides, strict=True
        )
    )
    channels, features = kernel.shape[2:]
    if pixels <= MOST_PIXELS_BY_PATCHES:
        form = _by_patches
    elif features < FEWEST_FEATURES:
        form = _widened
    elif channels >= FEWEST_CHANNELS_OF_COLUMN:
        form = _with_a_column_more
    else:
        form = _plain
    return form(x, kernel, how)


def _value(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    """The convolution in the form that is fast on the platform."""
    plain, on_cpu = (functools.partial(f, how=how) for f in (_plain, _on_cpu))
    return lax.platform_dependent(x, kernel, cpu=on_cpu, default=plain)


_convolve = jax.custom_vjp(_value, nondiff_argnums=(2,))


def _forward(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _value(x, kernel, how), (x, kernel)


def _backward(
    how: How,
    residuals: tuple[jax.Array, jax.Array],
    cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The gradients with respect to ``x`` and the kernel: on CPU ours, else JAX's."""
    plain = functools.partial(_plain, how=how)

    def derived(x: jax.Array, kernel: jax.Array, g: jax.Array) -> Any:
        return jax.vjp(plain, x, kernel)[1](g)

    def reordered(x: jax.Array, kernel: jax.Array, g: jax.Array) -> Any:
        arguments = (x, kernel, g, how)
        return _image_gradient(*arguments), _kernel_gradient(*arguments)

    return lax.platform_dependent(*residuals, cotangent, cpu=reordered, default=derived)


_convolve.defvjp(_forward, _backward)


def _image_gradient(
    x: jax.Array,
    kernel: jax.Array,
    g: jax.Array,
    how: How,
) -> jax.Array:
    """A convolution of the output's gradient with the flipped kernel."""
    strides, pads, precision = how
    low = [
        window - 1 - pad for window, (pad, _) in zip(kernel.shape, pads, strict=False)
    ]
    # Fills up to the image's size, with stride - 1 zeros between the pixels of g.
    high = [
        size + window - 1 - ((pixels - 1) * stride + 1) - before
        for size, window, pixels, stride, before in zip(
            x.shape[1:3], kernel.shape[:2], g.shape[1:3], strides, low, strict=True
        )
    ]
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    padding = tuple(zip(low, high, strict=True))
    if strides == (1, 1):
        return _on_cpu(g, flipped, how._replace(pads=padding))
    return lax.conv_general_dilated(
        g,
        flipped,
        (1, 1),
        padding,
        lhs_dilation=strides,
        dimension_numbers=IMAGES,
        precision=precision,
    )


def _kernel_gradient(
    x: jax.Array,
    kernel: jax.Array,
    g: jax.Array,
    how: How,
) -> jax.Array:
    """The windows times the output's gradient, summed over groups of images."""
    batch, rows, columns, _ = g.shape
    _, width, channels, features = kernel.shape
    strides = how.strides
    pixels = _pixels_together(columns, features, FEWEST_FEATURES_OF_GRADIENT)
    seen = (pixels - 1) * strides[1] + width
    numbers = rows * (columns // pixels) * seen * channels  # of an image
    groups = next(
        n
        for n in range(1, max(batch, 1) + 1)
        if batch % n == 0 and (batch // n * numbers <= MOST_NUMBERS or n >= batch)
    )

    def add(group: jax.Array, gradient: jax.Array) -> jax.Array:
        some = (lax.dynamic_index_in_dim(a, group, 1, keepdims=False) for a in parts)
        return gradient + _windows_times(next(some), kernel, next(some), how)

    # A group takes images from all over the batch: on a mesh each device has some.
    parts = [a.reshape(-1, groups, *a.shape[1:]) for a in (x, g)]
    # In 16 bits the last groups' contributions would be rounded away.
    zero = jnp.zeros_like(kernel, jnp.promote_types(kernel.dtype, jnp.float32))
    return lax.fori_loop(0, groups, add, zero).astype(kernel.dtype)


def _windows_times(
    x: jax.Array,
    kernel: jax.Array,
    g: jax.Array,
    how: How,
) -> jax.Array:
    """The kernel's gradient for a group of images: a product per row of the kernel.

    With few features neighbouring pixels are treated as one, as in :func:`_widened`.
    Each pixel then takes its own part of the gradient of the wide kernel.
    """
    strides, pads, precision = how
    height, width, channels, features = kernel.shape
    batch, rows, columns, _ = g.shape
    pixels = _pixels_together(columns, features, FEWEST_FEATURES_OF_GRADIENT)
    step, seen = pixels * strides[1], (pixels - 1) * strides[1] + width
    blocks, parts = columns // pixels, -(-seen // step)
    # Pads or crops (where negative) the image to the last pixel that is needed.
    (top, _), (left, _) = pads
    bottom = (rows - 1) * strides[0] + height - x.shape[1] - top
    right = (blocks + parts - 1) * step - x.shape[2] - left
    config = [(0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)]
    x = lax.pad(x, jnp.zeros((), x.dtype), config)
    x = jnp.concatenate(
        [
            x[:, :, part * step : (part + blocks) * step].reshape(
                batch, -1, blocks, step * channels
            )[..., : (seen - part * step) * channels]
            for part in range(parts)
        ],
        axis=-1,
    )
    windows = [
        x[:, row : row + (rows - 1) * strides[0] + 1 : strides[0]]
        for row in range(height)
    ]
    if pixels == 1 and seen * channels < FEWEST_NUMBERS_IN_PRODUCT:
        windows = [jnp.concatenate(windows, axis=-1)]
    # The product sums over the left's last and the right's first dimension: other
    # layouts take twice the time.
    g = g.reshape(-1, pixels * features).T
    products = jnp.concatenate(
        [jnp.dot(g, w.reshape(g.shape[1], -1), precision=precision) for w in windows],
        axis=-1,
    ).reshape(pixels, features, height, seen, channels)
    shifts = [pixel * strides[1] for pixel in range(pixels)]
    gradient = functools.reduce(
        operator.add,
        [
            products[pixel, :, :, shift : shift + width]
            for pixel, shift in enumerate(shifts)
        ],
    )
    return gradient.transpose(1, 2, 3, 0)
