"""Convolutions, written the way each platform's compiler runs them fast."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

# Where a product of patches and a matrix is faster than XLA's convolution on CPU; by
# benchmarks/layers.py, 5x5 windows at batch 128, forward and backward: 3 channels to
# 192 features 0.50 of its time, 1 to 192 0.56, 3 to 6 2.5 times it, 6 to 16 1.1.
MOST_CHANNELS = 4
FEWEST_FEATURES = 64


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    padding: Any,
    **options: Any,
) -> jax.Array:
    """``lax.conv_general_dilated`` for images, as a product of matrices where faster.

    It takes what ``nnx.Conv`` passes, and so goes into the layer by the layer's own
    argument: ``nnx.Conv(..., conv_general_dilated=convolve)`` has the parameters of
    a plain ``nnx.Conv``, and its values and gradients to rounding.

    A 1x1 convolution is a dense layer over the channels on every platform.  On CPU, a
    convolution from few channels to many features is a product of the image's patches
    and the kernel; for all other platforms it lowers to the convolution.

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

    def plain(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, kernel, strides, padding, **options)

    if x.ndim != 4 or not _is_simple(strides, options):
        return plain(x, kernel)
    height, width, channels, features = kernel.shape
    pads = padding
    if isinstance(padding, str):
        pads = lax.padtype_to_pads(x.shape[1:3], (height, width), strides, padding)
    precision = options.get("precision")

    if height == width == 1 and not any(n for pair in pads for n in pair):
        # The same product for every platform.  On CPU XLA runs the gradients of the
        # convolution without any library's product: a layer of NiN (192 to 160
        # channels, 32x32 pixels, batch 128), forward and backward, 2.7 times slower.
        return jnp.dot(x, kernel[0, 0], precision=precision)

    def by_patches(x: jax.Array, kernel: jax.Array) -> jax.Array:
        patches = _patches(x, height, width, pads)
        matrix = kernel.reshape(-1, features)
        return jnp.einsum("p...,pf->...f", patches, matrix, precision=precision)

    if channels <= MOST_CHANNELS and features >= FEWEST_FEATURES:
        return lax.platform_dependent(x, kernel, cpu=by_patches, default=plain)
    return plain(x, kernel)


def _is_simple(strides: tuple[int, ...], options: dict[str, Any]) -> bool:
    """Whether the window moves by single pixels, and nothing unusual is asked for."""
    dilations = (options.get("lhs_dilation"), options.get("rhs_dilation"))
    return (
        all(n == 1 for n in (*strides, *(n for d in dilations for n in d or ())))
        and options.get("feature_group_count", 1) == 1
        and options.get("preferred_element_type") is None
        and options.get("out_sharding") is None
    )


def _patches(
    x: jax.Array, height: int, width: int, pads: list[tuple[int, int]]
) -> jax.Array:
    """What the windows see: (height * width * channels, batch, rows, columns).

    Pixels come last, for a row of them is copied at once: with the channels last, as
    in the images, a few numbers are, and the patches cost more than they save.
    """
    x = jnp.pad(x, ((0, 0), *pads, (0, 0))).transpose(3, 0, 1, 2)
    rows, columns = x.shape[2] - height + 1, x.shape[3] - width + 1
    places = [
        x[:, :, i : i + rows, j : j + columns]
        for i in range(height)
        for j in range(width)
    ]
    return jnp.concatenate(places)
