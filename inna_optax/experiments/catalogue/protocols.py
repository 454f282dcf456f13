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

from inna_optax.experiments.catalogue.contenders import OPTIMIZERS, Decay, Optimizer

Hyperparameters = Mapping[str, float]

# Section 4.5.1.  Chapter 2 calls its search coarse and does not print it: the same.
LEARNING_RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1e0)


class Entry(NamedTuple):
    """What a comparison compares: an optimizer, its grid and its schedule."""

    name: str  # as in file names
    label: str  # as in legends
    optimizer: Optimizer
    search: Mapping[str, tuple[float, ...]]  # grid beside that of the learning rate
    decay: Decay | None
    fixed: Hyperparameters = types.MappingProxyType(
        {}
    )  # not at the optimizer's defaults

    def grid(self) -> list[dict[str, float]]:
        """All points of the grid, each with every hyperparameter."""
        axes = {"learning_rate": LEARNING_RATES, **self.search}
        return [
            {
                **self.optimizer.defaults,
                **self.fixed,
                **dict(zip(axes, values, strict=True)),
            }
            for values in itertools.product(*axes.values())
        ]


class Protocol(NamedTuple):
    """How a chapter compares."""

    optimizers: tuple[str, ...]
    search: Mapping[str, Mapping[str, tuple[float, ...]]]  # by optimizer
    decay: Decay  # of the optimizers whose learning rate falls
    search_share: float  # of the epochs, after which the grid is judged
    seeds: int

    def entry(self, name: str) -> Entry:
        """The optimizer of that name, under this protocol."""
        optimizer = OPTIMIZERS[name]
        decay = self.decay if optimizer.decays else None
        return Entry(name, optimizer.label, optimizer, self.search.get(name, {}), decay)


# Section 2.6.2.1, with the default initial speed of INNA.  "After fifteen epochs"; the
# axes of its figures end at 200.
CHAPTER_2 = Protocol(
    optimizers=("inna", "sgd", "adagrad", "adam"),
    search={},
    decay=Decay(0.5, "update"),
    search_share=15 / 200,
    seeds=5,
)

# Section 4.5.1.  Of the values of nu, 5 is the same as 2 for Algorithm 3, whose steps
# end at gamma_max = 2.
CHAPTER_4 = Protocol(
    optimizers=("inna", "step_tuned_sgd", "sgd", "adam", "rmsprop"),
    search={
        "step_tuned_sgd": {"nu": (1.0, 2.0, 5.0)},
        "adam": {"b1": (0.1, 0.5, 0.9, 0.99)},
    },
    decay=Decay(0.5 + 0.001, "epoch"),
    search_share=0.1,
    seeds=3,
)


def epochs_for(epochs: int, uses_per_batch: int) -> int:
    """Passes over the data that cost as many gradients as `epochs` with one use."""
    return max(1, round(epochs / uses_per_batch))


def search_epochs_for(protocol: Protocol, epochs: int, uses_per_batch: int) -> int:
    """Passes over the data after which the grid is judged."""
    return max(1, round(protocol.search_share * epochs_for(epochs, uses_per_batch)))
