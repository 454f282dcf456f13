"""Hyperparameters: their legal ranges, and their values at a given step.

Only numbers known while Python runs are checked. A `jax.Array` may be a tracer
(`jax.vmap` over a learning rate) or the value of a schedule at this step
(`optax.inject_hyperparams`); comparing it would break the first and make the
second behave differently with and without `jax.jit`.
"""

import difflib
import numbers
import operator
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax.transforms._arithmetic import Scalar

ScalarOrSchedule = float | jax.Array | Callable[[Any], Any]


def shown(value: Any) -> str:
    """`value` as an error has it: its repr on one line, cut where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def nearest(name: Any, names: Iterable[str]) -> str:
    """What an error says of a misspelt `name`: the most similar one, or nothing."""
    near = difflib.get_close_matches(str(name).lower(), names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def known_number(value: Any) -> float | None:
    """`value` as a float if Python knows it, None if it is an array or a schedule."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    return None


def check_hyperparameter(
    name: str, value: Any, interval: str, *, schedule: bool = False
) -> None:
    """Raises an error that names `name`, `value` and the legal `interval`.

    Args:
      name: the argument's name.
      value: what the user passed for it.
      interval: the legal range as mathematicians write it, such as `"[0, inf)"`.
      schedule: whether a function of the step is also accepted.

    Raises:
      TypeError: if `value` is neither a real number nor an array nor, where
        allowed, a schedule.
      ValueError: if `value` is a known number outside `interval`, NaN included.
    """
    if isinstance(value, jax.Array) or (schedule and callable(value)):
        return
    number = known_number(value)
    if number is None:
        expected = "a real number or a schedule" if schedule else "a real number"
        raise TypeError(f"{name} must be {expected} in {interval}, got {shown(value)}.")
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    above = number >= low if interval[0] == "[" else number > low
    below = number <= high if interval[-1] == "]" else number < high
    if not (above and below):
        raise ValueError(f"{name} must be in {interval}, got {value!r}.")


def as_count(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """`value` as an integer, for what Python must know: sizes and numbers of things.

    Args:
      name: the argument's name.
      value: what the user passed for it: anything that can index a list, but a bool.
      least: the smallest legal value.
      most: the largest legal value; None for no limit.

    Returns:
      The integer.

    Raises:
      TypeError: if `value` is not an integer.
      ValueError: if it is outside its range.
    """
    interval = f"[{least}, {'inf)' if most is None else f'{most}]'}"
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer in {interval}, got {shown(value)}.")
    if count < least or (most is not None and count > most):
        raise ValueError(f"{name} must be in {interval}, got {value!r}.")
    return count


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
    """Refuses known `alpha * learning_rate >= 1`, where INNA forgets its velocity.

    Theorem 3.9 keeps the step below 1 / alpha: beyond it the factor
    `1 - alpha * learning_rate` of the velocity is zero or negative.
    """
    a, gamma = known_number(alpha), known_number(learning_rate)
    if a is not None and gamma is not None and not a * gamma < 1:
        raise ValueError(
            f"alpha * learning_rate must be in [0, 1), got {a!r} * {gamma!r} ="
            f" {a * gamma:.6g}: use a learning_rate below {1 / a:.6g}."
        )


def check_ordered(low_name: str, low: Any, high_name: str, high: Any) -> None:
    """Refuses known `low > high`."""
    lower, upper = known_number(low), known_number(high)
    if lower is not None and upper is not None and lower > upper:
        raise ValueError(
            f"{low_name} must be at most {high_name}, got {low_name}={low!r} and"
            f" {high_name}={high!r}."
        )


def as_scalar(value: Any) -> Scalar:
    """A constant hyperparameter as a Python float, or as an array of at least float32.

    `optax.inject_hyperparams` casts hyperparameters to the type of the params,
    which may be bfloat16 or complex: an array is widened, and its real part kept.
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
