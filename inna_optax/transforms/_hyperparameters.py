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
import numpy as np

from inna_optax._checks import check_number, known_number, shown
from inna_optax.transforms._arithmetic import Scalar, working_dtype

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
      ValueError: if `value` is a known number outside `interval`, NaN included, or an
        array that is not a scalar.
    """
    if isinstance(value, jax.Array | np.ndarray):
        check_scalar(name, value)
    if isinstance(value, jax.Array) or (schedule and callable(value)):
        return
    expected = "a real number or a schedule" if schedule else "a real number"
    check_number(name, value, interval, expected=expected)


def check_scalar(name: str, value: Any) -> None:
    """Raises a ValueError unless `value`'s shape is ()."""
    if jnp.shape(value) != ():
        raise ValueError(
            f"{name} must be a number or an array of shape (), got an array of shape"
            f" {jnp.shape(value)}."
        )


def check_precision(name: str, value: Any, default: float) -> None:
    """Checks that `value` is not an array of a type that cannot hold the default.

    `optax.inject_hyperparams` casts hyperparameters to the type of the params.

    Args:
      name: the argument's name.
      value: what the user passed for it.
      default: the argument's default, in (0, 1): it and its distance to one shall be
        right to one part in a hundred.

    Raises:
      TypeError: if it is.
    """
    if not isinstance(value, jax.Array):
        return
    rounded = float(np.asarray(default, value.dtype).real)
    if abs(rounded - default) > 0.01 * min(default, 1 - default):
        raise TypeError(
            f"{name} must be at least float32, got {value.dtype}, which rounds"
            f" {default:g} to {rounded:g}: pass hyperparam_dtype=jnp.float32 to"
            " optax.inject_hyperparams."
        )


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


def check_axis_name(value: Any) -> None:
    """Raises a TypeError unless `value` is None, a name or a tuple of names."""
    names = value if isinstance(value, tuple) else (value,)
    if value is not None and not all(isinstance(name, str) for name in names):
        raise TypeError(
            "axis_name must be the name of an axis, a tuple of names or None, got"
            f" {shown(value)}."
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
    return array.astype(working_dtype(array))


def value_at(name: str, hyperparameter: ScalarOrSchedule, count: Any) -> Scalar:
    """The value of a constant or of a schedule at step, or at time, `count`.

    Raises:
      ValueError: if the schedule returns an array that is not a scalar.
    """
    if not callable(hyperparameter):
        return as_scalar(hyperparameter)
    value = hyperparameter(count)
    check_scalar(f"{name}'s schedule", value)
    return as_scalar(value)
