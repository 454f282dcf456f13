"""The diagnosis against what INNA then does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import inna_optax
from inna_optax.dynamics import diagnose, oscillation_interval

pytestmark = pytest.mark.usefixtures("float32")


def _quadratic(*curvatures):
    diagonal = jnp.array(curvatures)
    return lambda x: jnp.sum(diagonal * x**2) / 2, jnp.zeros(diagonal.size)


@pytest.mark.parametrize(
    ("curvatures", "alpha", "beta", "spirals"),
    [
        # The interval of (2, 0.1) is (1.1, 359).
        ((-1.0, 4.0), 2.0, 0.1, "yes"),
        ((2.0, 1000.0), 2.0, 0.1, "yes"),
        ((0.5, 1.0), 2.0, 0.1, "no"),
        ((400.0, 500.0), 2.0, 0.1, "no"),
        ((-3.0, 1.0), 2.0, 0.1, "no"),
        # Only the extremes are known: something may lie between.
        ((0.5, 400.0), 2.0, 0.1, "possibly"),
        ((2.0, 4.0), 2.0, 0.5, "no"),
    ],
)
def test_says_whether_inna_spirals(curvatures, alpha, beta, spirals):
    diagnosis = diagnose(*_quadratic(*curvatures), alpha, beta)
    assert diagnosis.spirals == spirals
    assert diagnosis.oscillation_interval == oscillation_interval(alpha, beta)
    found = (diagnosis.smallest_curvature, diagnosis.largest_curvature)
    np.testing.assert_allclose(
        found, (min(curvatures), max(curvatures)), rtol=0, atol=1e-5 * max(curvatures)
    )


def test_learning_rates_are_those_of_the_theory():
    diagnosis = diagnose(*_quadratic(3.0, 50.0), alpha=0.5, beta=0.1)
    assert diagnosis.stable_learning_rate == pytest.approx(0.11, rel=1e-5)
    assert diagnosis.saddle_avoiding_learning_rate == pytest.approx(0.1, rel=1e-5)


@pytest.mark.parametrize("curvatures", [(1e-3, 1e-2), (-2.0, -1.0), (0.0, 0.0)])
def test_learning_rates_stay_where_inna_accepts_them(curvatures):
    diagnosis = diagnose(*_quadratic(*curvatures), alpha=4.0, beta=1.0)
    assert diagnosis.stable_learning_rate == pytest.approx(0.25)
    assert 0 < diagnosis.saddle_avoiding_learning_rate <= 0.25 * (1 + 1e-6)
    inna_optax.inna(0.999 * diagnosis.stable_learning_rate, alpha=4.0, beta=1.0)


def test_no_viscous_friction_is_no_exception():
    diagnosis = diagnose(*_quadratic(1.0, 9.0), alpha=0.0, beta=0.1)
    assert diagnosis.stable_learning_rate == pytest.approx(0.1, rel=1e-5)


def test_inna_trains_a_flax_network_below_its_limit_and_not_beyond():
    """Least squares with a linear network: a quadratic, so the limit is exact."""
    graphdef, params = nnx.split(nnx.Linear(5, 2, rngs=nnx.Rngs(0)))
    key_x, key_y = jax.random.split(jax.random.key(1))
    x = jax.random.normal(key_x, (40, 5)) * jnp.array([0.5, 1.0, 2.0, 4.0, 8.0])
    y = jax.random.normal(key_y, (40, 2))

    def loss(params):
        return jnp.mean((nnx.merge(graphdef, params)(x) - y) ** 2)

    diagnosis = diagnose(loss, params, alpha=0.5, beta=0.1)
    assert diagnosis.spirals == "yes"

    def excess_after(factor):
        solver = inna_optax.inna(factor * diagnosis.stable_learning_rate, 0.5, 0.1)

        def step(carry, _):
            params, state = carry
            updates, state = solver.update(jax.grad(loss)(params), state)
            return (jax.tree.map(jnp.add, params, updates), state), None

        init = (params, solver.init(params))
        (last, _), _ = jax.lax.scan(step, init, None, length=2_000)
        design = jnp.column_stack([x, jnp.ones(40)])
        optimum = jnp.mean((design @ jnp.linalg.lstsq(design, y)[0] - y) ** 2)
        return loss(last) - optimum

    assert excess_after(0.98) < 1e-4
    assert excess_after(1.02) > 1e4


def test_report_is_readable():
    report = str(diagnose(*_quadratic(2.0, 50.0), alpha=2.0, beta=0.1)).splitlines()
    assert report[0] == "INNA with alpha=2, beta=0.1"
    assert report[1].startswith("  Hessian eigenvalues: 2 to 50 (each to within ")
    assert report[2:] == [
        "  spirals: yes (INNA oscillates at curvatures from 1.115 to 358.9)",
        "  stable learning rates: below 0.14",
        "  learning rates that avoid strict saddles: below 0.1",
        "  fastest on the quadratic model: errors times 0.6667 a step, from rest, by",
        "    inna(0.2357, alpha=2.357, beta=0.2357, initial_speed=0.2357)",
        "    damped_momentum(0.05556, momentum=0.4444, damping=0.5556)",
    ]
    concave = diagnose(*_quadratic(-1.0, 50.0))
    assert concave.fastest is None
    assert "fastest" not in str(concave)
    damped = str(diagnose(*_quadratic(2.0, 50.0), alpha=2.0, beta=1.0))
    assert "spirals: no (alpha * beta >= 1 damps every curvature)" in damped
