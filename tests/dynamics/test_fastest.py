import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax import damped_momentum, inna
from inna_optax.dynamics import fastest_settings, map_eigenvalues

pytestmark = pytest.mark.usefixtures("float64")


def slowest(settings, curvatures):
    """The largest factor of the error a step, over the curvatures."""
    gamma, alpha, beta = settings
    pairs = map_eigenvalues(curvatures, alpha, beta, gamma)
    return float(jnp.max(jnp.abs(pairs)))


@pytest.mark.parametrize("condition", [2.0, 10.0, 100.0, 1000.0])
def test_no_setting_is_faster_on_quadratics(condition):
    """Against a search over the spectra, from everywhere and then round the best."""
    curvatures = jnp.geomspace(1.0, condition, 60)
    _, settings, rate = fastest_settings(1.0, condition)
    # At both ends the eigenvalues are double, where rounding costs half the digits.
    assert slowest(settings, curvatures) == pytest.approx(float(rate), abs=1e-7)
    rng = np.random.default_rng(0)
    radius = jax.jit(
        jax.vmap(
            lambda gamma, alpha, beta: jnp.max(
                jnp.abs(map_eigenvalues(curvatures, alpha, beta, gamma))
            )
        )
    )
    best, found = np.log(np.array(settings)), []
    for width in (3.0, 0.3, 0.03):
        tried = best + width * rng.normal(size=(20_000, 3))
        found.append(float(jnp.min(radius(*np.exp(tried).T))))
    assert min(found) > rate
    assert min(found) < 1.02 * rate + 0.02  # the search looks where it should


@pytest.mark.parametrize("condition", [10.0, 100.0])
def test_triple_momentum_converges_at_its_rate(condition):
    """On a quadratic, and on a loss whose curvature goes from L to m."""
    momentum, settings, rate = fastest_settings(1.0, condition, "convex")
    curvatures = jnp.geomspace(1.0, condition, 60)
    assert slowest(settings, curvatures) <= rate + 1e-9

    def loss(x):
        bent = jnp.logaddexp(0.0, 4 * x) + jnp.logaddexp(0.0, -4 * x)  # curvature <= 8
        return jnp.sum(x**2 / 2 + (condition - 1) / 8 * bent)

    steps = int(20 / (1 - float(rate)))
    for solver in (
        damped_momentum(*momentum),
        inna(*settings, initial_speed=settings.beta),
    ):

        def step(carry, _, solver=solver):
            x, state = carry
            updates, state = solver.update(jax.grad(loss)(x), state)
            x = optax.apply_updates(x, updates)
            return (x, state), jnp.linalg.norm(x)

        start = jnp.array([3.0, -0.2, 0.01])
        _, errors = jax.lax.scan(step, (start, solver.init(start)), length=steps)
        bound = 20 * jnp.linalg.norm(start) * rate ** jnp.arange(1, steps + 1)
        assert jnp.all(errors <= bound + 1e-14)


def test_both_units_are_the_same_method():
    for loss in ("quadratic", "convex"):
        momentum, settings, _ = fastest_settings(np.array([0.5, 1.0]), 30.0, loss)
        gamma, alpha, beta = settings
        np.testing.assert_allclose(gamma**2, momentum.learning_rate, rtol=1e-12)
        np.testing.assert_allclose(1 - alpha * gamma, momentum.momentum, rtol=1e-12)
        np.testing.assert_allclose(alpha * beta, momentum.damping, rtol=1e-12)
