"""Every optimizer of the package, as the tests that cross them all see it."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

import inna_optax
from tests.marks import slow


class Optimizer(NamedTuple):
    """A factory and the arguments with which the common tests call it."""

    factory: Callable[..., Any]
    arguments: dict[str, Any]
    # The numbers among the factory's parameters, each with two more legal values.
    hyperparameters: dict[str, tuple[float, float]]
    # Its learning rate where others take 1: Algorithm 2 alone multiplies an inverse
    # curvature that nothing keeps above gamma_min.
    rate_scale: float = 1.0
    decays: bool = False  # whether it has weight decay

    def __call__(self, **changes):
        return self.factory(**{**self.arguments, **changes})


_BOUNDED = {
    "learning_rate": (0.05, 0.1),
    "nu": (1.0, 3.0),
    "gamma_min": (0.1, 0.4),
    "gamma_max": (2.5, 4.0),
    "delta": (0.01, 0.2),
}
_INNA = {"learning_rate": (0.05, 0.1), "alpha": (0.2, 2.0), "beta": (0.05, 0.5)}
_SMALL = {"learning_rate": 0.02}

OPTIMIZERS = {
    "inna": Optimizer(inna_optax.inna, _SMALL, _INNA | {"initial_speed": (0.0, 0.1)}),
    "damped_momentum": Optimizer(
        inna_optax.damped_momentum,
        _SMALL,
        {
            "learning_rate": (0.05, 0.1),
            "momentum": (0.5, 0.95),
            "damping": (0.1, 1.2),
        },
    ),
    "innaprop": Optimizer(
        inna_optax.innaprop,
        _SMALL,
        _INNA | {"decay": (0.9, 0.99), "eps": (1e-6, 1e-3), "weight_decay": (0.0, 0.1)},
        decays=True,
    ),
    "step_tuned_sgd": Optimizer(
        inna_optax.step_tuned_sgd, _SMALL, _BOUNDED | {"beta": (0.0, 0.5)}
    ),
    "step_tuned_sgd_opaque": Optimizer(
        functools.partial(inna_optax.step_tuned_sgd, opaque_mode=True),
        _SMALL,
        _BOUNDED | {"beta": (0.0, 0.5)},
    ),
    "barzilai_borwein": Optimizer(
        inna_optax.barzilai_borwein,
        _SMALL,
        {"learning_rate": (0.05, 0.1), "nu": (1.0, 3.0)},
        rate_scale=10.0,
    ),
    "barzilai_borwein_absolute": Optimizer(
        functools.partial(inna_optax.barzilai_borwein, negative_curvature="absolute"),
        _SMALL,
        {"learning_rate": (0.05, 0.1), "nu": (1.0, 3.0)},
        rate_scale=10.0,
    ),
    "stochastic_gv_sgd": Optimizer(inna_optax.stochastic_gv_sgd, _SMALL, _BOUNDED),
    "exact_gv_sgd": Optimizer(inna_optax.exact_gv_sgd, _SMALL, _BOUNDED),
    "expected_gv_sgd": Optimizer(inna_optax.expected_gv_sgd, _SMALL, _BOUNDED),
}
# The methods that are there to be studied, or a variant: `pytest -m slow` runs them.
_SELDOM = {"barzilai_borwein_absolute", "exact_gv_sgd", "expected_gv_sgd"}
#: The names of all, as the cases of a test or of a fixture.
EACH = [slow(name) if name in _SELDOM else name for name in OPTIMIZERS]


def half_squared_norm(params):
    """A loss that any pytree has, masked and empty leaves included."""
    return 0.5 * sum(
        abs_sq.sum() for abs_sq in jax.tree.leaves(jax.tree.map(_abs_sq, params))
    )


def _abs_sq(x):
    return (x.conj() * x).real


def gradient(params):
    """Its gradient, in the params' types (conjugated, as optax expects it)."""
    return jax.tree.map(lambda x: x, params)


def extra_args(params):
    """What any of the optimizers may ask for, and one thing that none knows."""
    return {
        "full_grads": gradient(params),
        "curvature": gradient(params),
        "grad_fn": gradient,
        "unexpected": 1.0,
    }
