"""Hyperparameters: their legal ranges, and their values at a given step.

Only numbers known while Python runs are checked.  A `jax.Array` may be a tracer
(`jax.vmap` over a learning rate), which cannot be compared.  It may also be the value
of a schedule at this step (`optax.inject_hyperparams`), which would be checked without
`jax.jit` and not checked with it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from inna_optax._checks import check_number, known_number, shown
from inna_optax.transforms._arithmetic import Scalar

ScalarOrSchedule = float | jax.Array | Callable[[Any], Any]


def check_hyperparameter(
    name: str, value: Any, interval: str, *, schedule: bool = False
) -> None:
    """Checks that `value` is in `interval`, as far as Python knows its value.

    Args:
      name: the argument's name.
      value: what the user passed for it.
      interval: the legal range in mathematical notation, such as `"[0, inf)"`.
      schedule: whether a function of the step is also accepted.

    Raises:
      TypeError: if `value` is neither a real number nor an array nor, where
        allowed, a schedule.
      ValueError: if `value` is a known number outside `interval`, NaN included.
    """
    if isinstance(value, jax.Array) or (schedule and callable(value)):
        return
    expected = "a real number or a schedule" if schedule else "a real number"
    check_number(name, value, interval, expected=expected)


def check_storage_dtype(name: str, value: Any) -> None:
    """Raises a TypeError unless `value` is None or a real floating-point type."""
    try:
        legal = value is None or jnp.issubdtype(jnp.dtype(value), jnp.floating)
    except (TypeError, ValueError, SyntaxError):  # NumPy parses strings
        legal = False
    if not legal:
        raise TypeError(
            f"{name} must be a real floating-point type or None, got {shown(value)}."
        )


def check_alpha_step(alpha: Any, learning_rate: Any) -> None:
    """Checks that `alpha * learning_rate < 1`, where both are known.

    Theorem 3.9 keeps the learning rate below 1 / alpha: from there on the velocity's
    factor `1 - alpha * learning_rate` is zero or negative.

    Raises:
      ValueError: if it is not.
    """
    a, gamma = known_number(alpha), known_number(learning_rate)
    if a is not None and gamma is not None and not a * gamma < 1:
        raise ValueError(
            f"alpha * learning_rate must be in [0, 1), got {a!r} * {gamma!r} ="
            f" {a * gamma:.6g}: use a learning_rate below {1 / a:.6g}."
        )


def check_ordered(low_name: str, low: Any, high_name: str, high: Any) -> None:
    """Raises a ValueError if `low > high`, where both are known."""
    lower, upper = known_number(low), known_number(high)
    if lower is not None and upper is not None and lower > upper:
        raise ValueError(
            f"{low_name} must be at most {high_name}, got {low_name}={low!r} and"
            f" {high_name}={high!r}."
        )


def as_scalar(value: Any) -> Scalar:
    """A constant hyperparameter as a Python float, or as an array of at least float32.

    `optax.inject_hyperparams` casts hyperparameters to the type of the params, which
    may be bfloat16 or complex.  An array is therefore widened, and its real part kept.
    """
    number = known_number(value)
    if number is not None:
        return number
    array = jnp.real(jnp.asarray(value))
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def value_at(hyperparameter: ScalarOrSchedule, count: jax.Array) -> Scalar:
    """The value of a constant or of a schedule at step `count`."""
    return as_scalar(
        hyperparameter(count) if callable(hyperparameter) else hyperparameter
    )
