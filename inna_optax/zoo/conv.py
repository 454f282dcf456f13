"""Convolutions whose gradients every platform's compiler runs fast.

XLA's CPU backend has libraries for convolutions that are written in one order of
dimensions: images (batch, height, width, channels), kernels (height, width, channels,
features).  The gradients that JAX derives are in other orders.  XLA reorders them,
but (in jax 0.10.2) not inside a loop, and an epoch of training is one: there it runs
nested loops of scalars, 3 to 100 times slower for the zoo's layers.  Here the
gradient by the images is written in the libraries' order, and the gradient by the
kernel, for which that order is not enough, as products of matrices.

The times in the comments are of batches of 128 on 2 cores.
"""

import functools
import math
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

IMAGES = ("NHWC", "HWIO", "NHWC")


class How(NamedTuple):
    """What a convolution of images is asked for beside them and the kernel."""

    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]  # (before, after) of height and width
    precision: Any


# With fewer features, those of neighbouring places are computed as one place's: 0.25
# of the time for LeNet's first layer, 0.55 for the gradient by its second's images.
FEWEST_FEATURES = 8
# From so many channels on the library is faster if the result has a column more, which
# is dropped: 0.3 of the time for NiN's second stage (96 to 192 channels), 0.45 for 3x3
# windows of 64 channels on 32x32 pixels, 0.7 for ResNet-20's 64 channels, 0.8 for its
# 32; with 16 it takes 1.1 times as long.
FEWEST_CHANNELS_OF_COLUMN = 32
# Results of so few places, which the library is slow for, are products with patches:
# 0.07 of the time for the gradient by the images of NiN's last stage (2x2 to 4x4).
MOST_PLACES_BY_PATCHES = 16
# As few features in the kernel's gradient: 0.45 of the time for LeNet's first layer.
FEWEST_FEATURES_OF_GRADIENT = 32
# Fewer numbers than this of a kernel's row go into one product with those of the other
# rows: 0.5 of the time for NiN's first layer (32x32 pixels), 0.33 for 28x28 pixels.
FEWEST_NUMBERS_IN_PRODUCT = 64
# What the windows saw in one row of the kernel is computed for as many images as a
# core's cache has room for (1 MiB): 0.6 of the time for ResNet-20's 16 channels, 0.75
# for NiN's second stage, and 5 and 8 MiB of temporaries instead of 65 and 122.
MOST_NUMBERS = 2**18


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    padding: Any,
    **options: Any,
) -> jax.Array:
    """``lax.conv_general_dilated`` of images, with gradients that are fast on CPU.

    It takes what ``nnx.Conv`` passes, and so goes into the layer by the layer's own
    argument: ``nnx.Conv(..., conv_general_dilated=convolve)`` has the parameters of
    a plain ``nnx.Conv``, and its values and gradients to rounding.

    A 1x1 convolution is a dense layer over the channels on every platform.  Any other,
    with its gradients, is JAX's own on all platforms but CPU.  The gradients are a
    custom rule, which can be differentiated again in either mode (Hessian times vector
    included); only ``jax.jvp`` of the convolution itself is refused.

    Args:
      x: images, of shape (batch, height, width, channels).
      kernel: of shape (height, width, channels, features).
      strides: of the window, each in [1, inf).
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
        # The same product on every platform; on CPU without the reorderings that a
        # convolution's gradients need: 0.37 of the time for a layer of NiN's (192
        # to 160 channels, 32x32 pixels, batch 128), forward and backward.
        return jnp.dot(x, kernel[0, 0], precision=precision)
    return _convolve(x, kernel, How(tuple(strides), pads, precision))


def _is_ordinary(options: dict[str, Any]) -> bool:
    """Whether no dilation, grouping, type or sharding is asked for."""
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


def _places_together(columns: int, features: int, fewest: int) -> int:
    """How many neighbours to take as one place, for ``fewest`` features or more.

    It divides the number of columns, and is one if nothing else near does.
    """
    enough = -(-fewest // features)
    return next((n for n in range(enough, 2 * enough) if columns % n == 0), 1)


def _widened(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    """The same with few features, as a convolution with more of them.

    Neighbouring places in a row become one, whose window is all that theirs see, and
    whose features are all theirs; where one of them does not look its kernel is zero.
    """
    strides, pads, _ = how
    _, width, _, features = kernel.shape
    columns = (x.shape[2] + sum(pads[1]) - width) // strides[1] + 1
    places = _places_together(columns, features, FEWEST_FEATURES)
    shifts = [place * strides[1] for place in range(places)]
    wide = jnp.concatenate(
        [
            jnp.pad(kernel, ((0, 0), (shift, shifts[-1] - shift), (0, 0), (0, 0)))
            for shift in shifts
        ],
        axis=-1,
    )
    y = _plain(x, wide, how._replace(strides=(strides[0], places * strides[1])))
    return y.reshape(*y.shape[:2], columns, features)


def _with_a_column_more(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    """The same from many channels, without the last column of what is computed."""
    rows, (left, right) = how.pads
    more = rows, (left, right + how.strides[1])
    return _plain(x, kernel, how._replace(pads=more))[:, :, :-1]


def _by_patches(
    x: jax.Array,
    kernel: jax.Array,
    how: How,
) -> jax.Array:
    """The same with few places, as a product of what the windows see and the kernel."""
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
    """The convolution in the form that is fast for its sizes."""
    places = math.prod(
        (size + sum(pad) - window) // stride + 1
        for size, pad, window, stride in zip(
            x.shape[1:3], how.pads, kernel.shape[:2], how.strides, strict=True
        )
    )
    channels, features = kernel.shape[2:]
    if places <= MOST_PLACES_BY_PATCHES:
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
    """The convolution, as the platform runs it fast."""
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
    """The gradients by ``x`` and by the kernel: JAX's own, or on CPU ours."""
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
    """A convolution of the output's gradient with the kernel turned about."""
    strides, pads, precision = how
    low = [
        window - 1 - pad for window, (pad, _) in zip(kernel.shape, pads, strict=False)
    ]
    # What is missing to the image's size, with stride - 1 zeros between g's pixels.
    high = [
        size + window - 1 - ((places - 1) * stride + 1) - before
        for size, window, places, stride, before in zip(
            x.shape[1:3], kernel.shape[:2], g.shape[1:3], strides, low, strict=True
        )
    ]
    turned = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    padding = tuple(zip(low, high, strict=True))
    if strides == (1, 1):
        return _on_cpu(g, turned, how._replace(pads=padding))
    return lax.conv_general_dilated(
        g,
        turned,
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
    """What the windows saw, times the output's gradient; some images at a time."""
    batch, rows, columns, _ = g.shape
    _, width, channels, features = kernel.shape
    strides = how.strides
    places = _places_together(columns, features, FEWEST_FEATURES_OF_GRADIENT)
    seen = (places - 1) * strides[1] + width
    numbers = rows * (columns // places) * seen * channels  # of an image
    groups = next(
        n
        for n in range(1, max(batch, 1) + 1)
        if batch % n == 0 and (batch // n * numbers <= MOST_NUMBERS or n >= batch)
    )

    def add(group: jax.Array, gradient: jax.Array) -> jax.Array:
        some = (lax.dynamic_index_in_dim(a, group, 1, keepdims=False) for a in parts)
        return gradient + _windows_times(next(some), kernel, next(some), how)

    # A group has images from all over the batch: on a mesh each device has its part.
    parts = [a.reshape(-1, groups, *a.shape[1:]) for a in (x, g)]
    # Sums of 16 bits would lose what is added last.
    zero = jnp.zeros(kernel.shape, jnp.promote_types(kernel.dtype, jnp.float32))
    return lax.fori_loop(0, groups, add, zero).astype(kernel.dtype)


def _windows_times(
    x: jax.Array,
    kernel: jax.Array,
    g: jax.Array,
    how: How,
) -> jax.Array:
    """The kernel's gradient, a product for each of the kernel's rows.

    With few features neighbouring places are one, as in :func:`_widened`; of what the
    wide window saw, each place's gradient takes its own part.
    """
    strides, pads, precision = how
    height, width, channels, features = kernel.shape
    batch, rows, columns, _ = g.shape
    places = _places_together(columns, features, FEWEST_FEATURES_OF_GRADIENT)
    step, seen = places * strides[1], (places - 1) * strides[1] + width
    blocks, parts = columns // places, -(-seen // step)
    # Zeros up to the last pixel that is needed; negative where the image has more.
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
    if places == 1 and seen * channels < FEWEST_NUMBERS_IN_PRODUCT:
        windows = [jnp.concatenate(windows, axis=-1)]
    # The sum is over the left's last dimension and the right's first: with other
    # orders of the dimensions it takes twice the time.
    g = g.reshape(-1, places * features).T
    products = jnp.concatenate(
        [jnp.dot(g, w.reshape(g.shape[1], -1), precision=precision) for w in windows],
        axis=-1,
    ).reshape(places, features, height, seen, channels)
    shifts = [place * strides[1] for place in range(places)]
    gradient = functools.reduce(
        operator.add,
        [
            products[place, :, :, shift : shift + width]
            for place, shift in enumerate(shifts)
        ],
    )
    return gradient.transpose(1, 2, 3, 0)
