"""The two protocols: what chapters 2 and 4 search, judge, and repeat.

For every entry of a comparison each point of a grid is trained for a few epochs, and
the one with the smallest training loss is trained to the end from several
initializations.  All entries get the same number of gradient evaluations; one that
uses each mini-batch twice makes half as many passes over the data.
"""

import itertools
import types
from collections.abc import Mapping
from typing import NamedTuple

from inna_optax.experiments.catalogue.contenders import CONTENDERS, Contender, Decay

Hyperparameters = Mapping[str, float]

# Section 4.5.1.  Chapter 2 calls its search coarse and does not print it: the same.
LEARNING_RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1e0)


NOTHING: Hyperparameters = types.MappingProxyType({})


class Entry(NamedTuple):
    """What a comparison compares: an optimizer, its grid and its schedule."""

    name: str  # as in file names
    label: str  # as in legends
    optimizer: Contender
    search: tuple[Hyperparameters, ...]  # what is tried with each learning rate
    decay: Decay | None
    fixed: Hyperparameters = NOTHING  # beside the optimizer's defaults

    def grid(self) -> list[dict[str, float]]:
        """All points of the grid, each with every hyperparameter."""
        return [
            {
                "learning_rate": rate,
                **self.optimizer.defaults,
                **self.fixed,
                **others,
            }
            for rate, others in itertools.product(LEARNING_RATES, self.search)
        ]

    @property
    def searched(self) -> list[str]:
        """The names of what the grid varies."""
        return list(dict.fromkeys(["learning_rate", *self.search[0]]))


class Protocol(NamedTuple):
    """How a chapter compares."""

    optimizers: tuple[str, ...]
    decay: Decay  # of the optimizers whose learning rate falls
    search_share: float  # of the epochs, after which the grid is judged
    seeds: int
    # By optimizer: what is tried with each learning rate, and what is set otherwise
    # than by default.
    search: Mapping[str, tuple[Hyperparameters, ...]] = types.MappingProxyType({})
    fixed: Mapping[str, Hyperparameters] = types.MappingProxyType({})
    search_seeds: int = 2  # over which a point of the grid is judged

    def entry(self, name: str) -> Entry:
        """The optimizer of that name, under this protocol."""
        optimizer = CONTENDERS[name]
        decay = self.decay if optimizer.decays else None
        return Entry(
            name,
            optimizer.label,
            optimizer,
            self.search.get(name, (NOTHING,)),
            decay,
            self.fixed.get(name, NOTHING),
        )


# Section 2.6.2.1, with psi_0 as it is given there: INNA's default initial speed.
# "After fifteen epochs"; the axes of its figures end at 200.
CHAPTER_2 = Protocol(
    optimizers=("inna", "sgd", "adagrad", "adam"),
    decay=Decay(0.5, "update"),
    search_share=15 / 200,
    seeds=5,
)

# Section 4.5.1.  It was run in PyTorch, whose release of INNA starts from rest: with
# initial_speed = beta the velocity starts at zero.  Section 4.8.2 assumes gamma_max >
# nu and sets gamma_max to nu otherwise.
CHAPTER_4 = Protocol(
    optimizers=("inna", "step_tuned_sgd", "sgd", "adam", "rmsprop"),
    decay=Decay(0.5 + 0.001, "epoch"),
    search_share=0.1,
    seeds=3,
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


def epochs_for(epochs: int, uses_per_batch: int) -> int:
    """Passes over the data that cost as many gradients as `epochs` with one use."""
    return max(1, round(epochs / uses_per_batch))


def search_epochs_for(protocol: Protocol, epochs: int, uses_per_batch: int) -> int:
    """Passes over the data after which the grid is judged."""
    return max(1, round(protocol.search_share * epochs_for(epochs, uses_per_batch)))
