"""The record that describes a landscape."""

from collections.abc import Callable
from typing import NamedTuple

import jax

Point = tuple[float, ...]


class Landscape(NamedTuple):
    """A function of few variables, with what is known about it.

    Points are tuples of floats, so that importing a landscape puts nothing on a device.
    `jax.numpy.asarray` makes an array of one, and of several a batch for `jax.vmap`.
    """

    name: str
    objective: Callable[[jax.Array], jax.Array]  # shape (dim,) -> shape ().
    inits: tuple[Point, ...]  # where the papers start; () if they do not say.
    minimizers: tuple[Point, ...]  # the global minimizers.
    saddles: tuple[Point, ...]  # critical points that are not extrema.
    reference: str  # where it is in Castera's thesis.
    # Points that are not critical, although automatic differentiation returns 0 there.
    spurious: tuple[Point, ...] = ()
