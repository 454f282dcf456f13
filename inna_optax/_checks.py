"""Checks of arguments that all subpackages share.

A bad argument is reported in one line, which names the argument, its legal range and
the value given.  This module imports neither jax nor any other module of this
package, so that any of them can use it.
"""

import difflib
import numbers
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np


def shown(value: Any) -> str:
    """The repr of `value` on one line, truncated."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def nearest(name: Any, names: Iterable[str]) -> str:
    """A hint to append to an error: the most similar of `names`, or nothing."""
    near = difflib.get_close_matches(str(name).lower(), names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def known_number(value: Any) -> float | None:
    """`value` as a float if it is a real number of Python or NumPy, else None."""
    if isinstance(value, np.generic) or (
        isinstance(value, np.ndarray) and value.ndim == 0
    ):
        value = value.item()
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    return None


def check_number(
    name: str, value: Any, interval: str, *, expected: str = "a real number"
) -> None:
    """Checks that `value` is a real number in `interval`.

    Args:
      name: the argument's name.
      value: what the user passed for it.
      interval: the legal range in mathematical notation, such as `"[0, inf)"`.
      expected: what the argument may be, for the error.

    Raises:
      TypeError: if `value` is not a real number.
      ValueError: if it is outside `interval`, or NaN.
    """
    number = known_number(value)
    if number is None:
        raise TypeError(f"{name} must be {expected} in {interval}, got {shown(value)}.")
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    above = number >= low if interval[0] == "[" else number > low
    below = number <= high if interval[-1] == "]" else number < high
    if not (above and below):
        raise ValueError(f"{name} must be in {interval}, got {value!r}.")


def as_count(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """`value` as an integer in [least, most].

    Args:
      name: the argument's name.
      value: what the user passed for it: anything that can index a list, except a
        bool.
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


def as_counts(name: str, values: Any) -> tuple[int, ...]:
    """`values` as a tuple of integers in [1, inf).

    Raises:
      TypeError: if `values` is not a sequence of integers.
      ValueError: if one of them is less than 1.
    """
    try:
        return tuple(as_count(name, value) for value in values)
    except (TypeError, ValueError) as error:
        # The error of one item does not show which of several values is meant.
        message = f"{name} must be integers in [1, inf), got {shown(values)}."
        raise type(error)(message) from None
