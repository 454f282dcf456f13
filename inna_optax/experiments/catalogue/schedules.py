"""How a learning rate changes while a network is trained."""

import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import inna_optax


class Decay(NamedTuple):
    """The papers': the learning rate is divided by q^power, q = 1, 2, ..."""

    power: float
    each: str  # what q counts: "epoch" or "update"

    def over(self, epochs: int) -> "Decay":
        """The schedule of a run of that many epochs: the same for all."""
        del epochs
        return self

    def of(self, rate: Any, updates_per_epoch: int) -> optax.Schedule:
        """The learning rate at each update, from its first value."""
        every = updates_per_epoch if self.each == "epoch" else 1
        return inna_optax.inverse_power_schedule(rate, self.power, every)


class Cosine(NamedTuple):
    """A linear warm-up from zero, then half a cosine down to zero."""

    warmup: float  # the share of the updates that it takes
    epochs: int = 0  # of the run, in all

    def over(self, epochs: int) -> "Cosine":
        """The schedule of a run of that many epochs."""
        return self._replace(epochs=epochs)

    def of(self, rate: Any, updates_per_epoch: int) -> optax.Schedule:
        """The learning rate at each update, from its largest value."""
        updates = self.epochs * updates_per_epoch
        share = optax.warmup_cosine_decay_schedule(
            0.0, 1.0, round(self.warmup * updates), updates
        )

        def schedule(count: Any) -> jax.Array:
            # At the middle of each update: none is made at a rate of zero.
            return jnp.asarray(rate * share(count + 0.5))

        return schedule


class WarmUp(NamedTuple):
    """A linear warm-up from zero to a constant rate."""

    warmup: float  # the share of the updates that it takes
    epochs: int = 0  # of the run, in all

    def over(self, epochs: int) -> "WarmUp":
        """The schedule of a run of that many epochs."""
        return self._replace(epochs=epochs)

    def of(self, rate: Any, updates_per_epoch: int) -> optax.Schedule:
        """The learning rate at each update, from its largest value."""
        updates = self.epochs * updates_per_epoch
        rising = max(1, round(self.warmup * updates))
        return lambda count: rate * jnp.minimum((count + 1) / rising, 1.0)


Schedule = Decay | Cosine | WarmUp

PAPER = "paper"  # the protocol's own
# Those that a user can put in its place.
NAMED: Mapping[str, Schedule | None] = types.MappingProxyType(
    {"constant": None, "cosine": Cosine(warmup=0.05)}
)
SCHEDULES = (PAPER, *NAMED)


def schedule_from(record: Mapping[str, Any] | None) -> Schedule | None:
    """The schedule of a record, which keeps its fields.

    Raises:
      TypeError: if no schedule has them.
    """
    if record is None:
        return None
    return Decay(**record) if "power" in record else Cosine(**record)
