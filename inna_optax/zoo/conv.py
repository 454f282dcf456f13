"""Convolutions whose gradients every platform's compiler runs fast.

XLA's CPU backend has a library for convolutions that are written in one order of
dimensions: images (batch, height, width, channels), kernels (height, width, channels,
features).  The gradients that JAX derives are in other orders.  XLA reorders them,
but (in jax 0.10.2) not inside a loop, and an epoch of training is one: there it runs
nested loops of scalars, 3 to 100 times slower for the zoo's layers.  Here the
gradients are written in the library's order.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

IMAGES = ("NHWC", "HWIO", "NHWC")
Pads = tuple[tuple[int, int], ...]

# A kernel's gradient as a product of patches and a matrix, from few channels to many
# features: 0.4 and 0.5 of the convolution's time for 5x5 windows from 3 and 1 channels
# to 192 features (batch 128); 2.2 times its time from 3 channels to 6 features.
MOST_CHANNELS = 4
FEWEST_FEATURES = 64


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

    A 1x1 convolution is a dense layer over the channels on every platform.  Any other
    is a convolution everywhere; its gradients are JAX's own on all platforms but CPU.
    They are a custom rule, which can be differentiated again in either mode (Hessian
    times vector included); only ``jax.jvp`` of the convolution itself is refused.

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
    return _convolve(x, kernel, tuple(strides), pads, precision)


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
    strides: tuple[int, ...],
    pads: Pads,
    precision: Any,
) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=IMAGES, precision=precision
    )


_convolve = jax.custom_vjp(_plain, nondiff_argnums=(2, 3, 4))


def _forward(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    pads: Pads,
    precision: Any,
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _plain(x, kernel, strides, pads, precision), (x, kernel)


def _backward(
    strides: tuple[int, ...],
    pads: Pads,
    precision: Any,
    residuals: tuple[jax.Array, jax.Array],
    cotangent: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The gradients by ``x`` and by the kernel: JAX's own, or on CPU ours."""
    plain = functools.partial(_plain, strides=strides, pads=pads, precision=precision)

    def derived(x: jax.Array, kernel: jax.Array, g: jax.Array) -> Any:
        return jax.vjp(plain, x, kernel)[1](g)

    def reordered(x: jax.Array, kernel: jax.Array, g: jax.Array) -> Any:
        channels, features = kernel.shape[2:]
        by_kernel = _kernel_gradient
        if (
            strides == (1, 1)
            and channels <= MOST_CHANNELS
            and features >= FEWEST_FEATURES
        ):
            by_kernel = _kernel_gradient_by_patches
        arguments = (x, kernel, g, strides, pads, precision)
        return _image_gradient(*arguments), by_kernel(*arguments)

    return lax.platform_dependent(*residuals, cotangent, cpu=reordered, default=derived)


_convolve.defvjp(_forward, _backward)


def _image_gradient(
    x: jax.Array,
    kernel: jax.Array,
    g: jax.Array,
    strides: tuple[int, ...],
    pads: Pads,
    precision: Any,
) -> jax.Array:
    """A convolution of the output's gradient with the kernel turned about."""
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
    return lax.conv_general_dilated(
        g,
        jnp.flip(kernel, (0, 1)).swapaxes(2, 3),
        (1, 1),
        list(zip(low, high, strict=True)),
        lhs_dilation=strides,
        dimension_numbers=IMAGES,
        precision=precision,
    )


def _kernel_gradient(
    x: jax.Array,
    kernel: jax.Array,
    g: jax.Array,
    strides: tuple[int, ...],
    pads: Pads,
    precision: Any,
) -> jax.Array:
    """A convolution of the images with the output's gradient; examples as channels."""
    # Negative where the last window ends before the image does.
    high = [
        (places - 1) * stride + window - size - before
        for places, stride, window, size, (before, _) in zip(
            g.shape[1:3], strides, kernel.shape[:2], x.shape[1:3], pads, strict=True
        )
    ]
    gradient = lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),
        g.transpose(1, 2, 0, 3),
        (1, 1),
        [(before, after) for (before, _), after in zip(pads, high, strict=True)],
        rhs_dilation=strides,
        dimension_numbers=IMAGES,
        precision=precision,
    )
    return gradient.transpose(1, 2, 0, 3)


def _kernel_gradient_by_patches(
    x: jax.Array,
    kernel: jax.Array,
    g: jax.Array,
    strides: tuple[int, ...],
    pads: Pads,
    precision: Any,
) -> jax.Array:
    """The same for stride 1: what the windows saw, times the output's gradient."""
    height, width, _, features = kernel.shape
    rows, columns = g.shape[1:3]
    # Pixels last: a row of them is copied at once.  With the channels last, as in the
    # images, three numbers are, and the patches cost more than the product saves.
    x = jnp.pad(x, ((0, 0), *pads, (0, 0))).transpose(3, 0, 1, 2)
    patches = jnp.concatenate(
        [
            x[:, :, i : i + rows, j : j + columns]
            for i in range(height)
            for j in range(width)
        ]
    )
    product = jnp.dot(
        patches.reshape(len(patches), -1), g.reshape(-1, features), precision=precision
    )
    return product.reshape(kernel.shape)
