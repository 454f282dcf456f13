"""Figure "modern": is it worth using?  Optimizers that people use, tuned alike.

Each gets as many trials, from ranges of its own; they are judged on examples held out
from training, and the test set is for the best of them only.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from inna_optax import inna_from_momentum
from inna_optax.experiments.catalogue.problems import PROBLEMS, Scale
from inna_optax.experiments.catalogue.protocols import (
    MODERN,
    Entry,
    Hyperparameters,
    Protocol,
)
from inna_optax.experiments.catalogue.schedules import Cosine, WarmUp

TRIALS = 24
PROTOCOL = MODERN._replace(judged_by="validation")
VALIDATION = 0.1  # of the training examples

DESK = {
    "digits": Scale(epochs=30, seeds=3),
    "f": Scale(epochs=8, seeds=3, train_examples=10_000, test_examples=10_000),
    "a": Scale(epochs=5, seeds=3, train_examples=2_000, test_examples=2_000),
    "gpt-tiny": PROBLEMS["gpt-tiny"].desk,
}


def _roots_of_ten(first: int, last: int) -> tuple[float, ...]:
    """10^(first / 2) to 10^(last / 2), by factors of the square root of ten."""
    return tuple(float(f"{10 ** (k / 2):.3g}") for k in range(first, last + 1))


MOMENTA = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
MEMORIES = (0.8, 0.9, 0.95, 0.97, 0.99, 0.997)
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
SECOND_MOMENTS = (0.95, 0.99, 0.999)
L2 = (0.0, 1e-4, 1e-3)
DECOUPLED = (0.0, 0.01, 0.1)
# Rates of one gradient's whole effect: the learning rate over 1 - momentum.
EFFECTIVE_RATES = _roots_of_ten(-4, 2)
ADAPTIVE_RATES = _roots_of_ten(-8, -3)


class Space(NamedTuple):
    """What is tried of an optimizer."""

    ranges: Mapping[str, Sequence[float]]
    # From a point of the ranges, where they have names of their own.
    hyperparameters: Callable[[Mapping[str, float]], Hyperparameters] = dict
    known: tuple[Hyperparameters, ...] = ()  # settings that are tried, too


def _from_effective_rate(point: Mapping[str, float]) -> Hyperparameters:
    others = dict(point)
    rate = others.pop("effective_rate") * (1 - point["momentum"])
    return {"learning_rate": rate, **others}


def _innaprop(point: Mapping[str, float]) -> Hyperparameters:
    """From the units of momentum; a learning rate of AdamW is an effective one."""
    momentum = point["momentum"]
    gamma, alpha, beta = inna_from_momentum(
        point["effective_rate"] * (1 - momentum), momentum, point["damping"]
    )
    return {
        "learning_rate": float(gamma),
        "alpha": float(alpha),
        "beta": float(beta),
        "decay": point["decay"],
        "weight_decay": point["weight_decay"],
    }


def _step_tuned(point: Mapping[str, float]) -> Hyperparameters:
    return {**point, "gamma_max": max(2.0, point["nu"])}


def _from_rest(point: Mapping[str, float]) -> Hyperparameters:
    return {**point, "initial_speed": point["beta"]}


_OF_MOMENTUM = {
    "effective_rate": EFFECTIVE_RATES,
    "momentum": MOMENTA,
    "weight_decay": L2,
}
SPACES = {
    "momentum": Space(_OF_MOMENTUM, _from_effective_rate),
    "nesterov": Space(_OF_MOMENTUM, _from_effective_rate),
    "damped_momentum": Space(
        {**_OF_MOMENTUM, "momentum": MEMORIES, "damping": SHARES},
        _from_effective_rate,
    ),
    "inna": Space(
        {
            "learning_rate": _roots_of_ten(-4, 0),
            "alpha": (0.1, 0.5, 1.0, 2.0),
            "beta": (0.1, 0.3, 0.5, 1.0),
        },
        _from_rest,
    ),
    "step_tuned_sgd": Space(
        {
            "learning_rate": _roots_of_ten(-4, 2),
            "nu": (1.0, 2.0, 5.0),
            "beta": (0.8, 0.9, 0.95),
        },
        _step_tuned,
    ),
    "adamw": Space(
        {
            "learning_rate": ADAPTIVE_RATES,
            "b1": MOMENTA,
            "b2": SECOND_MOMENTS,
            "weight_decay": DECOUPLED,
        }
    ),
    "innaprop": Space(
        {
            "effective_rate": ADAPTIVE_RATES,
            "momentum": MOMENTA,
            "damping": SHARES,
            "decay": SECOND_MOMENTS,
            "weight_decay": DECOUPLED,
        },
        _innaprop,
        # Those of its paper.
        known=tuple(
            {"learning_rate": rate, "alpha": alpha, "beta": beta}
            for alpha, beta in ((0.1, 0.9), (2.0, 2.0))
            for rate in (3e-4, 1e-3, 3e-3)
        ),
    ),
    "lion": Space(
        {
            "learning_rate": _roots_of_ten(-10, -5),
            "b1": MOMENTA,
            "b2": SECOND_MOMENTS,
            "weight_decay": (0.0, 0.1, 1.0),
        }
    ),
    "muon": Space(
        {
            "learning_rate": _roots_of_ten(-6, -1),
            "beta": MOMENTA,
            "weight_decay": DECOUPLED,
        }
    ),
    "schedule_free_adamw": Space(
        {
            "learning_rate": _roots_of_ten(-7, -2),
            "b1": (0.5, 0.8, 0.9, 0.95, 0.98),
            "b2": SECOND_MOMENTS,
            "weight_decay": DECOUPLED,
        }
    ),
}


def points(name: str, trials: int = TRIALS) -> tuple[Hyperparameters, ...]:
    """As many points of an optimizer's space, the same each time.

    A Latin hypercube: of each range all values are tried, as often as the others, and
    the ranges are combined at random.
    """
    space = SPACES[name]
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    rng = np.random.default_rng(seed)
    found = dict.fromkeys(tuple(known.items()) for known in space.known)
    while len(found) < trials:
        columns: dict[str, Any] = {
            key: rng.permutation(np.resize(values, trials))
            for key, values in space.ranges.items()
        }
        for row in zip(*columns.values(), strict=True):
            point = dict(zip(columns, map(float, row), strict=True))
            found[tuple(space.hyperparameters(point).items())] = None
    return tuple(dict(point) for point in list(found)[:trials])


def entries(protocol: Protocol) -> list[Entry]:
    """All that are compared."""
    found = []
    for name, space in SPACES.items():
        entry = protocol.entry(name)
        defaults = entry.optimizer.defaults
        grid = tuple({**defaults, **point} for point in points(name))
        entry = entry._replace(grid=grid, ranges=space.ranges)
        if entry.optimizer.evaluated and isinstance(entry.schedule, Cosine):
            # An average of the iterates takes the place of the schedule.
            entry = entry._replace(schedule=WarmUp(entry.schedule.warmup))
        found.append(entry)
    return found
