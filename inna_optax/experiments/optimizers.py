"""The optimizers that are compared, with what section 4.5.1 searches for each."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import optax

import inna_optax

# Section 4.5.1: the exponent 1/2 + delta of the decay per epoch.
DECAY_POWER = 0.5 + 0.001
LEARNING_RATES = (1e-4, 1e-3, 1e-2, 1e-1, 1e0)


class Optimizer(NamedTuple):
    """An optimizer as the experiments see it."""

    name: str
    label: str
    # learning_rate (a number or a schedule), other hyperparameters -> transformation
    make: Callable[..., optax.GradientTransformation]
    defaults: Mapping[str, float]  # hyperparameters beside the learning rate
    search: Mapping[str, tuple[float, ...]]  # grid beside that of the learning rate
    decays: bool  # whether the learning rate decays once an epoch
    uses_per_batch: int = 1  # gradient steps made on each mini-batch
    learning_rate: float = 1e-2  # what `train` takes when the user names none

    def solver(
        self, hyperparameters: Mapping[str, Any], batches_per_epoch: int
    ) -> optax.GradientTransformation:
        """The transformation, from values that may be traced."""
        others = dict(hyperparameters)
        rate = others.pop("learning_rate")
        if self.decays:
            # Step-Tuned SGD reads its schedule at the number of mini-batches, the
            # others at the number of updates.
            rate = inna_optax.inverse_power_schedule(
                rate, DECAY_POWER, batches_per_epoch
            )
        return self.make(rate, **others)


OPTIMIZERS = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer(
            "inna",
            "INNA",
            inna_optax.inna,
            defaults={"alpha": 0.5, "beta": 0.1},
            search={},
            decays=True,
            learning_rate=0.1,
        ),
        Optimizer(
            "step_tuned_sgd",
            "Step-Tuned SGD",
            lambda rate, **others: inna_optax.step_tuned_sgd(
                rate, delta=None, **others
            ),
            defaults={"nu": 2.0, "beta": 0.9, "gamma_min": 0.5, "gamma_max": 2.0},
            search={"nu": (1.0, 2.0, 5.0)},
            decays=True,
            uses_per_batch=2,
            learning_rate=0.1,
        ),
        Optimizer(
            "sgd",
            "SGD",
            optax.sgd,
            defaults={},
            search={},
            decays=True,
            learning_rate=0.1,
        ),
        Optimizer(
            "adam",
            "Adam",
            optax.adam,
            defaults={"b1": 0.9, "b2": 0.999},
            search={"b1": (0.1, 0.5, 0.9, 0.99)},
            decays=False,
            learning_rate=1e-3,
        ),
        Optimizer(
            "rmsprop",
            "RMSprop",
            # PyTorch's default, with which the thesis's experiments were run.
            optax.rmsprop,
            defaults={"decay": 0.99},
            search={},
            decays=False,
            learning_rate=1e-3,
        ),
        Optimizer(
            "innaprop",
            "INNAprop",
            inna_optax.innaprop,
            defaults={"alpha": 0.1, "beta": 0.9, "decay": 0.999, "weight_decay": 0.0},
            search={},
            decays=False,
            learning_rate=1e-3,
        ),
    )
}

# Those that section 4.5 compares.
COMPARED = ("inna", "step_tuned_sgd", "sgd", "adam", "rmsprop")
HYPERPARAMETERS = tuple(
    dict.fromkeys(name for entry in OPTIMIZERS.values() for name in entry.defaults)
)
