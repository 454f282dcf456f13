"""The protocols: what is searched, judged, and repeated.

For every entry of a comparison each point of a grid is trained for a few epochs, and
the one with the smallest training loss is trained to the end from several
initializations.  All entries get the same number of gradient evaluations; one that
uses each mini-batch twice makes half as many passes over the data.
"""

import itertools
import types
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inna_optax.experiments.catalogue.contenders import CONTENDERS, Contender
from inna_optax.experiments.catalogue.schedules import NAMED, Decay, Schedule

Hyperparameters = Mapping[str, float]

# Section 4.5.1.  Chapter 2 calls its search coarse and does not print it: the same.
LEARNING_RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1e0)


NOTHING: Hyperparameters = types.MappingProxyType({})


class Entry(NamedTuple):
    """What a comparison compares: an optimizer, its grid and its schedule."""

    name: str  # as in file names
    label: str  # as in legends
    optimizer: Contender
    grid: tuple[Hyperparameters, ...]  # each point with every hyperparameter
    schedule: Schedule | None  # of the learning rate, None if it is constant
    # What the grid's points were drawn from, if they are no product.
    ranges: Mapping[str, Sequence[float]] | None = None

    @property
    def searched(self) -> list[str]:
        """The learning rate, and the names of what else the grid varies."""
        return [
            name
            for name in self.grid[0]
            if name == "learning_rate" or self.values(name)[1:]
        ]

    def values(self, name: str) -> list[float]:
        """The values that a hyperparameter has in the grid."""
        return list(dict.fromkeys(point[name] for point in self.grid))

    def changed(self, values: Hyperparameters) -> "Entry":
        """The same entry with those values at every point of the grid."""
        return self._replace(grid=tuple({**point, **values} for point in self.grid))


class Protocol(NamedTuple):
    """How a chapter compares."""

    optimizers: tuple[str, ...]
    schedule: Schedule | None  # of the optimizers whose learning rate falls
    search_share: float  # of the epochs, after which the grid is judged
    search_seeds: int = 2  # over which a point of the grid is judged
    # By optimizer: what is tried with each learning rate, and what is set otherwise
    # than by default.
    search: Mapping[str, tuple[Hyperparameters, ...]] = types.MappingProxyType({})
    fixed: Mapping[str, Hyperparameters] = types.MappingProxyType({})
    # "training": by the training loss, as the papers do; "validation": by the accuracy,
    # or the loss where there is none, on examples held out from training.
    judged_by: str = "training"
    all_fall: bool = False  # every learning rate, not only those that the papers' do

    def schedule_of(self, optimizer: Contender) -> Schedule | None:
        """How the optimizer's learning rate falls, None if it is constant."""
        return self.schedule if optimizer.decays or self.all_fall else None

    def entry(self, name: str) -> Entry:
        """The optimizer of that name, under this protocol."""
        optimizer = CONTENDERS[name]
        fixed = {**optimizer.defaults, **self.fixed.get(name, NOTHING)}
        points = itertools.product(LEARNING_RATES, self.search.get(name, (NOTHING,)))
        return Entry(
            name,
            optimizer.label,
            optimizer,
            tuple({"learning_rate": rate, **fixed, **more} for rate, more in points),
            self.schedule_of(optimizer),
        )


# Section 2.6.2.1, with psi_0 as it is given there: INNA's default initial speed.
# "After fifteen epochs"; the axes of its figures end at 200.
CHAPTER_2 = Protocol(
    optimizers=("inna", "sgd", "adagrad", "adam"),
    schedule=Decay(0.5, "update"),
    search_share=15 / 200,
)

# Section 4.5.1.  It was run in PyTorch, whose release of INNA starts from rest: with
# initial_speed = beta the velocity starts at zero.  Section 4.8.2 assumes gamma_max >
# nu and sets gamma_max to nu otherwise.
CHAPTER_4 = Protocol(
    optimizers=("inna", "step_tuned_sgd", "sgd", "adam", "rmsprop"),
    schedule=Decay(0.5 + 0.001, "epoch"),
    search_share=0.1,
    search={
        "step_tuned_sgd": (
            {"nu": 1.0},
            {"nu": 2.0},
            {"nu": 5.0, "gamma_max": 5.0},
        ),
        "adam": tuple({"b1": b1} for b1 in (0.1, 0.5, 0.9, 0.99)),
    },
    fixed={"inna": {"initial_speed": 0.1}},
)

# Neither paper's: how networks are trained today.  Each point of the grid is trained
# to the end.
MODERN = Protocol(
    optimizers=("damped_momentum", "nesterov"),
    schedule=NAMED["cosine"],
    search_share=1.0,
    search_seeds=1,
    all_fall=True,
)


def epochs_for(epochs: int, uses_per_batch: int) -> int:
    """Passes over the data that cost as many gradients as `epochs` with one use."""
    return max(1, round(epochs / uses_per_batch))


def search_epochs_for(protocol: Protocol, epochs: int, uses_per_batch: int) -> int:
    """Passes over the data after which the grid is judged."""
    return max(1, round(protocol.search_share * epochs_for(epochs, uses_per_batch)))
