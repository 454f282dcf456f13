import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax.landscapes import robust_regression


@pytest.fixture(scope="module")
def problem():
    return robust_regression(jax.random.key(0))


def test_objective_is_that_of_section_4_7(problem):
    theta = jax.random.normal(jax.random.key(1), (30,))
    residuals = np.asarray(problem.features) @ np.asarray(theta) - problem.targets
    expected = np.mean(residuals**2 / (1 + residuals**2))
    np.testing.assert_allclose(problem.objective(theta), expected, rtol=1e-5)
    assert 0 < problem.objective(theta) < 1


def test_objective_is_the_mean_over_mini_batches(problem):
    theta = jax.random.normal(jax.random.key(1), (30,))
    batches = jax.random.permutation(jax.random.key(2), 500).reshape(10, 50)
    on_batches = jax.vmap(jax.value_and_grad(problem.batch_objective), (None, 0))
    values, gradients = jax.jit(on_batches)(theta, batches)
    full = jax.grad(problem.objective)(theta)
    np.testing.assert_allclose(values.mean(), problem.objective(theta), rtol=1e-5)
    np.testing.assert_allclose(gradients.mean(axis=0), full, rtol=1e-4, atol=1e-6)
    assert jnp.std(values) > 1e-3  # batches differ.


def test_objective_is_not_convex(problem):
    hessian = jax.jit(jax.hessian(problem.objective))(jnp.full(30, 3.0))
    assert jnp.linalg.eigvalsh(hessian)[0] < -1e-3


def test_data_have_the_distribution_of_carmon_et_al():
    """Without features' part, b is 3 n1 + n2: mean 0.3, variance 9 + 0.21."""
    count = 200_000
    problem = robust_regression(jax.random.key(3), num_rows=count, dim=2)
    assert problem.features.shape == (count, 2)
    assert abs(float(problem.features.mean())) < 0.01
    assert abs(float(problem.features.std()) - 1) < 0.01
    design = np.column_stack([problem.features, np.ones(count)])
    solution, *_ = np.linalg.lstsq(design, np.asarray(problem.targets), rcond=None)
    noise = np.asarray(problem.targets) - design[:, :2] @ solution[:2]
    assert noise.mean() == pytest.approx(0.3, abs=0.04)
    assert noise.var() == pytest.approx(9.21, rel=0.02)


def test_true_parameters_have_variance_four():
    """Seen through least squares, over many draws of the problem."""
    keys = jax.random.split(jax.random.key(4), 2_000)
    draw = jax.jit(jax.vmap(lambda key: robust_regression(key, num_rows=200, dim=1)))
    draws = draw(keys)
    features = draws.features[..., 0]
    solutions = jnp.sum(features * draws.targets, 1) / jnp.sum(features**2, 1)
    # The noise adds about 9.3 / 200 to z's variance of 4.
    assert float(solutions.var()) == pytest.approx(4.05, rel=0.1)


def test_a_draw_is_a_function_of_its_key():
    first, again, other = (robust_regression(jax.random.key(i)) for i in (5, 5, 6))
    np.testing.assert_array_equal(first.targets, again.targets)
    np.testing.assert_array_equal(first.features, again.features)
    assert not np.allclose(first.targets, other.targets)
