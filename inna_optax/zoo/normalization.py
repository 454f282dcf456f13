"""Batch normalization with the settings of the papers' library."""

from collections.abc import Callable

from flax import nnx

# (features, rngs=...) -> a module that maps (..., features) to the same shape
Normalization = Callable[..., nnx.Module]


def batch_norm(features: int, *, rngs: nnx.Rngs) -> nnx.BatchNorm:
    """Batch normalization: scales start at one, shifts at zero.

    The running averages keep 0.9 of their value at each update and epsilon is 1e-5, as
    in PyTorch 1.4, with which chapter 4's experiments were made.

    Args:
      features: number of channels, in [1, inf).
      rngs: random keys, which Flax asks for although none is drawn.

    Returns:
      The layer.  After ``model.train()`` it normalizes with the batch's mean and
      variance and updates the running averages; after ``model.eval()`` it normalizes
      with the running averages.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> batch_norm(3, rngs=nnx.Rngs(0))(jnp.ones((5, 3))).shape
      (5, 3)
    """
    return nnx.BatchNorm(features, momentum=0.9, epsilon=1e-5, rngs=rngs)
