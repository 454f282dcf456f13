"""INNA, momentum and their relatives are one method: each is another's setting."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax import (
    damped_momentum,
    inna,
    inna_from_momentum,
    momentum_from_inna,
    momentum_from_quasi_hyperbolic,
    quasi_hyperbolic_from_momentum,
)
from tests.precision import enable_x64

STEPS = 300
START = {"w": np.array([1.0, -0.5, 2.0]), "b": np.array(0.3)}
# Steps that are compared, and how closely: the loss makes rounding errors grow.
COMPARED = {"float64": (STEPS, 1e-12), "float32": (30, 5e-5)}
RATE, MOMENTUM = 0.02, 0.9


def loss(params):
    """Not convex, and of different curvatures."""
    w = params["w"] * jnp.array([1.0, 0.3, 3.0], params["w"].dtype)
    return jnp.sum(w**2 / (1 + w**2)) + jnp.cos(params["b"]) * jnp.sin(w[0])


def iterates(solver, dtype):
    params = jax.tree.map(lambda x: jnp.asarray(x, dtype), START)

    def step(carry, _):
        params, state = carry
        updates, state = solver.update(jax.grad(loss)(params), state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    return jax.lax.scan(step, (params, solver.init(params)), length=STEPS)[1]


def recursion(step, dtype, *memory):
    """`step(params, gradient, *memory)` gives the next params and the next memory."""
    params, found = jax.tree.map(lambda x: jnp.asarray(x, dtype), START), []
    zeros = jax.tree.map(jnp.zeros_like, params)
    memory = [zeros if m == 0 else params for m in memory]

    @jax.jit
    def jitted(params, memory):
        return step(params, jax.grad(loss)(params), *memory)

    for _ in range(STEPS):
        params, *memory = jitted(params, memory)
        found.append(params)
    return jax.tree.map(lambda *xs: jnp.stack(xs), *found)


def combined(coefficients, *trees):
    return jax.tree.map(
        lambda *xs: sum(c * x for c, x in zip(coefficients, xs, strict=True)), *trees
    )


def from_rest(rate, momentum, damping):
    settings = inna_from_momentum(rate, momentum, damping)
    return inna(*settings, initial_speed=settings.beta)


def close(found, expected, dtype):
    steps, tolerance = COMPARED[dtype]
    first = [jax.tree.map(lambda x: x[:steps], trees) for trees in (found, expected)]
    chex.assert_trees_all_close(*first, atol=tolerance)


@pytest.fixture(params=COMPARED)
def dtype(request):
    with enable_x64(request.param == "float64"):
        yield request.param


@pytest.mark.parametrize("make", [damped_momentum, from_rest])
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_of_optax(make, nesterov, dtype):
    damping = 1 - MOMENTUM ** (2 if nesterov else 1)
    found = iterates(make(RATE, MOMENTUM, damping), dtype)
    expected = iterates(optax.sgd(RATE, MOMENTUM, nesterov=nesterov), dtype)
    close(found, expected, dtype)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_of_optax_with_a_schedule(nesterov, dtype):
    """Of the rate, and in INNA's form by scaling its updates."""
    schedule = optax.cosine_decay_schedule(RATE, STEPS)
    damping = 1 - MOMENTUM ** (2 if nesterov else 1)
    expected = iterates(optax.sgd(schedule, MOMENTUM, nesterov=nesterov), dtype)
    scaled = optax.chain(
        from_rest(RATE, MOMENTUM, damping),
        optax.scale_by_schedule(lambda count: schedule(count) / RATE),
    )
    for solver in (damped_momentum(schedule, MOMENTUM, damping), scaled):
        found = iterates(solver, dtype)
        close(found, expected, dtype)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_gradient_descent(momentum, dtype):
    """At a share of 1, whatever the memory."""
    rate = 0.2
    found = iterates(damped_momentum(rate * (1 - momentum), momentum, 1.0), dtype)
    expected = iterates(optax.sgd(rate), dtype)
    close(found, expected, dtype)


@pytest.mark.parametrize("make", [damped_momentum, from_rest])
def test_quasi_hyperbolic_momentum(make, dtype):
    """Algorithm 1 of Ma and Yarats."""
    a, b, nu = 0.2, 0.95, 0.7

    def step(params, gradient, average):
        average = combined((b, 1 - b), average, gradient)
        moved = combined((1, -a * (1 - nu), -a * nu), params, gradient, average)
        return moved, average

    found = iterates(make(*momentum_from_quasi_hyperbolic(a, b, nu)), dtype)
    expected = recursion(step, dtype, 0)
    close(found, expected, dtype)


@pytest.mark.parametrize("make", [damped_momentum, from_rest])
def test_triple_momentum(make, dtype):
    """Its y_k = (1 + c) xi_k - c xi_(k-1), of Van Scoy, Freeman and Lynch."""
    a, b, c = 0.05, 0.8, 0.3

    def step(y, gradient, xi, before):
        after = combined((1 + b, -b, -a), xi, before, gradient)
        return combined((1 + c, -c), after, xi), after, xi

    found = iterates(make(a, b, (1 - b) * (1 + c)), dtype)
    expected = recursion(step, dtype, "start", "start")
    close(found, expected, dtype)


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.1), (2.0, 0.3), (1.0, 1.5)])
def test_inna(alpha, beta, dtype):
    found = iterates(damped_momentum(*momentum_from_inna(0.1, alpha, beta)), dtype)
    expected = iterates(inna(0.1, alpha, beta, initial_speed=beta), dtype)
    close(found, expected, dtype)


def test_a_share_of_zero_is_the_heavy_ball_with_friction(dtype):
    """Equation (2.2), discretized as INNA at beta = 0."""
    gamma, alpha = 0.1, 0.5

    def step(params, gradient, velocity):
        moved = combined((1, gamma), params, velocity)
        return moved, combined((1 - alpha * gamma, -gamma), velocity, gradient)

    found = iterates(inna(gamma, alpha, 0.0, initial_speed=0.0), dtype)
    expected = recursion(step, dtype, 0)
    close(found, expected, dtype)
    momentum = damped_momentum(*momentum_from_inna(gamma, alpha, 0.0))
    close(iterates(momentum, dtype), expected, dtype)


def test_each_converter_undoes_its_partner():
    rng = np.random.default_rng(0)
    rate, momentum, nu = rng.uniform(0.01, 0.99, (3, 50))
    damping = 1 - nu * momentum
    settings = (rate, momentum, damping)
    for there, back in (
        (inna_from_momentum, momentum_from_inna),
        (quasi_hyperbolic_from_momentum, momentum_from_quasi_hyperbolic),
    ):
        np.testing.assert_allclose(back(*there(*settings)), settings, rtol=1e-12)
        for i in range(3):  # numbers, as arrays
            numbers = tuple(float(x[i]) for x in settings)
            expected = [x[i] for x in there(*settings)]
            np.testing.assert_allclose(there(*numbers), expected, rtol=1e-14)


@pytest.mark.parametrize("momentum", [0.1, 0.5, 0.9, 0.97, 0.99])
def test_the_heavy_ball_is_quasi_hyperbolic_at_nu_one(momentum):
    settings = quasi_hyperbolic_from_momentum(0.1, momentum, 1 - momentum)
    assert settings.nu == 1.0
    momentum_from_quasi_hyperbolic(*settings)


def test_converters_take_arrays_of_jax_and_can_be_traced():
    gammas = jnp.array([0.05, 0.1])
    for found in (momentum_from_inna(gammas), jax.vmap(momentum_from_inna)(gammas)):
        np.testing.assert_allclose(found.learning_rate, gammas**2)
