"""Pooling, written the way each platform's compiler runs it fast."""

import functools
import operator
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

# images, window, stride, padding -> images
Pool = Callable[[jax.Array, int, int, str], jax.Array]

# On CPU the pooled images are put together from slices, one for each place in the
# window, for XLA has no fast code for the gradients of its windowed operations.
# Forward and backward at batch 128, as a part of Flax's time: maximum 0.13 to 0.29
# (2x2, LeNet's sizes), 0.22 and 0.36 (3x3 stride 2, NiN's); average 0.66 to 1.14 and
# 0.22 to 0.59.  Slices of 8x8 windows take 20 times as long: large ones stay Flax's.
LARGEST_SLICED_WINDOW = 4


def max_pool(x: jax.Array, window: int, stride: int, padding: str) -> jax.Array:
    """``nnx.max_pool`` over square windows; equal values, and gradients to rounding.

    Args:
      x: images, of shape (batch, height, width, channels).
      window: width of the window, in [1, inf).
      stride: step of the window, in [1, inf).
      padding: ``"SAME"`` or ``"VALID"``.

    Returns:
      The largest value in each window; of equal ones the first has the gradient.

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

    def by_places(x: jax.Array) -> jax.Array:
        places = _window_places(x, window, stride, padding, -jnp.inf)
        return functools.reduce(_first_largest, places)

    return lax.platform_dependent(x, cpu=by_places, default=plain)


def avg_pool(x: jax.Array, window: int, stride: int, padding: str) -> jax.Array:
    """``nnx.avg_pool`` over square windows, to rounding.

    Args:
      x: images, of shape (batch, height, width, channels).
      window: width of the window, in [1, inf).
      stride: step of the window, in [1, inf).
      padding: ``"SAME"`` or ``"VALID"``; the zeros of ``"SAME"`` count.

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

    def by_places(x: jax.Array) -> jax.Array:
        places = _window_places(x, window, stride, padding, 0.0)
        return functools.reduce(operator.add, places) / window**2

    return lax.platform_dependent(x, cpu=by_places, default=plain)


def global_avg_pool(x: jax.Array) -> jax.Array:
    """The mean of each channel: (batch, height, width, channels) to (batch, channels).

    Args:
      x: images.

    Returns:
      One value an image and channel.

    Examples:
      >>> import jax.numpy as jnp
      >>> global_avg_pool(jnp.ones((2, 8, 8, 10))).shape
      (2, 10)
    """
    return jnp.mean(x, axis=(1, 2))


def _window_places(
    x: jax.Array, window: int, stride: int, padding: str, fill: float
) -> list[jax.Array]:
    """For each place in the window, row by row, what all windows see there."""
    pads = lax.padtype_to_pads(
        x.shape[1:3], (window, window), (stride, stride), padding
    )
    config = [(0, 0, 0), *((low, high, 0) for low, high in pads), (0, 0, 0)]
    x = lax.pad(x, jnp.asarray(fill, x.dtype), config)
    # One past the last pixel that the window's first place sees.
    height, width = ((n - window) // stride * stride + 1 for n in x.shape[1:3])
    return [
        x[:, i : i + height : stride, j : j + width : stride]
        for i in range(window)
        for j in range(window)
    ]


def _first_largest(a: jax.Array, b: jax.Array) -> jax.Array:
    """The larger of the two; ``a`` if they are equal; a NaN wherever there is one."""
    return jnp.where((a >= b) | jnp.isnan(a), a, b)
