"""The step-size limits against brute force on the matrices of the thesis."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import inna_optax
from inna_optax.dynamics import (
    oscillation_interval,
    saddle_avoiding_step_size,
    stable_step_size,
)

pytestmark = pytest.mark.usefixtures("float64")

NUM_DRAWS = 1_000


@pytest.fixture(scope="module")
def draws():
    """1,000 random (alpha, beta, L), a good part with L where INNA oscillates."""
    rng = np.random.default_rng(0)
    alpha = 10 ** rng.uniform(-2, 1, NUM_DRAWS)
    beta = 10 ** rng.uniform(-2, 1, NUM_DRAWS)
    lipschitz = 10 ** rng.uniform(-2, 3, NUM_DRAWS)
    regimes = [_regime(*draw) for draw in zip(alpha, beta, lipschitz, strict=True)]
    assert min(map(regimes.count, ("gradient", "below", "inside", "beyond"))) >= 50
    return alpha, beta, lipschitz


def _regime(alpha, beta, lipschitz):
    interval = oscillation_interval(alpha, beta)
    if interval is None:
        return "gradient"
    low, high = interval
    return "below" if lipschitz <= low else "inside" if lipschitz < high else "beyond"


def _step_matrices(alpha, beta, lam, gamma):
    """The thesis's 2x2 blocks of (3.24), in (theta, psi)."""
    a = alpha - 1 / beta
    top = np.stack(np.broadcast_arrays(1 - gamma * (a + beta * lam), -gamma / beta), -1)
    bottom = np.stack(np.broadcast_arrays(-gamma * a + 0 * lam, 1 - gamma / beta), -1)
    return np.stack([top, bottom], -2)


def _spectral_radius(alpha, beta, lipschitz, gamma, smallest):
    """The largest over lam of [smallest * L, L], for each draw."""
    fractions = np.append(np.geomspace(smallest, 1, 200), np.linspace(0.005, 1, 200))
    alpha, beta, gamma = alpha[:, None], beta[:, None], gamma[:, None]
    matrices = _step_matrices(alpha, beta, fractions * lipschitz[:, None], gamma)
    return np.abs(np.linalg.eigvals(matrices)).max(axis=(1, 2))


@pytest.mark.parametrize("fraction", [0.1, 0.7, 0.9999])
def test_all_eigenvalues_are_in_the_unit_disc_below_the_stable_limit(draws, fraction):
    gamma = fraction * np.asarray(stable_step_size(*draws))
    assert _spectral_radius(*draws, gamma, smallest=1e-6).max() < 1


@pytest.mark.parametrize("factor", [1.0001, 1.3, 10.0])
def test_some_eigenvalue_is_outside_beyond_the_stable_limit(draws, factor):
    gamma = factor * np.asarray(stable_step_size(*draws))
    assert _spectral_radius(*draws, gamma, smallest=1e-12).min() > 1


def test_the_heavy_ball_s_limit_is_that_of_its_matrices(draws):
    """Without Newton-like damping, in (theta, velocity)."""
    alpha, _, lipschitz = draws
    limit = np.asarray(stable_step_size(alpha, 0, lipschitz))
    np.testing.assert_allclose(limit, np.minimum(2 / alpha, alpha / lipschitz))
    lam = lipschitz[:, None] * np.geomspace(1e-9, 1, 300)

    def radius(gamma):
        gamma, a = gamma[:, None], np.broadcast_to(alpha[:, None], lam.shape)
        rows = [np.stack(np.broadcast_arrays(1 + 0 * lam, gamma), -1)]
        rows.append(np.stack([-gamma * lam, 1 - gamma * a], -1))
        return np.abs(np.linalg.eigvals(np.stack(rows, -2))).max(axis=(1, 2))

    assert radius(0.999 * limit).max() < 1
    assert radius(1.001 * limit).min() > 1


def test_saddle_avoiding_limit_is_the_first_singular_step(draws):
    """The first root in gamma of det M(lam) = 0 (3.39) over lam in [-L, L], or beta."""
    alpha, beta, lipschitz = (x[:, None] for x in draws)
    grid = np.append(np.geomspace(1e-6, 1, 300), np.linspace(0.005, 1, 300))
    lam = np.concatenate([-grid, grid]) * lipschitz
    s = alpha + beta * lam
    root = np.sqrt(s**2 - 4 * lam + 0j)
    roots = np.stack([s + root, s - root]) / (2 * lam)
    singular = (roots.imag == 0) & (roots.real > 0)
    first = np.where(singular, roots.real, np.inf).min(axis=(0, 2))
    np.testing.assert_allclose(
        saddle_avoiding_step_size(*draws), np.minimum(first, draws[1]), rtol=1e-8
    )


def test_saddle_avoiding_limit_is_the_printed_formula_where_that_has_a_value(draws):
    alpha, beta, lipschitz = draws
    discriminant = (alpha + beta * lipschitz) ** 2 - 4 * lipschitz
    has_value = discriminant >= 0
    root = np.sqrt(discriminant[has_value])
    printed = beta / 2 + alpha / (2 * lipschitz)
    printed = printed[has_value] - root / (2 * lipschitz[has_value])
    limit = np.asarray(saddle_avoiding_step_size(*draws))
    # The printed difference cancels digits; the package's form does not.
    np.testing.assert_allclose(
        limit[has_value], np.minimum(printed, beta[has_value]), rtol=1e-6
    )
    np.testing.assert_array_equal(limit[~has_value], beta[~has_value])


def test_what_avoids_saddles_is_stable(draws):
    ratio = stable_step_size(*draws) / saddle_avoiding_step_size(*draws)
    assert ratio.min() >= 1


@pytest.mark.parametrize(
    ("alpha", "beta", "lipschitz", "expected"),
    [
        (0.5, 0.1, 50.0, 0.11),  # L in the oscillation interval: beta + alpha / L.
        (2.0, 1.0, 0.0, 1.0),  # no curvature: 2 / alpha.
        (10.0, 0.01, 1.0, 0.2),  # small curvatures decide: 2 / alpha.
        (0.0, 0.1, 50.0, 0.1),  # no viscous friction.
        (0.5, 0.0, 50.0, 0.01),  # the heavy ball with friction: alpha / L.
        (10.0, 0.0, 1.0, 0.2),  # the same, where small curvatures decide.
        (0.0, 0.0, 50.0, 0.0),  # no friction: no learning rate is stable.
        (0.0, 0.0, 0.0, np.inf),  # nothing to be stable on.
    ],
)
def test_stable_limit_at_known_points(alpha, beta, lipschitz, expected):
    np.testing.assert_allclose(
        stable_step_size(alpha, beta, lipschitz), expected, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("alpha", "beta", "lipschitz", "num_steps"),
    [
        (0.5, 0.1, 50.0, 20_000),
        (2.0, 1.0, 10.0, 20_000),
        (0.0, 0.1, 9.0, 1_000_000),
        (4.0, 0.0, 50.0, 20_000),
    ],
)
@pytest.mark.parametrize(("factor", "converges"), [(0.995, True), (1.005, False)])
def test_inna_converges_below_the_stable_limit_and_diverges_beyond(
    alpha, beta, lipschitz, num_steps, factor, converges
):
    curvatures = lipschitz * jnp.array([0.1, 0.4, 1.0])
    gamma = factor * float(stable_step_size(alpha, beta, lipschitz))
    solver = inna_optax.inna(gamma, alpha, beta)

    def step(carry, _):
        theta, state = carry
        updates, state = solver.update(curvatures * theta, state)
        return (theta + updates, state), None

    theta0 = jnp.ones(3)
    (theta, _), _ = jax.lax.scan(
        step, (theta0, solver.init(theta0)), None, length=num_steps
    )
    ratio = jnp.linalg.norm(theta) / jnp.linalg.norm(theta0)
    assert ratio < 1e-6 if converges else ratio > 1e6


@pytest.mark.parametrize("limit", [stable_step_size, saddle_avoiding_step_size])
def test_limits_are_differentiable_under_vmap_and_jit(limit):
    # L below, inside and beyond the oscillation interval.
    points = jnp.array([[0.5, 0.1, 0.01], [0.5, 0.1, 50.0], [0.5, 0.1, 5000.0]])
    gradients = jax.jit(jax.vmap(jax.grad(lambda x: limit(*x))))(points)
    steps = 1e-6 * points[:, None] * jnp.eye(3)
    values = jax.vmap(jax.vmap(lambda x: limit(*x)))
    differences = values(points[:, None] + steps) - values(points[:, None] - steps)
    np.testing.assert_allclose(
        gradients, differences / (2e-6 * points), rtol=1e-6, atol=1e-10
    )


def test_limits_broadcast_numpy_arrays():
    alpha, lipschitz = np.array([[0.5], [2.0]]), np.array([1, 10, 50])
    grid = stable_step_size(alpha, 0.1, lipschitz)
    assert grid.shape == (2, 3)
    np.testing.assert_allclose(grid[0, 2], stable_step_size(0.5, 0.1, 50.0))
