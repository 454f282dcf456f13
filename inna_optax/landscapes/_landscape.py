"""The record in which each landscape comes."""

from collections.abc import Callable
from typing import NamedTuple

import jax

Point = tuple[float, ...]


class Landscape(NamedTuple):
    """A function of few variables, with what is known of it.

    Points are tuples of floats, so that importing a landscape puts nothing on a
    device: make arrays of them with `jax.numpy.asarray`, which also turns several
    initializations into a batch for `jax.vmap`.
    """

    name: str
    objective: Callable[[jax.Array], jax.Array]  # shape (dim,) -> shape ().
    inits: tuple[Point, ...]  # where the papers start; () if they do not say.
    minimizers: tuple[Point, ...]  # the global minimizers.
    saddles: tuple[Point, ...]  # critical points that are no extremum.
    reference: str  # where it is in Castera's thesis.
    # Points that are not critical, but where automatic differentiation returns 0.
    spurious: tuple[Point, ...] = ()
