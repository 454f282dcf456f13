"""Pooling that is fast on every platform."""

import functools
import operator
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

# (images, window, stride, padding) -> images
Pool = Callable[[jax.Array, int, int, str], jax.Array]

# XLA's CPU backend has no fast code for the gradients of its windowed operations.  On
# CPU the pooled images are therefore computed from strided slices, one for each offset
# in the window.  The time relative to Flax's, forward and backward, for batches of 128,
# measured on 2 CPU cores: max pooling 0.13 to 0.29 (2x2, LeNet's sizes), 0.22 and 0.36
# (3x3 stride 2, NiN's); average pooling 0.66 to 1.14 and 0.22 to 0.59.  For 8x8 windows
# slices take 20 times as long, so large windows stay Flax's.
LARGEST_SLICED_WINDOW = 4


def max_pool(x: jax.Array, window: int, stride: int, padding: str) -> jax.Array:
    """``nnx.max_pool`` over square windows, with gradients equal up to rounding.

    Args:
      x: images, of shape (batch, height, width, channels).
      window: width of the window, in [1, inf).
      stride: step of the window, in [1, inf).
      padding: ``"SAME"`` or ``"VALID"``.

    Returns:
      The largest value in each window; of equal ones the first gets the gradient.

    Examples:
      >>> import jax.numpy as jnp
      >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 2, 2, "VALID")[0, :, :, 0]
      Array([[ 5.,  7.],
             [13., 15.]], dtype=float32)
    """

    def plain(x: jax.Array) -> jax.Array:
        return nnx.max_pool(x, (window, window), (stride, stride), padding)

    if window > LARGEST_SLICED_WINDOW:
        return plain(x)

    def by_slices(x: jax.Array) -> jax.Array:
        slices = _window_slices(x, window, stride, padding, -jnp.inf)
        return functools.reduce(_first_largest, slices)

    return lax.platform_dependent(x, cpu=by_slices, default=plain)


def avg_pool(x: jax.Array, window: int, stride: int, padding: str) -> jax.Array:
    """``nnx.avg_pool`` over square windows, up to rounding.

    Args:
      x: images, of shape (batch, height, width, channels).
      window: width of the window, in [1, inf).
      stride: step of the window, in [1, inf).
      padding: ``"SAME"`` or ``"VALID"``; the zeros of ``"SAME"`` are averaged too.

    Returns:
      The mean of each window.

    Examples:
      >>> import jax.numpy as jnp
      >>> avg_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 2, 2, "VALID")[0, :, :, 0]
      Array([[ 2.5,  4.5],
             [10.5, 12.5]], dtype=float32)
    """

    def plain(x: jax.Array) -> jax.Array:
        return nnx.avg_pool(x, (window, window), (stride, stride), padding)

    if window > LARGEST_SLICED_WINDOW:
        return plain(x)

    def by_slices(x: jax.Array) -> jax.Array:
        slices = _window_slices(x, window, stride, padding, 0.0)
        return functools.reduce(operator.add, slices) / window**2

    return lax.platform_dependent(x, cpu=by_slices, default=plain)


def global_avg_pool(x: jax.Array) -> jax.Array:
    """The mean of each channel: (batch, height, width, channels) to (batch, channels).

    Args:
      x: images.

    Returns:
      One value per image and channel.

    Examples:
      >>> import jax.numpy as jnp
      >>> global_avg_pool(jnp.ones((2, 8, 8, 10))).shape
      (2, 10)
    """
    return jnp.mean(x, axis=(1, 2))


def _window_slices(
    x: jax.Array, window: int, stride: int, padding: str, fill: float
) -> list[jax.Array]:
    """For each offset in the window, row by row, the pixels of all windows there."""
    pads = lax.padtype_to_pads(
        x.shape[1:3], (window, window), (stride, stride), padding
    )
    config = [(0, 0, 0), *((low, high, 0) for low, high in pads), (0, 0, 0)]
    x = lax.pad(x, jnp.asarray(fill, x.dtype), config)
    # One past the last position of the window's first pixel.
    height, width = ((n - window) // stride * stride + 1 for n in x.shape[1:3])
    return [
        x[:, i : i + height : stride, j : j + width : stride]
        for i in range(window)
        for j in range(window)
    ]


def _first_largest(a: jax.Array, b: jax.Array) -> jax.Array:
    """The larger of the two: ``a`` if they are equal, NaN if either is NaN."""
    return jnp.where((a >= b) | jnp.isnan(a), a, b)
