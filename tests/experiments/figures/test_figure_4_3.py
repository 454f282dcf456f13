import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax.experiments.figures import figure_4_3, regression_search
from inna_optax.landscapes import robust_regression
from tests.precision import enable_x64

SIZES = figure_4_3.Sizes(
    draws=3,
    num_rows=60,
    dim=4,
    batch_size=10,
    epochs=18,
    search_epochs=6,
    learning_rates=3,
)


@pytest.fixture(scope="module", autouse=True)
def float64():
    with enable_x64(True):
        yield


@pytest.fixture(scope="module")
def result(float64):
    found = figure_4_3.result_of(SIZES, {"scale": "test", "cut": "small"})
    return json.loads(json.dumps(found, allow_nan=False))


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_expected_curvature_is_the_mean_over_all_mini_batches(batch_size):
    problem = robust_regression(jax.random.key(0), num_rows=7, dim=3)
    theta = jax.random.normal(jax.random.key(1), (3,))

    def curvature(rows):
        grad_fn = jax.grad(lambda t: problem.batch_objective(t, rows))
        return jax.jvp(grad_fn, (theta,), (grad_fn(theta),))[1]

    subsets = jnp.array(list(itertools.combinations(range(7), batch_size)))
    expected = jax.jit(jax.vmap(curvature))(subsets).mean(axis=0)
    found = figure_4_3.expected_curvature(problem, theta, batch_size)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_expected_curvature_agrees_with_the_figures_own_mini_batches():
    problem = robust_regression(jax.random.key(0), num_rows=100, dim=5)
    theta = jax.random.normal(jax.random.key(1), (5,))

    def curvature(rows):
        grad_fn = jax.grad(lambda t: problem.batch_objective(t, rows))
        return jax.jvp(grad_fn, (theta,), (grad_fn(theta),))[1]

    batches = figure_4_3.mini_batches(jax.random.key(2), 1, 6_000, 100, 10)[0]
    samples = np.asarray(jax.jit(jax.vmap(curvature))(batches))
    found = figure_4_3.expected_curvature(problem, theta, 10)
    errors = (samples.mean(axis=0) - found) / (samples.std(axis=0) / np.sqrt(6_000))
    assert np.abs(errors).max() < 4
    full = jax.grad(problem.objective)
    product = jax.jvp(full, (theta,), (full(theta),))[1]
    assert (
        np.abs(samples.mean(axis=0) - product).max()
        > 5 * np.abs(samples.mean(axis=0) - found).max()
    )


def test_mini_batches_are_subsets_each_row_as_likely_as_any_other():
    batches = np.asarray(figure_4_3.mini_batches(jax.random.key(0), 2, 500, 30, 6))
    assert batches.shape == (2, 500, 6)
    assert all(len(set(rows)) == 6 for rows in batches.reshape(-1, 6).tolist())
    counts = np.bincount(batches.ravel(), minlength=30)
    assert counts == pytest.approx(200, abs=5 * np.sqrt(200 * 0.8))
    assert not np.array_equal(batches[0], batches[1])


def test_sgd_decays_per_iteration_and_step_tuned_sgd_uses_each_batch_twice():
    """Both against a loop, at a step factor that cannot vary."""
    problems, starts = regression_search.draw_problems(jax.random.key(3), 1, 40, 3)
    batches = figure_4_3.mini_batches(jax.random.key(4), 1, 8, 40, 10)
    problem, theta0 = jax.tree.map(lambda x: x[0], (problems, starts))
    for name in ("sgd", "step_tuned_sgd"):
        method = figure_4_3.METHODS[name]
        run = figure_4_3.train(method, (1.0, 1.0), epochs=2, gradients=4)
        setting = {"learning_rate": np.array([2.0])}
        if method.has_nu:
            setting["nu"] = np.array([1.0])
        losses, gammas = regression_search.for_each_draw(
            run, (problems, starts, batches), setting
        )
        grad_fn = jax.jit(jax.grad(problem.batch_objective))
        theta, expected = theta0, [problem.objective(theta0)]
        for step in range(8):
            k = step // method.uses
            grads = grad_fn(theta, batches[0, k])
            theta = theta - 2.0 / (k + 1) ** 0.501 * grads
            if step % 4 == 3:
                expected.append(problem.objective(theta))
        np.testing.assert_allclose(losses[0, 0], expected, rtol=1e-9)
        assert (gammas == 1).all()


def test_exact_and_expected_gv_get_what_they_need():
    """Their first two step factors, against the formulas of Algorithms 5 and 6."""
    problems, starts = regression_search.draw_problems(jax.random.key(5), 1, 40, 3)
    batches = figure_4_3.mini_batches(jax.random.key(6), 1, 2, 40, 10)
    problem, theta = jax.tree.map(lambda x: x[0], (problems, starts))
    setting = {"learning_rate": np.array([0.5]), "nu": np.array([7.0])}
    g = jax.grad(problem.batch_objective)(theta, batches[0, 0])
    full = jax.grad(problem.objective)
    change = full(theta - 0.5 * g) - full(theta)
    curvature = figure_4_3.expected_curvature(problem, theta, 10)
    ratios = {
        "exact_gv": -0.5 * (g @ g) / (change @ g),
        "expected_gv": (g @ g) / (curvature @ g),
    }
    for name, ratio in ratios.items():
        expected = ratio if ratio > 0 else 7.0
        # Expected-GV's state has the factor of the next step.
        steps = 2 if name == "exact_gv" else 1
        run = figure_4_3.train(figure_4_3.METHODS[name], (1e-3, 1e3), steps, 1)
        _, gammas = regression_search.for_each_draw(
            run, (problems, starts, batches), setting
        )
        assert gammas[0, 0, -1] == pytest.approx(expected)


def test_every_method_has_the_same_number_of_settings():
    for bounds in figure_4_3.BOUNDS.values():
        for method in figure_4_3.METHODS.values():
            settings = figure_4_3.settings_of(method, bounds, 24)
            assert {len(values) for values in settings.values()} == {48}
            assert all(settings.get("nu", np.array(1.0)).ravel() <= bounds[1])


def test_claims_are_read_from_the_medians():
    median = {
        "sgd": [0.9, 0.8, 0.7, 0.60],
        "exact_gv": [0.9, 0.7, 0.65, 0.62],
        "expected_gv": [0.9, 0.69, 0.65, 0.62],
        "stochastic_gv": [0.9, 0.85, 0.85, 0.85],
        "step_tuned_sgd": [0.9, 0.71, 0.65, 0.62],
    }
    assert all(figure_4_3.claims(median, 1, 2, 3).values())
    median["stochastic_gv"] = median["step_tuned_sgd"] = median["sgd"]
    wrong = {k for k, v in figure_4_3.claims(median, 1, 2, 3).items() if not v}
    assert wrong == {
        "stochastic_gv_is_above_sgd",
        "step_tuned_sgd_is_nearer_expected_gv_than_sgd",
    }


@pytest.mark.slow
def test_readings_are_those_of_the_curves(result):
    readings = result["readings"]
    for key, methods in result["rows"].items():
        for name, own in methods.items():
            curve = own["held_out_loss"]["median"]
            assert len(curve) == SIZES.epochs + 1
            at_search = readings[f"{name}_median_at_6_{key}_held_out"]
            assert curve[6] == pytest.approx(at_search, rel=1e-5)
            assert curve[18] == pytest.approx(
                readings[f"{name}_median_at_18_{key}"], rel=1e-5
            )
            for protocol, losses in own["loss_at_search"].items():
                assert np.median(losses) == pytest.approx(
                    readings[f"{name}_median_at_6_{key}_{protocol}"], rel=1e-5
                )
                if name != "sgd":
                    gain = np.subtract(
                        losses, methods["sgd"]["loss_at_search"][protocol]
                    )
                    what = f"{name}_minus_sgd_at_6_{key}_{protocol}"
                    assert readings[f"{what}_mean"] == pytest.approx(
                        gain.mean(), abs=1e-5
                    )
                    assert readings[f"{what}_standard_error"] == pytest.approx(
                        gain.std(ddof=1) / np.sqrt(3), abs=1e-5
                    )
            if name != "sgd":
                assert 0 <= readings[f"{name}_share_at_upper_bound_{key}"] <= 1
        curve = methods["step_tuned_sgd"]["held_out_loss"]["median"]
        assert curve[12] == pytest.approx(
            readings[f"step_tuned_sgd_median_at_6_epochs_of_data_{key}"], rel=1e-5
        )


@pytest.mark.slow
def test_at_full_size_the_naive_gradient_variation_is_the_poor_one():
    """The order of section 4.3.3, with the bounds of the lower row."""
    problems, starts = regression_search.draw_problems(jax.random.key(8), 8, 500, 30)
    batches = figure_4_3.mini_batches(jax.random.key(9), 8, 500, 500, 50)
    median = {}
    for name, method in figure_4_3.METHODS.items():
        bounds = figure_4_3.BOUNDS["triple_bounds"]
        settings = figure_4_3.settings_of(method, bounds, 6)
        run = figure_4_3.train(method, bounds, epochs=50, gradients=10)
        losses, gammas = regression_search.for_each_draw(
            run, (problems, starts, batches), settings
        )
        median[name] = np.median(losses[:, :, -1].min(axis=1))
        if method.has_nu:
            assert gammas.min() >= bounds[0]
            assert gammas.max() <= bounds[1]
    fast = [median[name] for name in ("exact_gv", "expected_gv", "step_tuned_sgd")]
    assert median["stochastic_gv"] > max(fast) + 0.05
    assert median["stochastic_gv"] > median["sgd"] + 0.02
    assert max(fast) < median["sgd"] + 0.02


@pytest.mark.slow
def test_drawing_needs_the_result_only(result):
    figure = figure_4_3.draw(result)
    assert len(figure.axes) == 6
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [method.label for method in figure_4_3.METHODS.values()]
    lines = figure.axes[0].get_lines()
    assert lines[labels.index("Step-Tuned SGD")].get_linestyle() == "-"
    assert "cut: small" in figure.legends[0].get_title().get_text()
