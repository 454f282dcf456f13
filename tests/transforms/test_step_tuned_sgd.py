import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax import inverse_power_schedule, step_tuned_sgd
from tests.transforms import twins

HYPERPARAMETERS = [
    {"delta": 0.001},
    {"nu": 1.5, "beta": 0.5, "gamma_min": 0.1, "gamma_max": 5.0, "delta": 0.2},
    {"beta": 0.0, "gamma_min": 0.01, "gamma_max": 1.7},
]


def twin(problem, steps, alpha, nu=2.0, beta=0.9, gamma_min=0.5, gamma_max=2.0, **kw):
    delta = kw.get("delta")
    return twins.step_tuned_sgd(
        problem.gradient,
        problem.start,
        steps,
        alpha,
        nu,
        beta,
        gamma_min,
        gamma_max,
        delta,
    )


def run_transparent(solver, problem, steps, dtype="float64"):
    params = jnp.asarray(problem.start, dtype)
    state, update = solver.init(params), jax.jit(solver.update)
    iterates, gammas = [np.asarray(params)], [float(state.gamma)]
    for k in range(steps):
        for _ in range(2):
            grads = jnp.asarray(problem.gradient(iterates[-1], k), dtype)
            updates, state = update(grads, state)
            params = optax.apply_updates(params, updates)
            iterates.append(np.asarray(params))
        gammas.append(float(state.gamma))
    return iterates, gammas, state


def run_opaque(solver, problem, steps):
    params = jnp.asarray(problem.start)
    state, iterates = solver.init(params), [problem.start]
    for k in range(steps):
        updates, state = solver.update(
            jnp.asarray(problem.gradient(np.asarray(params), k)),
            state,
            params,
            grad_fn=lambda p, k=k: jnp.asarray(problem.gradient(np.asarray(p), k)),
        )
        params = optax.apply_updates(params, updates)
        iterates.append(np.asarray(params))
    return iterates, state


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("hyperparameters", HYPERPARAMETERS)
def test_is_algorithm_3(hyperparameters):
    problem = twins.LeastSquares(scale=4.0)
    reference, gammas = twin(problem, 100, lambda k: 0.1, **hyperparameters)
    solver = step_tuned_sgd(0.1, **hyperparameters)
    ours, our_gammas, state = run_transparent(solver, problem, 100)
    np.testing.assert_allclose(ours, reference, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(our_gammas, gammas, rtol=1e-9)
    assert len(set(gammas)) > 20  # the step was tuned, not stuck at a bound
    assert state.count == 100

    opaque = step_tuned_sgd(0.1, **hyperparameters, opaque_mode=True)
    ours, state = run_opaque(opaque, problem, 100)
    np.testing.assert_allclose(ours, reference[::2], rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(state.gamma, gammas[-1], rtol=1e-9)


@pytest.mark.usefixtures("x64")
def test_decay_per_epoch_is_read_at_mini_batches():
    problem = twins.LeastSquares()
    schedule = inverse_power_schedule(0.1, 0.501, transition_steps=8)
    reference, _ = twin(problem, 100, lambda k: 0.1 / (k // 8 + 1) ** 0.501, delta=None)
    ours, _, _ = run_transparent(step_tuned_sgd(schedule, delta=None), problem, 100)
    np.testing.assert_allclose(ours, reference, rtol=1e-10, atol=1e-11)


def test_state_tells_gamma_and_the_step_taken():
    solver = optax.chain(optax.identity(), step_tuned_sgd(0.1, delta=0.001))
    params = jnp.array([1.0, 2.0])
    updates, state = solver.update(params, solver.init(params))
    assert optax.tree.get(state, "gamma") == 1.0
    np.testing.assert_allclose(optax.tree.get(state, "step_size"), 0.1, rtol=1e-6)
    np.testing.assert_allclose(updates, -0.1 * params, rtol=1e-6)


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, 1e30])
def test_gamma_survives_any_gradient(opaque, bad):
    """Zero, NaN and overflowing gradients give nu, and gamma recovers afterwards."""
    solver = step_tuned_sgd(0.1, nu=1.5, opaque_mode=opaque)
    params = jnp.ones(3)
    state, grads = solver.init(params), jnp.full(3, bad)
    for _ in range(4):
        _, state = solver.update(grads, state, params, grad_fn=lambda p: grads)
    assert state.gamma == 1.5


def test_gamma_is_between_its_bounds_from_the_start():
    assert step_tuned_sgd(0.1, gamma_min=1.2).init(jnp.ones(2)).gamma == pytest.approx(
        1.2
    )


def test_opaque_mode_keeps_no_gradient():
    params = {"w": jnp.ones((3, 4))}
    sizes = [
        sum(
            x.size
            for x in jax.tree.leaves(step_tuned_sgd(0.1, opaque_mode=m).init(params))
        )
        for m in (False, True)
    ]
    assert sizes[0] - sizes[1] == 12


@pytest.mark.parametrize("given", ["params", "grad_fn", "nothing"])
def test_opaque_mode_says_what_to_pass(given):
    solver, params = step_tuned_sgd(0.1, opaque_mode=True), jnp.ones(2)
    arguments = {
        "params": (params, {}),
        "grad_fn": (None, {"grad_fn": lambda p: p}),
        "nothing": (None, {}),
    }
    positional, extra = arguments[given]
    with pytest.raises(ValueError, match=r"update\(grads, state, params, grad_fn="):
        solver.update(params, solver.init(params), positional, **extra)


def test_an_error_of_grad_fn_inside_flatten_is_explained():
    solver = optax.flatten(step_tuned_sgd(0.1, opaque_mode=True))
    params = {"w": jnp.ones(2)}
    with pytest.raises(TypeError) as caught:
        solver.update(params, solver.init(params), params, grad_fn=lambda p: p["w"])
    assert "use opaque_mode=False" in caught.value.__notes__[0]
    plain = step_tuned_sgd(0.1, opaque_mode=True)
    with pytest.raises(ZeroDivisionError) as caught:
        plain.update(params, plain.init(params), params, grad_fn=lambda p: 1 / 0)
    assert not hasattr(caught.value, "__notes__")


def test_accumulators_are_stored_in_the_type_asked_for():
    solver = step_tuned_sgd(0.1, accumulator_dtype="bfloat16")
    state = solver.init(jnp.ones(2))
    for _ in range(3):
        assert state.curvature_average.dtype == jnp.bfloat16
        assert state.first_gradient.dtype == jnp.bfloat16
        _, state = solver.update(jnp.ones(2), state)


def test_the_gradient_vanishes_at_the_rate_of_theorem_4_2():
    """The smallest E ||grad J(theta_j)||^2, j < k, is O(k^-(1/2 - delta)).

    The expectation over 64 runs on mini-batches whose minimizers differ.
    """
    delta, steps = 0.01, 4096
    rng = np.random.default_rng(0)
    matrices = jnp.asarray(rng.normal(size=(16, 4, 3)), jnp.float32)
    targets = jnp.asarray(rng.normal(size=(16, 4)), jnp.float32)
    loss = lambda x, a, b: jnp.mean((a @ x - b) ** 2) / 2
    whole = jax.grad(
        lambda x: jnp.mean(jax.vmap(loss, (None, 0, 0))(x, matrices, targets))
    )
    solver = step_tuned_sgd(0.1, delta=delta)

    def squares(key):
        def step(carry, i):
            x, state = carry
            square = jnp.sum(whole(x) ** 2)
            for _ in range(2):
                grads = jax.grad(loss)(x, matrices[i], targets[i])
                updates, state = solver.update(grads, state)
                x = optax.apply_updates(x, updates)
            return (x, state), square

        start = jnp.full(3, 3.0)
        batches = jax.random.randint(key, (steps,), 0, len(matrices))
        return jax.lax.scan(step, (start, solver.init(start)), batches)[1]

    keys = jax.random.split(jax.random.key(0), 64)
    expected = np.minimum.accumulate(np.mean(jax.jit(jax.vmap(squares))(keys), axis=0))
    count = 4 ** np.arange(2, 7)  # 16 to 4096
    bound = expected[count - 1] * count ** (0.5 - delta)
    assert np.all(bound[1:] <= 1.05 * bound[:-1])
