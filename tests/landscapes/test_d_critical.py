"""A point where automatic differentiation stops although the function does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import inna_optax
from inna_optax.landscapes import D_CRITICAL
from tests.precision import enable_x64

STEPS = 5_000


def _run(theta0):
    """INNA's iterates from theta0."""
    solver = inna_optax.inna(0.01, alpha=0.5, beta=0.1)
    theta0 = jnp.asarray(theta0)

    def step(carry, _):
        theta, state = carry
        updates, state = solver.update(jax.grad(D_CRITICAL.objective)(theta), state)
        return (theta + updates, state), theta

    _, path = jax.lax.scan(step, (theta0, solver.init(theta0)), None, length=STEPS)
    return path


def test_the_function_is_smooth_and_not_critical_there():
    with enable_x64(True):
        points = jnp.linspace(-2.0, 2.0, 401)[:, None]
        np.testing.assert_allclose(
            jax.vmap(D_CRITICAL.objective)(points),
            (points[:, 0] - 1) ** 2 / 2,
            atol=1e-15,
        )
        step = 1e-5
        difference = D_CRITICAL.objective(jnp.array([step])) - D_CRITICAL.objective(
            jnp.array([-step])
        )
        assert float(difference / (2 * step)) == pytest.approx(-1.0)


def test_automatic_differentiation_returns_zero_there_and_only_there():
    gradient = jax.grad(D_CRITICAL.objective)
    (spurious,) = D_CRITICAL.spurious
    np.testing.assert_array_equal(gradient(jnp.asarray(spurious)), [0.0])
    for offset in (-1e-6, 1e-6, -0.5, 0.5):
        theta = jnp.asarray(spurious) + offset
        np.testing.assert_allclose(gradient(theta), theta - 1, rtol=1e-6)


def test_inna_started_exactly_there_stays():
    path = _run(D_CRITICAL.spurious[0])
    np.testing.assert_array_equal(path, np.zeros((STEPS, 1)))


def test_inna_started_anywhere_in_a_neighbourhood_leaves():
    """To the minimizer, also from the left: the path then leads past the point."""
    noise = jax.random.uniform(jax.random.key(0), (1_000, 1), minval=-0.1, maxval=0.1)
    starts = jnp.concatenate([noise, jnp.asarray(D_CRITICAL.inits[1:])])
    assert jnp.all(starts != 0)
    last = jax.jit(jax.vmap(_run))(starts)[:, -1]
    np.testing.assert_allclose(
        last, jnp.broadcast_to(D_CRITICAL.minimizers[0][0], last.shape), atol=1e-3
    )
