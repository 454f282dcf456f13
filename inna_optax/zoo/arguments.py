"""What the networks ask of their arguments, before a layer fails on them."""

import difflib
import numbers
import operator
from collections.abc import Sequence
from typing import Any

from flax import nnx

PADDINGS = ("SAME", "VALID")


def as_count(name: str, value: Any) -> int:
    """`value` as an integer.

    Raises:
      TypeError: if it is none, or a bool.
      ValueError: if it is less than 1.
    """
    count = _integer(value)
    if count is None:
        raise TypeError(f"{name} must be an integer in [1, inf), got {shown(value)}.")
    if count < 1:
        raise ValueError(f"{name} must be in [1, inf), got {value!r}.")
    return count


def as_counts(name: str, values: Any, length: int | None = None) -> tuple[int, ...]:
    """`values` as a tuple of integers, of that length.

    Raises:
      TypeError: if they are not a sequence of integers.
      ValueError: if one is less than 1, or they are not as many.
    """
    message = (
        f"{name} must be {'' if length is None else f'{length} '}integers in [1, inf),"
        f" got {shown(values)}."
    )
    try:
        integers = [_integer(value) for value in values]
    except TypeError as error:
        raise TypeError(message) from error
    counts = tuple(integer for integer in integers if integer is not None)
    if len(counts) < len(integers):
        raise TypeError(message)
    if any(count < 1 for count in counts) or length not in (None, len(counts)):
        raise ValueError(message)
    return counts


def as_image_shape(
    input_shape: Any, *, padding: str = "SAME", smallest: int = 1
) -> tuple[int, ...]:
    """`input_shape` as (height, width, channels), of images that the network can take.

    Raises:
      TypeError: if it is not a sequence of integers.
      ValueError: if there are not three, or height or width is less than `smallest`,
        which is what this `padding` needs.
    """
    shape = as_counts("input_shape", input_shape, 3)
    if min(shape[:2]) < smallest:
        raise ValueError(
            f"input_shape is too small: height and width must be in [{smallest}, inf)"
            f" with padding={padding!r}, got {shape}."
        )
    return shape


def check_padding(padding: Any) -> None:
    """Raises a ValueError that suggests the nearest, unless there is such a padding."""
    if padding not in PADDINGS:
        near = difflib.get_close_matches(str(padding).upper(), PADDINGS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f'padding must be "SAME" or "VALID", got {padding!r}.{hint}')


def check_probability(name: str, value: Any) -> None:
    """Raises unless `value` is a number in [0, 1).

    Raises:
      TypeError: if it is not a real number.
      ValueError: if it is outside its range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number in [0, 1), got {shown(value)}.")
    if not 0 <= float(value) < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}.")


def check_functions(optional: Sequence[str] = (), **functions: Any) -> None:
    """Raises a TypeError unless each argument is a function, or None if `optional`."""
    for name, value in functions.items():
        may_be_none = name in optional
        if not (callable(value) or (may_be_none and value is None)):
            kind = "a function or None" if may_be_none else "a function"
            raise TypeError(f"{name} must be {kind}, got {shown(value)}.")


def check_rngs(rngs: Any) -> None:
    """Raises a TypeError unless ``rngs`` are Flax's, which a key of JAX is not."""
    if not isinstance(rngs, nnx.Rngs):
        raise TypeError(
            f"rngs must be random keys of Flax, such as nnx.Rngs(0), got {shown(rngs)}."
        )


def shown(value: Any) -> str:
    """Its repr on one line, cut where it is long: the keys of Flax take many."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _integer(value: Any) -> int | None:
    """None if it is no integer."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None
