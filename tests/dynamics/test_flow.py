"""DIN's solver against exact solutions, its theory, and INNA."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import inna_optax
from inna_optax.dynamics import din_flow, solve_din
from inna_optax.landscapes import DOUBLE_WELL, NONSMOOTH_ROSENBROCK
from tests.precision import enable_x64

pytestmark = pytest.mark.usefixtures("float64")

EXPLICIT = (AxisType.Explicit,)


def _exact(curvatures, theta0, psi0, alpha, beta, t):
    """The solution of (3.1) on a quadratic, by the exponential of (3.5)."""
    a = alpha - 1 / beta

    def one(lam, x, y):
        matrix = jnp.array([[-a - beta * lam, -1 / beta], [-a, -1 / beta]])
        return jax.scipy.linalg.expm(t * matrix) @ jnp.stack([x, y])

    return jax.vmap(one)(curvatures, theta0, psi0)


def test_solution_on_a_quadratic_is_exact():
    curvatures = jnp.array([0.1, 2.0, 30.0, -0.3])
    theta0, psi0 = jax.random.normal(jax.random.key(0), (2, 4))

    def solve(alpha, beta):
        solution = solve_din(
            lambda theta: curvatures * theta,
            theta0,
            t1=3.0,
            alpha=alpha,
            beta=beta,
            psi0=psi0,
            rtol=1e-10,
            atol=1e-12,
        )
        psi = inna_optax.phase_variable(solution.theta, solution, alpha, beta)
        return solution.theta, psi

    settings = [(0.5, 0.1), (2.0, 0.1), (2.0, 1.0)]
    thetas, psis = jax.jit(jax.vmap(solve))(*jnp.array(settings).T)
    for theta, psi, (alpha, beta) in zip(thetas, psis, settings, strict=True):
        expected = _exact(curvatures, theta0, psi0, alpha, beta, t=3.0)
        np.testing.assert_allclose(psi[0], psi0, atol=1e-12)
        np.testing.assert_allclose(theta[-1], expected[:, 0], atol=1e-8)
        np.testing.assert_allclose(psi[-1], expected[:, 1], atol=1e-8)


def test_flow_is_the_thesis_system_in_theta_and_psi():
    alpha, beta = 0.7, 0.3
    theta, psi = jax.random.normal(jax.random.key(1), (2, 3))
    grad_fn = jax.grad(lambda x: jnp.sum(jnp.cos(x) + x**4))
    velocity = (1 / beta - alpha) * theta - psi / beta
    d_theta, d_velocity = din_flow(grad_fn, alpha, beta)(0.0, (theta, velocity))
    common = -(alpha - 1 / beta) * theta - psi / beta
    np.testing.assert_allclose(d_theta, common - beta * grad_fn(theta), rtol=1e-12)
    d_psi = (1 - alpha * beta) * d_theta - beta * d_velocity
    np.testing.assert_allclose(d_psi, common, rtol=1e-10)


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [
        (lambda t: 0.5, lambda t: 0.1),
        (lambda t: 2 / (1 + t), lambda t: 0.1 + 0.05 * t),
        (lambda t: 0.5, lambda t: 0.0),
    ],
    ids=["constant", "of the time", "no Newton-like damping"],
)
def test_inna_approaches_the_flow_at_first_order(alpha, beta):
    """From INNA's own start, at time 2, the error is proportional to the step."""
    theta0 = jnp.asarray(DOUBLE_WELL.inits[-1])
    grad_fn = jax.grad(DOUBLE_WELL.objective)
    exact = solve_din(
        grad_fn, theta0, t1=2.0, alpha=alpha, beta=beta, rtol=1e-11, atol=1e-13
    )

    @jax.jit
    def error(num_steps):
        gamma = 2.0 / num_steps
        solver = inna_optax.inna(
            gamma, lambda k: alpha(gamma * k), lambda k: beta(gamma * k)
        )

        def step(_, carry):
            theta, state = carry
            updates, state = solver.update(grad_fn(theta), state)
            return theta + updates, state

        init = (theta0, solver.init(theta0))
        theta, state = jax.lax.fori_loop(0, num_steps, step, init)
        return jnp.hypot(
            jnp.linalg.norm(theta - exact.theta[-1]),
            jnp.linalg.norm(state.velocity - exact.velocity[-1]),
        )

    num_steps = 1_000 * 2 ** np.arange(6)
    errors = np.array([error(n) for n in num_steps])
    slope, _ = np.polyfit(np.log(2.0 / num_steps), np.log(errors), 1)
    assert 0.97 < slope < 1.03


def test_loss_decreases_at_least_as_one_over_t_at_a_flat_minimum():
    """Theorem 2.8's rate, on |theta|^p, where the exact exponent is -p / (p - 2)."""
    times = jnp.geomspace(1e6, 1e8, 21)

    def losses(power, alpha, beta):
        solution = solve_din(
            lambda x: power * jnp.sign(x) * jnp.abs(x) ** (power - 1),
            jnp.array(0.3),
            t1=1e8,
            alpha=alpha,
            beta=beta,
            v0=jnp.array(0.0),
            ts=times,
            rtol=1e-8,
            atol=1e-14,
            solver=diffrax.Kvaerno5(),
        )
        return jnp.abs(solution.theta) ** power

    powers = jnp.array([4.0, 6.0, 8.0, 4.0, 6.0, 8.0])
    alphas = jnp.array([0.5, 0.5, 0.5, 2.0, 2.0, 2.0])
    betas = jnp.array([0.1, 0.1, 0.1, 1.0, 1.0, 1.0])
    batch = jax.jit(jax.vmap(losses))(powers, alphas, betas)
    slopes, _ = np.polyfit(np.log(times), np.log(batch.T), 1)
    assert np.all(slopes < -1)
    # Late motion is that of alpha theta' = -J'(theta).
    np.testing.assert_allclose(slopes, -powers / (powers - 2), rtol=0.01)


def test_default_start_is_that_of_inna_and_of_the_papers():
    theta0 = jnp.array([0.3, -0.7])
    grad_fn = jax.grad(DOUBLE_WELL.objective)
    solution = solve_din(grad_fn, theta0, t1=1e-3, alpha=0.5, beta=0.1)
    np.testing.assert_array_equal(solution.theta[0], theta0)
    speed = solution.velocity[0] - 0.1 * grad_fn(theta0)
    np.testing.assert_allclose(speed, -grad_fn(theta0), rtol=1e-12)


def test_v0_is_the_initial_velocity():
    v0 = jnp.array([0.4, -5.0])
    solution = solve_din(jnp.sin, jnp.ones(2), t1=5.0, v0=v0)
    np.testing.assert_array_equal(solution.velocity[0], v0)
    # And the times are 101 equidistant ones, if none are asked for.
    np.testing.assert_allclose(solution.t, np.linspace(0, 5, 101), atol=1e-12)


def test_params_may_be_any_pytree_of_any_float_type():
    params = {"a": np.ones((2, 3), jnp.bfloat16), "b": (np.float32(1.0), [2])}

    def loss(p):
        return jnp.sum(p["a"] ** 2) + p["b"][0] ** 2 + p["b"][1][0] ** 2

    with enable_x64(False):
        solution = solve_din(jax.grad(loss), params, t1=30.0, ts=jnp.array([0.0, 30.0]))
    assert jax.tree.structure(solution.theta) == jax.tree.structure(params)
    assert solution.theta["a"].shape == (2, 2, 3)
    for leaf in jax.tree.leaves(solution.theta):
        assert leaf.dtype == jnp.float32
        assert jnp.max(jnp.abs(leaf[-1])) < 1e-2


def test_an_implicit_solver_follows_stiff_flows_that_the_default_cannot():
    settings = {"t1": 1.0, "alpha": 0.5, "beta": 1.0, "max_steps": 1_000}
    curvatures = jnp.array([1e5, 1.0])

    def last(**solver):
        return solve_din(
            lambda theta: curvatures * theta, jnp.ones(2), **settings, **solver
        ).theta[-1]

    with pytest.raises(RuntimeError) as caught:
        last()
    message = str(caught.value)
    assert message.startswith("solve_din stopped after 1000 steps before t1=1.0: ")
    assert "max_steps" in message
    assert "Kvaerno5" in message
    assert "\n" not in message
    theta = last(solver=diffrax.Kvaerno5())
    psi0 = (1 - 0.5 * 1.0) * jnp.ones(2) - (1.0 - 1.0) * curvatures
    expected = _exact(curvatures[1:], jnp.ones(1), psi0[1:], 0.5, 1.0, t=1.0)
    np.testing.assert_allclose(theta[1], expected[0, 0], rtol=1e-4)


def test_failure_is_also_told_under_vmap():
    def last(theta0):
        return solve_din(jnp.cos, theta0, t1=100.0, max_steps=5).theta[-1]

    with pytest.raises(RuntimeError, match="maximum number of solver steps"):
        jax.vmap(last)(jnp.zeros(2))


def test_sliding_along_a_kink_fails_and_is_told():
    """Down the valley of Figure 2.1 the flow ends by sliding along theta_1 = 1."""
    with pytest.raises(RuntimeError, match="before t1=20"):
        solve_din(
            jax.grad(NONSMOOTH_ROSENBROCK.objective),
            jnp.asarray(NONSMOOTH_ROSENBROCK.inits[0]),
            t1=20.0,
            v0=jnp.zeros(2),
            max_steps=20_000,
        )


def test_params_in_parts_have_the_solution_of_one_device():
    """On Explicit axes, as `jax.make_mesh` makes them; each param lies otherwise."""
    mesh = jax.make_mesh((2,), ("x",), devices=jax.devices()[:2], axis_types=EXPLICIT)
    params = {"a": jnp.arange(8.0).reshape(4, 2), "b": jnp.arange(3.0)}
    parts = NamedSharding(mesh, PartitionSpec("x"))
    gradient = jax.grad(lambda p: jnp.sum(p["a"] ** 2) * (1 + jnp.sum(p["b"] ** 2)))

    def solve(params):
        return solve_din(gradient, params, t1=0.1, ts=[0.0, 0.1])

    with jax.set_mesh(mesh):
        found = solve({"a": jax.device_put(params["a"], parts), "b": params["b"]})
    assert found.theta["a"].sharding.spec == PartitionSpec(None, "x", None)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), found, solve(params)
    )
