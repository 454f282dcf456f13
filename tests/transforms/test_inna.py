import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax import inna, innaprop, inverse_power_schedule, phase_variable
from tests.transforms import twins
from tests.transforms.loops import iterates

STEPS = 300


def relative_error(ours, reference):
    ours, reference = np.asarray(ours), np.asarray(reference)
    return np.max(np.abs(ours - reference)) / np.max(np.abs(reference))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.1), (2.0, 0.5), (3.0, 0.7)])
@pytest.mark.parametrize("decay", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("speed", ["0", "beta", "1"])
def test_is_the_papers_psi_recursion(alpha, beta, decay, speed):
    problem = twins.LeastSquares()
    s = {"0": 0.0, "beta": beta, "1": 1.0}[speed]
    solver = inna(inverse_power_schedule(0.05, decay), alpha, beta, initial_speed=s)
    reference = twins.inna(
        problem.gradient,
        problem.start,
        STEPS,
        lambda k: 0.05 / (k + 1) ** decay,
        alpha,
        beta,
        s,
    )
    ours, _ = iterates(solver, problem.gradient, problem.start, STEPS)
    assert relative_error(ours, reference) < 1e-10


@pytest.mark.usefixtures("x64")
def test_phase_variable_is_psi():
    problem, alpha, beta, gamma = twins.LeastSquares(), 0.5, 0.1, 0.05
    solver = optax.chain(optax.identity(), inna(gamma, alpha, beta))
    ours, state = iterates(solver, problem.gradient, problem.start, 20)

    psi = (1 - alpha * beta) * problem.start - (beta**2 - beta) * problem.gradient(
        problem.start, 0
    )
    reference = twins.inna(
        problem.gradient, problem.start, 20, lambda k: gamma, alpha, beta, 1.0
    )
    for theta in reference[:-1]:
        psi = psi + gamma * ((1 / beta - alpha) * theta - psi / beta)
    found = phase_variable(jnp.asarray(ours[-1]), state, alpha, beta)
    np.testing.assert_allclose(found, psi, rtol=1e-10)


def test_phase_variable_of_a_flax_model():
    """Its params and the optimizer's state are in nodes of different types."""
    nnx = pytest.importorskip("flax.nnx")  # not beside the oldest versions
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, inna(0.1), wrt=nnx.Param)
    optimizer.update(model, nnx.grad(lambda m: jnp.sum(m(jnp.ones(2)) ** 2))(model))
    params = nnx.state(model, nnx.Param)
    psi = phase_variable(params, optimizer.opt_state)
    assert jax.tree.structure(psi) == jax.tree.structure(params)
    velocity = jax.tree.leaves(optax.tree.get(optimizer.opt_state, "velocity"))
    for found, theta, v in zip(
        *map(jax.tree.leaves, (psi, params)), velocity, strict=True
    ):
        np.testing.assert_allclose(found, 0.95 * theta - 0.1 * v, rtol=1e-5)


def test_phase_variable_refuses_a_state_without_velocity():
    state = optax.sgd(0.1).init(jnp.ones(2))
    with pytest.raises(KeyError, match="no velocity"):
        phase_variable(jnp.ones(2), state)


@pytest.mark.usefixtures("x64")
def test_scheduled_alpha_and_beta_follow_the_velocity_recursion():
    problem = twins.LeastSquares()
    alpha = lambda k: 0.5 + 1 / (jnp.asarray(k, float) + 1)
    beta = lambda k: 0.1 + 0.05 / (jnp.asarray(k, float) + 1)
    ours, _ = iterates(inna(0.05, alpha, beta), problem.gradient, problem.start, 100)
    theta = problem.start
    v = (beta(0) - 1.0) * problem.gradient(theta, 0)
    for k in range(100):
        g, a, b = problem.gradient(theta, k), alpha(k), beta(k)
        theta, v = (
            theta + 0.05 * (v - b * g),
            (1 - a * 0.05) * v - 0.05 * (1 - a * b) * g,
        )
        np.testing.assert_allclose(ours[k + 1], theta, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("gamma", [0.05, 0.1])
def test_low_precision_params_stay_nearer_than_with_psi(dtype, gamma):
    """Rounding theta moves the psi form's velocity by |theta| eps / beta, ours not."""
    rng, size = np.random.default_rng(0), 1000
    noise = np.asarray(jnp.asarray(rng.normal(size=(200, size)), "bfloat16"), float)
    start = np.asarray(jnp.asarray(rng.normal(size=size), "bfloat16"), float)
    curvatures = np.logspace(-2, 1, size)
    gradient = lambda theta, k: curvatures * theta + noise[k]

    args = gradient, start, 200, gamma, 0.5, 0.1
    exact = twins.inna(*args[:3], lambda k: gamma, 0.5, 0.1, 1.0)[-1]
    psi_form = twins.inna_in_low_precision(*args, dtype)[-1]
    ours = iterates(inna(gamma), gradient, start, 200, dtype=dtype)[0][-1]
    assert 10 * np.linalg.norm(ours - exact) < np.linalg.norm(psi_form - exact)


@pytest.mark.usefixtures("x64")
def test_constant_step_just_below_one_over_alpha_is_the_papers():
    problem, alpha, beta = twins.LeastSquares(), 2.0, 1.5
    gamma = 0.49999 / 1.0
    ours, _ = iterates(inna(gamma, alpha, beta), problem.gradient, problem.start, 50)
    reference = twins.inna(
        problem.gradient, problem.start, 50, lambda k: gamma, alpha, beta, 1.0
    )
    assert relative_error(ours, reference) < 1e-8


@pytest.mark.parametrize("factor", [0.0, 1e-9, -1e-9, 1e-4, -1e-4, 0.01, -0.01])
def test_schedule_through_one_over_alpha_stays_right(factor):
    """alpha * gamma = 1 - factor at step 5, an ordinary step before and after."""
    problem, alpha, beta = twins.LeastSquares(), 2.0, 0.5
    gamma = lambda k: jnp.where(k == 5, (1 - factor) / alpha, 0.05)
    ours, _ = iterates(
        inna(gamma, alpha, beta), problem.gradient, problem.start, 30, dtype=jnp.float32
    )
    reference = twins.inna(
        problem.gradient,
        problem.start,
        30,
        lambda k: (1 - factor) / alpha if k == 5 else 0.05,
        alpha,
        beta,
        1.0,
    )
    assert relative_error(ours, reference) < 2e-3


def test_needs_no_params_and_composes_with_weight_decay():
    grads = {"w": jnp.array([1.0, -2.0])}
    solver = inna(0.1)
    updates, _ = solver.update(grads, solver.init(grads))
    decayed = optax.chain(optax.add_decayed_weights(0.5), inna(0.1))
    params = {"w": jnp.array([2.0, 4.0])}
    with_decay, _ = decayed.update(grads, decayed.init(params), params)
    expected, _ = solver.update(
        {"w": grads["w"] + 0.5 * params["w"]}, solver.init(params)
    )
    np.testing.assert_allclose(with_decay["w"], expected["w"], rtol=1e-6)
    np.testing.assert_allclose(updates["w"], -0.1 * grads["w"], rtol=1e-6)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("weight_decay", [0.0, 0.01, 0.3])
@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 0.9), (2.0, 2.0), (0.5, 0.1)])
def test_innaprop_is_its_published_recursion(alpha, beta, weight_decay):
    problem = twins.LeastSquares()
    solver = innaprop(
        inverse_power_schedule(0.02, 0.5), alpha, beta, weight_decay=weight_decay
    )
    reference = twins.innaprop(
        problem.gradient,
        problem.start,
        STEPS,
        lambda k: 0.02 / (k + 1) ** 0.5,
        alpha,
        beta,
        0.999,
        1e-8,
        weight_decay,
    )
    ours, _ = iterates(solver, problem.gradient, problem.start, STEPS)
    assert relative_error(ours, reference) < 1e-10


def test_innaprop_mask_says_which_leaves_decay():
    params = {"w": jnp.ones(2), "b": {"x": jnp.ones(2), "y": jnp.ones(2)}}
    grads = jax.tree.map(jnp.zeros_like, params)
    for mask in ({"w": True, "b": False}, lambda p: {"w": True, "b": False}):
        solver = innaprop(0.1, weight_decay=0.5, mask=mask)
        updates, _ = solver.update(grads, solver.init(params), params)
        assert jnp.all(updates["w"] < 0)
        assert jnp.all(updates["b"]["x"] == 0)
        assert jnp.all(updates["b"]["y"] == 0)


def test_innaprop_without_weight_decay_needs_no_params():
    solver = innaprop(0.1, weight_decay=0)
    updates, _ = solver.update(jnp.ones(2), solver.init(jnp.ones(2)))
    assert jnp.all(updates < 0)


def test_innaprop_with_weight_decay_says_that_it_needs_params():
    solver = innaprop(0.1)
    with pytest.raises(ValueError, match=r"update\(grads, state, params\)"):
        solver.update(jnp.ones(2), solver.init(jnp.ones(2)))


def test_the_state_is_stored_in_the_type_asked_for():
    params = {"w": jnp.ones(2), "z": jnp.ones(2, jnp.complex64)}
    for factory in (inna, innaprop):
        solver = factory(0.1, velocity_dtype="bfloat16")
        state = solver.init(params)
        for _ in range(2):  # complex numbers have no narrower type than complex64
            assert state.velocity["w"].dtype == jnp.bfloat16
            assert state.velocity["z"].dtype == jnp.complex64
            _, state = solver.update(params, state, params)


def test_weight_decay_follows_an_array_that_is_zero():
    """A tracer may be zero: then the params are needed, and nothing decays."""
    grads = jnp.zeros(2)
    solver = innaprop(0.1, weight_decay=jnp.zeros(()))
    updates, _ = solver.update(grads, solver.init(grads), jnp.ones(2))
    assert jnp.all(updates == 0)
