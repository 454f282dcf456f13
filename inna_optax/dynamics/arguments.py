"""Checks of arguments that are numbers or arrays of numbers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax._checks import known_number, shown
from inna_optax.transforms._hyperparameters import check_hyperparameter


def check_number_or_array(name: str, value: Any, interval: str) -> None:
    """Checks that `value` is an array, or a number inside `interval`.

    Raises:
      TypeError: if `value` is neither a real number nor an array of real numbers.
      ValueError: if `value` is a number outside `interval`.
    """
    if not (isinstance(value, jax.Array) or _is_real_array(value)):
        check_hyperparameter(name, value, interval)


def check_number_or_nan(name: str, value: Any) -> None:
    """Raises a TypeError unless `value` is a real number, NaN included, or an array."""
    if not (
        isinstance(value, jax.Array)
        or _is_real_array(value)
        or known_number(value) is not None
    ):
        raise TypeError(
            f"{name} must be a real number or an array, got {shown(value)}."
        )


def check_key(key: Any) -> None:
    """Raises a TypeError unless `key` is an array: an integer seed is not a key."""
    if not isinstance(key, jax.Array | np.ndarray):
        raise TypeError(
            "key must be a key of jax.random, such as jax.random.key(0), got"
            f" {shown(key)}."
        )


def as_float_array(name: str, value: Any, interval: str) -> jax.Array:
    """`value` as an array of at least float32, after :func:`check_number_or_array`."""
    check_number_or_array(name, value, interval)
    dtype = jnp.promote_types(jnp.result_type(value, float), jnp.float32)
    return jnp.asarray(value, dtype)


def _is_real_array(value: Any) -> bool:
    """Whether `value` is a NumPy array of real numbers, with at least one axis."""
    return (
        isinstance(value, np.ndarray)
        and value.ndim > 0
        and any(
            jnp.issubdtype(value.dtype, kind) for kind in (jnp.floating, jnp.integer)
        )
    )
