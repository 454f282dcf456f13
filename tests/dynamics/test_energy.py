"""The energies against (2.17), and as what they are for: they never increase."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import inna_optax
from inna_optax.dynamics import lyapunov, lyapunov_max, lyapunov_min, solve_din
from inna_optax.landscapes import DOUBLE_WELL, NONSMOOTH_ROSENBROCK, WIDE_QUADRATIC

pytestmark = pytest.mark.usefixtures("float64")

ENERGIES = [lyapunov, lyapunov_min, lyapunov_max]


def test_energies_are_those_of_the_thesis():
    rng = np.random.default_rng(0)
    alpha, beta, loss = rng.uniform(0.1, 2, 3)
    theta, psi = rng.normal(size=(2, 7))
    velocity = (1 / beta - alpha) * theta - psi / beta
    kinetic = np.sum(((alpha - 1 / beta) * theta + psi / beta) ** 2)
    root = np.sqrt(alpha * beta)
    expected = [
        2 * (1 + alpha * beta) * loss + kinetic,
        (1 - root) ** 2 * loss + kinetic / 2,
        (1 + root) ** 2 * loss + kinetic / 2,
    ]
    tree = {"a": velocity[:3], "b": (velocity[3:],)}
    actual = [energy(loss, tree, alpha, beta) for energy in ENERGIES]
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def _solve(landscape, t1, settings):
    """From rest, for all settings; also each energy at 2,001 times."""

    def solve(alpha, beta):
        solution = solve_din(
            jax.grad(landscape.objective),
            jnp.asarray(landscape.inits[-1]),
            t1=t1,
            alpha=alpha,
            beta=beta,
            v0=jnp.zeros(2),
            ts=jnp.linspace(0.0, t1, 2_001),
            rtol=1e-9,
            atol=1e-12,
        )
        losses = jax.vmap(landscape.objective)(solution.theta)

        def along(energy):
            return jax.vmap(lambda j, v: energy(j, v, alpha, beta))(
                losses, solution.velocity
            )

        return solution, [along(energy) for energy in ENERGIES]

    return jax.jit(jax.vmap(solve))(*jnp.array(settings).T)


@pytest.mark.parametrize(
    ("landscape", "t1"),
    [(WIDE_QUADRATIC, 20.0), (DOUBLE_WELL, 20.0), (NONSMOOTH_ROSENBROCK, 7.0)],
    ids=["convex", "non-convex", "non-smooth"],
)
def test_energies_never_increase_along_din(landscape, t1):
    settings = [(0.5, 0.1), (1.3, 0.1), (2.0, 1.0)]
    solution, energies = _solve(landscape, t1, settings)
    for energy in energies:
        # Rounding is left once the energy has reached its limit.
        increase = jnp.max(jnp.diff(energy, axis=1), axis=1)
        np.testing.assert_array_less(increase, 1e-13 * energy[:, 0])
        np.testing.assert_array_less(energy[:, -1], 0.5 * energy[:, 0])
    if landscape is NONSMOOTH_ROSENBROCK:  # the first solution crosses both kinks.
        first = solution.theta[0, :, 0]
        assert jnp.min(first) < 0
        assert jnp.max(first) > 1


def test_energies_decrease_at_the_rates_of_lemma_2_5():
    settings = [(0.5, 0.1), (2.0, 1.0), (1.0, 1.0)]
    solutions, energies = _solve(DOUBLE_WELL, 4.0, settings)
    gradients = jax.vmap(jax.vmap(jax.grad(DOUBLE_WELL.objective)))(solutions.theta)
    for index, (alpha, beta) in enumerate(settings):
        speed = solutions.velocity[index] - beta * gradients[index]
        times = solutions.t[index]
        for energy, sign in ((energies[1], 1), (energies[2], -1)):
            residual = np.sqrt(alpha) * speed + sign * np.sqrt(beta) * gradients[index]
            rate = -jnp.sum(residual**2, axis=1)
            slope = (energy[index, 2:] - energy[index, :-2]) / (times[2:] - times[:-2])
            np.testing.assert_allclose(
                slope, rate[1:-1], atol=1e-4 * float(jnp.max(-rate)), rtol=0
            )


def test_energy_decreases_along_inna_with_small_steps():
    alpha, beta = 0.5, 0.1
    solver = inna_optax.inna(1e-3, alpha, beta)
    theta0 = jnp.asarray(DOUBLE_WELL.inits[-1])

    def step(carry, _):
        theta, state = carry
        updates, state = solver.update(jax.grad(DOUBLE_WELL.objective)(theta), state)
        theta = theta + updates
        loss = DOUBLE_WELL.objective(theta)
        return (theta, state), (loss, lyapunov(loss, state.velocity, alpha, beta))

    _, (loss, energy) = jax.lax.scan(
        step, (theta0, solver.init(theta0)), None, length=10_000
    )
    assert jnp.max(jnp.diff(loss)) > 1e-4  # the loss itself goes up at times,
    assert jnp.max(jnp.diff(energy)) < 0  # the energy does not.
