"""Numbers and arrays of numbers as arguments of the theory's functions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax.transforms.hyperparameters import check_hyperparameter


def check_number_or_array(name: str, value: Any, interval: str) -> None:
    """Raises unless `value` is an array, or a number inside `interval`.

    Raises:
      TypeError: if `value` is neither a real number nor an array.
      ValueError: if `value` is a number outside `interval`.
    """
    if not isinstance(value, np.ndarray):
        check_hyperparameter(name, value, interval)


def as_float_array(name: str, value: Any, interval: str) -> jax.Array:
    """`value` as an array of at least float32, after :func:`check_number_or_array`."""
    check_number_or_array(name, value, interval)
    dtype = jnp.promote_types(jnp.result_type(value, float), jnp.float32)
    return jnp.asarray(value, dtype)
