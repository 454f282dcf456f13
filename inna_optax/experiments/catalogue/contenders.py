"""The contenders: the optimizers that are compared, as the experiments see them."""

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
import optax.contrib

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
    # state, params -> the params that are evaluated; None where they are the params
    evaluated: Callable[[Any, Any], Any] | None = None

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


def with_l2(make: Callable[..., optax.GradientTransformation]) -> Any:
    """The optimizer on gradients to which its weight decay is added, as in PyTorch."""

    def made(rate: Any, weight_decay: Any, **others: Any) -> Any:
        decay = optax.add_decayed_weights(weight_decay)
        return optax.chain(decay, make(rate, **others))

    return made


def muon(rate: Any, weight_decay: Any, beta: Any) -> optax.GradientTransformation:
    """Muon on all arrays of two dimensions or more, AdamW on the others.

    A kernel of a convolution is a matrix with a column for each output feature.
    """
    return optax.contrib.muon(
        rate,
        beta=beta,
        weight_decay=weight_decay,
        adam_weight_decay=weight_decay,
        muon_weight_dimension_numbers=_as_matrices,
    )


def _as_matrices(params: Any) -> Any:
    def dimensions(array: Any) -> Any:
        *inputs, output = range(array.ndim)
        return optax.contrib.MuonDimensionNumbers(tuple(inputs), (output,))

    return jax.tree.map(lambda x: dimensions(x) if x.ndim > 1 else None, params)


_OF_ADAM = {"b1": "[0, 1)", "b2": "[0, 1)", "weight_decay": "[0, inf)"}
_OF_MOMENTUM = {"momentum": "[0, 1)", "weight_decay": "[0, inf)"}

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
            with_l2(inna_optax.damped_momentum),
            defaults={"momentum": 0.9, "damping": 0.2, "weight_decay": 0.0},
            decays=True,
            learning_rate=0.01,
            ranges={"weight_decay": "[0, inf)"},
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
        Contender(
            "momentum",
            "momentum",
            with_l2(optax.sgd),
            defaults={"momentum": 0.9, "weight_decay": 0.0},
            decays=True,
            learning_rate=0.01,
            ranges=_OF_MOMENTUM,
        ),
        Contender(
            "nesterov",
            "Nesterov",
            with_l2(functools.partial(optax.sgd, nesterov=True)),
            defaults={"momentum": 0.9, "weight_decay": 0.0},
            decays=True,
            learning_rate=0.01,
            ranges=_OF_MOMENTUM,
        ),
        Contender(
            "adamw",
            "AdamW",
            optax.adamw,
            defaults={"b1": 0.9, "b2": 0.999, "weight_decay": 0.01},
            decays=False,
            learning_rate=1e-3,
            ranges=_OF_ADAM,
        ),
        Contender(
            "lion",
            "Lion",
            optax.lion,
            defaults={"b1": 0.9, "b2": 0.99, "weight_decay": 0.01},
            decays=False,
            learning_rate=1e-4,
            ranges=_OF_ADAM,
        ),
        Contender(
            "muon",
            "Muon",
            muon,
            defaults={"beta": 0.95, "weight_decay": 0.0},
            decays=False,
            learning_rate=1e-2,
            ranges={"beta": "[0, 1)", "weight_decay": "[0, inf)"},
        ),
        Contender(
            "schedule_free_adamw",
            "Schedule-Free AdamW",
            optax.contrib.schedule_free_adamw,
            defaults={"b1": 0.9, "b2": 0.999, "weight_decay": 0.01},
            decays=False,
            learning_rate=1e-3,
            ranges={**_OF_ADAM, "b1": "(0, 1)"},
            evaluated=optax.contrib.schedule_free_eval_params,
        ),
    )
}

HYPERPARAMETERS = tuple(
    dict.fromkeys(name for entry in CONTENDERS.values() for name in entry.defaults)
)
