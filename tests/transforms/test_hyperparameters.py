import jax.numpy as jnp
import numpy as np
import pytest

import inna_optax
from tests.transforms.optimizers import OPTIMIZERS

OUT_OF_RANGE = {
    "learning_rate": -0.1,
    "alpha": -1,
    "beta": -0.1,
    "initial_speed": -1.0,
    "decay": 1.0,
    "eps": 0.0,
    "weight_decay": -1e-4,
    "nu": 0,
    "gamma_min": 0.0,
    "gamma_max": -2.0,
    "delta": 0.5,
}
HYPERPARAMETERS = [
    (o, h) for o, spec in OPTIMIZERS.items() for h in spec.hyperparameters
]


@pytest.mark.parametrize(("name", "hyperparameter"), HYPERPARAMETERS)
def test_a_bad_number_is_refused_in_one_line_that_names_it(name, hyperparameter):
    optimizer = OPTIMIZERS[name]
    bad_numbers = (OUT_OF_RANGE[hyperparameter], float("nan"), float("inf"), np.nan)
    for bad in (*bad_numbers, np.array(np.nan), np.float32("nan")):
        with pytest.raises(
            ValueError, match=rf"^{hyperparameter} must be in [(\\[]"
        ) as e:
            optimizer(**{hyperparameter: bad})
        assert "\n" not in str(e.value)
        assert repr(bad) in str(e.value)


@pytest.mark.parametrize(("name", "hyperparameter"), HYPERPARAMETERS)
@pytest.mark.parametrize("bad", ["0.1", True, [0.1], 1j])
def test_what_is_not_a_number_is_refused(name, hyperparameter, bad):
    with pytest.raises(TypeError, match=rf"^{hyperparameter} must be a real number"):
        OPTIMIZERS[name](**{hyperparameter: bad})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: inna_optax.inna(0.1, alpha=-1),
            r"alpha must be in \[0, inf\), got -1",
        ),
        (lambda: inna_optax.inna(0.1, beta=0), r"beta must be in \(0, inf\), got 0"),
        (
            lambda: inna_optax.inna(2.0),
            r"alpha \* learning_rate must be in \[0, 1\), got",
        ),
        (
            lambda: inna_optax.innaprop(10.0),
            r"0.1 \* 10.0 = 1: use a learning_rate below",
        ),
        (
            lambda: inna_optax.step_tuned_sgd(0.1, gamma_min=3.0),
            "gamma_min must be at most gamma_max, got gamma_min=3.0 and gamma_max=2.0",
        ),
        (
            lambda: inna_optax.barzilai_borwein(0.1, negative_curvature="abs"),
            "negative_curvature must be one of 'nu' and 'absolute', got 'abs'",
        ),
    ],
)
def test_messages_say_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_arrays_are_not_compared():
    """They may be tracers, or today's value of an injected schedule."""
    inna_optax.inna(jnp.asarray(3.0), alpha=jnp.asarray(-1.0))
    inna_optax.inna(lambda count: 3.0)
