"""Batch normalization with the settings of the papers' library."""

from collections.abc import Callable

from flax import nnx

from inna_optax.zoo.arguments import as_count, check_rngs

# features, rngs=... -> a module that maps (..., features) to the same shape
Normalization = Callable[..., nnx.Module]


def batch_norm(features: int, *, rngs: nnx.Rngs) -> nnx.BatchNorm:
    """Batch normalization: scales start at one, shifts at zero.

    The running averages keep 0.9 of what they were and epsilon is 1e-5, as in
    PyTorch 1.4, with which chapter 4's experiments were made.

    Args:
      features: number of channels, in [1, inf).
      rngs: random keys; none is drawn from.

    Returns:
      The layer; ``model.train()`` has it use and record the batch's mean and
      variance, ``model.eval()`` the running averages.

    Raises:
      TypeError: if ``features`` is not an integer, or ``rngs`` are not Flax's.
      ValueError: if ``features`` is less than 1.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> batch_norm(3, rngs=nnx.Rngs(0))(jnp.ones((5, 3))).shape
      (5, 3)
    """
    features = as_count("features", features)
    check_rngs(rngs)
    return nnx.BatchNorm(features, momentum=0.9, epsilon=1e-5, rngs=rngs)
