"""Every optimizer minimizes; the tolerance is on the objective's value."""

import jax
import jax.numpy as jnp
import optax
import pytest

from inna_optax import inverse_power_schedule
from tests.transforms.optimizers import OPTIMIZERS


def quadratic(x):
    return 0.5 * jnp.sum(jnp.array([0.5, 1.0, 4.0]) * (x - 1.0) ** 2)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def nonsmooth_rosenbrock(x):
    """The function of Figure 2.1."""
    return 100 * (x[1] - jnp.abs(x[0])) ** 2 + jnp.abs(1 - x[0])


def final_value(solver, objective, start, steps):
    gradient = jax.grad(objective)
    curvature = jax.grad(lambda x: 0.5 * jnp.sum(gradient(x) ** 2))

    def step(carry, _):
        params, state = carry
        grads = gradient(params)
        updates, state = solver.update(
            grads,
            state,
            params,
            full_grads=grads,
            curvature=curvature(params),
            grad_fn=gradient,
        )
        return (optax.apply_updates(params, updates), state), None

    start = jnp.asarray(start)
    (params, _), _ = jax.lax.scan(step, (start, solver.init(start)), length=steps)
    return objective(params)


# A problem: objective, start, updates, learning rate and its decay (to zero where
# the minimizer is a kink), largest final value.
PROBLEMS = {
    "quadratic": (quadratic, [0.0, 0.0, 0.0], 2_000, 0.05, 0.0, 1e-6),
    "rosenbrock": (rosenbrock, [-1.0, 1.0], 60_000, 4e-4, 0.0, 1e-2),
    "nonsmooth_rosenbrock": (
        nonsmooth_rosenbrock,
        [-1.0, 1.5],
        200_000,
        1e-3,
        0.25,
        1e-2,
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_minimizes(name, problem):
    objective, start, steps, rate, power, tolerance = PROBLEMS[problem]
    optimizer = OPTIMIZERS[name]
    # The decay is the schedule's alone, the weights of the problem are not decayed.
    plain = {"delta": None, "weight_decay": 0.0}
    solver = optimizer(
        learning_rate=inverse_power_schedule(optimizer.rate_scale * rate, power),
        **{k: v for k, v in plain.items() if k in optimizer.hyperparameters},
    )
    assert final_value(solver, objective, start, steps) < tolerance
