import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax.experiments.figures import figure_4_2, regression_search
from tests.precision import enable_x64

SIZES = figure_4_2.Sizes(
    draws=4, num_rows=60, dim=4, iterations=60, long_iterations=300, alphas=3
)


@pytest.fixture(scope="module", autouse=True)
def float64():
    with enable_x64(True):
        yield


@pytest.fixture(scope="module")
def result(float64):
    found = figure_4_2.result_of(SIZES, {"scale": "test", "cut": "small"})
    return json.loads(json.dumps(found, allow_nan=False))


def draws(count, num_rows=60, dim=4):
    return regression_search.draw_problems(jax.random.key(7), count, num_rows, dim)


def test_every_method_has_the_same_number_of_settings():
    settings = figure_4_2.grids(12)
    lengths = {len(v) for grid in settings.values() for v in grid.values()}
    assert lengths == {96}
    few, many = settings["algorithm_2"]["alpha"], settings["absolute"]["alpha"]
    assert len(np.unique(few)) == 12
    assert np.isin(few, many).all()


@pytest.mark.parametrize("negative", ["nu", "absolute"])
def test_runs_are_those_of_algorithm_2(negative):
    problems, starts = draws(1)
    name = {"nu": "algorithm_2", "absolute": "absolute"}[negative]
    setting = {"alpha": np.array([0.7]), "nu": np.array([5.0])}
    run = figure_4_2.descend(figure_4_2.METHODS[name].make, 10)
    values, trials = regression_search.for_each_draw(run, (problems, starts), setting)
    features, targets = problems.features[0], problems.targets[0]

    def loss(theta):
        residuals = features @ theta - targets
        return jnp.mean(residuals**2 / (1 + residuals**2))

    value_and_grad = jax.jit(jax.value_and_grad(loss))
    theta, previous, expected = np.asarray(starts[0]), None, []
    for _ in range(11):
        value, gradient = map(np.asarray, value_and_grad(theta))
        expected.append(value)
        gamma = 1.0
        if previous is not None:
            step, change = theta - previous[0], gradient - previous[1]
            ratio = step @ step / (step @ change)
            gamma = ratio if ratio > 0 else {"nu": 5.0, "absolute": -ratio}[negative]
        previous = theta, gradient
        theta = theta - 0.7 * gamma * gradient
    assert (trials == 0).all()
    np.testing.assert_allclose(values[0, 0], expected, rtol=1e-6)


def test_line_search_decreases_the_loss_and_counts_its_evaluations():
    settings = figure_4_2.grids(2)["armijo"]
    run = figure_4_2.descend(figure_4_2.METHODS["armijo"].make, 25)
    values, trials = regression_search.for_each_draw(run, draws(2), settings)
    assert values.shape == (2, 16, 26)
    assert (np.diff(values) <= 1e-12).all()
    assert trials.min() >= 1
    assert trials.max() > 1


def test_first_below_counts_iterations():
    values = np.array([[[3.0, 2.0, 1.0, 2.0], [3.0, 3.0, 3.0, 3.0]]])
    found = figure_4_2.first_below(values, np.array([1.5]))
    np.testing.assert_array_equal(found, [[2, np.inf]])


def test_protocols_choose_per_draw_and_on_other_draws():
    scores = np.array([[1, 5, 3], [6, 2, 3], [9, 7, 1], [9, 7, np.inf], [9, 7, 8]])
    chosen = regression_search.choose(scores, draws=2)
    np.testing.assert_array_equal(chosen["tuned_per_draw"], [0, 1])
    np.testing.assert_array_equal(chosen["held_out"], [1, 1])
    np.testing.assert_array_equal(regression_search.pick(scores, [0, 1]), [1, 2])


def test_readings_are_those_of_the_counts():
    counts = {
        "algorithm_2": np.array([[10.0], [30.0], [20.0]]),
        "absolute": np.array([[20.0], [30.0], [40.0]]),
        "armijo": np.array([[5.0], [np.inf], [np.inf]]),
    }
    chosen = {
        name: {p: np.zeros(3, int) for p in regression_search.PROTOCOLS}
        for name in counts
    }
    readings = figure_4_2.read(counts, chosen, 61, "_x")
    assert readings["algorithm_2_median_held_out_x"] == 20
    assert readings["absolute_upper_quartile_held_out_x"] == 35
    assert readings["armijo_median_tuned_per_draw_x"] == 61
    assert readings["armijo_draws_that_failed_held_out_x"] == 2
    assert readings["draws_faster_than_absolute_held_out_x"] == 2
    assert readings["draws_slower_than_absolute_held_out_x"] == 0
    assert readings["draws_slower_than_armijo_held_out_x"] == 1
    assert readings["algorithm_2_beats_absolute_held_out_x"]
    assert readings["algorithm_2_beats_armijo_held_out_x"]


def test_no_run_goes_below_the_estimate_of_the_optimum(result):
    for own in result["methods"].values():
        assert min(own["first_draw_gap"]) >= 0
        first, reached = own["first_draw_gap"], own["iterations"]["tuned_per_draw"][0]
        assert reached is not None
        assert first[int(reached)] < figure_4_2.THRESHOLD
        assert min(first[: int(reached)], default=1) >= figure_4_2.THRESHOLD


def test_readings_are_those_of_the_draws(result):
    for protocol in regression_search.PROTOCOLS:
        for name, own in result["methods"].items():
            counts = [61 if c is None else c for c in own["iterations"][protocol]]
            assert result["readings"][f"{name}_median_{protocol}"] == np.median(counts)
    assert result["readings"]["armijo_loss_evaluations_per_iteration"] >= 1
    assert 0 < result["readings"]["median_lowest_loss"] < 1


@pytest.mark.slow
def test_at_full_size_algorithm_2_needs_the_fewest_iterations():
    """With one fixed setting each, over 100 draws: fewer draws show what luck wants."""
    settings = {
        "algorithm_2": {"alpha": np.array([0.9]), "nu": np.array([97.0])},
        "absolute": {"alpha": np.array([0.9])},
        "armijo": {"first_step": np.array([2000.0]), "slope": np.array([0.5])},
    }
    problems = draws(100, 500, 30)
    values = {
        name: regression_search.for_each_draw(
            figure_4_2.descend(method.make, 250), problems, settings[name]
        )[0]
        for name, method in figure_4_2.METHODS.items()
    }
    lowest = np.min([v.min(axis=(1, 2)) for v in values.values()], axis=0)
    median = {
        name: np.median(figure_4_2.first_below(v, lowest + figure_4_2.THRESHOLD))
        for name, v in values.items()
    }
    assert median["algorithm_2"] < median["absolute"]
    assert median["algorithm_2"] < median["armijo"]


@pytest.mark.parametrize("scale", ["desk", "paper"])
def test_the_record_says_which_scale_it_is_of(scale, monkeypatch):
    monkeypatch.setitem(figure_4_2.SCALES, scale, SIZES)
    settings = figure_4_2.compute(scale)["settings"]
    assert settings["scale"] == scale
    assert (settings["cut"] == "none") == (scale == "paper")


def test_drawing_needs_the_result_only(result):
    figure = figure_4_2.draw(result)
    assert len(figure.axes) == 3
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["Algorithm 2", "BB, absolute values", "GD, Armijo's line search"]
    assert "cut: small" in figure.legends[0].get_title().get_text()
