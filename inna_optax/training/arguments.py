"""Checks of the engine's arguments, before a compiled function fails on them."""

import os
import pathlib
from typing import Any

import numpy as np

from inna_optax._checks import shown


def check_type(name: str, value: Any, kind: type) -> None:
    """Raises a TypeError unless `value` is of that type."""
    if not isinstance(value, kind):
        raise TypeError(
            f"{name} must be of type {kind.__name__}, got {type(value).__name__}."
        )


def as_path(name: str, value: Any) -> pathlib.Path:
    """`value` as a path.

    Raises:
      TypeError: if it is neither a str nor a path.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a str or a path, got {shown(value)}.")
    return pathlib.Path(value)


def as_seeds(name: str, value: Any) -> np.ndarray:
    """A seed, or an array of seeds, as an array of the engine's type.

    Raises:
      TypeError: if `value` is neither an integer nor an array of integers.
      ValueError: if a seed is outside [0, 2**32).
    """
    try:
        seeds = np.asarray(value)
    except (TypeError, ValueError):  # a key of JAX, lists of unequal length
        seeds = np.asarray(None)
    if not np.issubdtype(seeds.dtype, np.integer):
        raise TypeError(
            f"{name} must be an integer, or an array of them, in [0, 2**32), got"
            f" {shown(value)}."
        )
    if np.any((seeds < 0) | (seeds >= 2**32)):
        raise ValueError(f"{name} must be in [0, 2**32), got {shown(value)}.")
    return seeds.astype(np.uint32)
