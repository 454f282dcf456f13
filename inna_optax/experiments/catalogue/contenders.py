"""The contenders: the optimizers that are compared, as the experiments see them."""

import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import inna_optax
from inna_optax.experiments.catalogue.schedules import Schedule


class Contender(NamedTuple):
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
        schedule: Schedule | None = None,
        updates_per_epoch: int = 1,
    ) -> optax.GradientTransformation:
        """The transformation, from values that may be traced.

        Without a schedule the learning rate is constant.
        """
        others = dict(hyperparameters)
        rate = others.pop("learning_rate")
        if schedule is not None:
            # Step-Tuned SGD reads its schedule at the number of mini-batches, the
            # others at the number of updates.
            rate = schedule.of(rate, updates_per_epoch // self.uses_per_batch)
        return self.make(rate, **others)


def scale_by_adagrad(eps: float = 1e-7) -> optax.GradientTransformation:
    """AdaGrad's scaling (1.30): epsilon outside the root, sums that start from zero.

    As in Keras, with which chapter 2 was run, epsilon's default included, and in
    PyTorch.  `optax.scale_by_rss` adds epsilon inside the root, where it is a thousand
    times as large.
    """

    def update(grads: Any, sums: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        sums = jax.tree.map(lambda g, s: s + g * g, grads, sums)
        scaled = jax.tree.map(lambda g, s: g / (jnp.sqrt(s) + eps), grads, sums)
        return scaled, sums

    return optax.GradientTransformation(optax.tree.zeros_like, update)


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(
            "inna",
            "INNA",
            inna_optax.inna,
            defaults={"alpha": 0.5, "beta": 0.1, "initial_speed": 1.0},
            decays=True,
            learning_rate=0.1,
        ),
        Contender(
            "damped_momentum",
            "damped momentum",
            inna_optax.damped_momentum,
            defaults={"momentum": 0.9, "damping": 0.2},
            decays=True,
            learning_rate=0.1,
        ),
        Contender(
            "step_tuned_sgd",
            "Step-Tuned SGD",
            inna_optax.step_tuned_sgd,
            defaults={"nu": 2.0, "beta": 0.9, "gamma_min": 0.5, "gamma_max": 2.0},
            decays=True,
            uses_per_batch=2,
            learning_rate=0.1,
        ),
        Contender(
            "sgd",
            "SGD",
            optax.sgd,
            defaults={},
            decays=True,
            learning_rate=0.1,
        ),
        Contender(
            "adam",
            "Adam",
            optax.adam,
            defaults={"b1": 0.9, "b2": 0.999},
            decays=False,
            learning_rate=1e-3,
            ranges={"b1": "[0, 1)", "b2": "[0, 1)"},
        ),
        Contender(
            "rmsprop",
            "RMSprop",
            # As in (1.31) and in PyTorch, with which chapter 4 was run: epsilon outside
            # the root, and PyTorch's decay.
            lambda rate, **others: optax.rmsprop(rate, eps_in_sqrt=False, **others),
            defaults={"decay": 0.99},
            decays=False,
            learning_rate=1e-3,
            ranges={"decay": "[0, 1)"},
        ),
        Contender(
            "adagrad",
            "AdaGrad",
            lambda rate: optax.chain(
                scale_by_adagrad(), optax.scale_by_learning_rate(rate)
            ),
            defaults={},
            decays=False,
            learning_rate=1e-2,
        ),
        Contender(
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
    dict.fromkeys(name for entry in CONTENDERS.values() for name in entry.defaults)
)
