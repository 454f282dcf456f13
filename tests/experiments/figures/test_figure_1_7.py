import numpy as np
import pytest

from inna_optax.experiments.figures import figure_1_7

FIGURE = figure_1_7


def test_gd_converges(readings):
    assert readings["gd_final_distance"] < 1e-20


def test_constant_steps_stay_at_the_floor_of_theory(readings):
    third = readings["constant_mean_distance_third_quarter"]
    last = readings["constant_mean_distance_last_quarter"]
    assert last == pytest.approx(third, rel=0.05)
    rms = readings["constant_rms_distance_last_quarter"]
    assert rms == pytest.approx(readings["constant_rms_distance_in_theory"], rel=0.05)


def test_vanishing_steps_go_on_below_it(readings):
    third = readings["vanishing_mean_distance_third_quarter"]
    last = readings["vanishing_mean_distance_last_quarter"]
    assert last < 0.97 * third
    assert last < 0.4 * readings["constant_mean_distance_last_quarter"]


def test_the_stationary_distance_of_one_long_run():
    rng = np.random.default_rng(0)
    step, noise = 0.02, 1.5
    theta, squares = np.zeros((2000, 2)), 0.0
    for k in range(600):
        xi = noise * rng.standard_normal(theta.shape)
        theta = theta - step * (np.array(figure_1_7.HESSIAN) * theta + xi)
        squares += (k >= 300) * (theta**2).sum(axis=1).mean() / 300
    expected = figure_1_7.stationary_distance(step, noise)
    assert squares**0.5 == pytest.approx(expected, rel=0.01)


def test_draws_paths_and_distances(result):
    figure = figure_1_7.draw(result)
    assert len(figure.axes) == 2
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [
        "GD",
        "SGD, constant steps",
        "SGD, vanishing steps",
        "start",
        "minimizer",
    ]
