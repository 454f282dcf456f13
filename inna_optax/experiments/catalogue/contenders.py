"""The optimizers that are compared, as the experiments see them."""

import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import optax

import inna_optax


class Decay(NamedTuple):
    """How a learning rate falls: divided by q^power, q = 1, 2, ..."""

    power: float
    each: str  # what q counts: "epoch" or "update"


class Optimizer(NamedTuple):
    """An optimizer as the experiments see it."""

    name: str
    label: str
    # learning_rate (a number or a schedule), other hyperparameters -> transformation
    make: Callable[..., optax.GradientTransformation]
    defaults: Mapping[str, float]  # hyperparameters beside the learning rate
    decays: bool  # whether the papers have its learning rate fall
    uses_per_batch: int = 1  # gradient steps made on each mini-batch
    learning_rate: float = 1e-2  # what `train` takes when the user names none
    # The legal ranges of hyperparameters that `make` does not check itself.
    ranges: Mapping[str, str] = types.MappingProxyType({})

    def solver(
        self,
        hyperparameters: Mapping[str, Any],
        decay: Decay | None = None,
        updates_per_epoch: int = 1,
    ) -> optax.GradientTransformation:
        """The transformation, from values that may be traced.

        The learning rate of an optimizer that has none fall is constant whatever
        `decay` says.
        """
        others = dict(hyperparameters)
        rate = others.pop("learning_rate")
        if self.decays and decay is not None:
            # Step-Tuned SGD reads its schedule at the number of mini-batches, the
            # others at the number of updates.
            per_epoch = updates_per_epoch // self.uses_per_batch
            rate = inna_optax.inverse_power_schedule(
                rate, decay.power, per_epoch if decay.each == "epoch" else 1
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
            decays=True,
            uses_per_batch=2,
            learning_rate=0.1,
        ),
        Optimizer(
            "sgd",
            "SGD",
            optax.sgd,
            defaults={},
            decays=True,
            learning_rate=0.1,
        ),
        Optimizer(
            "adam",
            "Adam",
            optax.adam,
            defaults={"b1": 0.9, "b2": 0.999},
            decays=False,
            learning_rate=1e-3,
            ranges={"b1": "[0, 1)", "b2": "[0, 1)"},
        ),
        Optimizer(
            "rmsprop",
            "RMSprop",
            # PyTorch's default, with which the thesis's experiments were run.
            optax.rmsprop,
            defaults={"decay": 0.99},
            decays=False,
            learning_rate=1e-3,
            ranges={"decay": "[0, 1)"},
        ),
        Optimizer(
            "adagrad",
            "AdaGrad",
            # From zero, as in Keras, with which chapter 2's experiments were run.
            lambda rate: optax.adagrad(rate, initial_accumulator_value=0.0),
            defaults={},
            decays=False,
            learning_rate=1e-2,
        ),
        Optimizer(
            "innaprop",
            "INNAprop",
            inna_optax.innaprop,
            defaults={"alpha": 0.1, "beta": 0.9, "decay": 0.999, "weight_decay": 0.0},
            decays=False,
            learning_rate=1e-3,
        ),
    )
}

HYPERPARAMETERS = tuple(
    dict.fromkeys(name for entry in OPTIMIZERS.values() for name in entry.defaults)
)
