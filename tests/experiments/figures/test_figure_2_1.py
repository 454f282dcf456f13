import numpy as np
import pytest

from inna_optax import inna
from inna_optax.experiments.figures import figure_2_1
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import NONSMOOTH_ROSENBROCK

FIGURE = figure_2_1


def test_beta_takes_out_the_transverse_oscillations(readings):
    swings = [readings[f"{name}_transverse_swings"] for name in "abc"]
    assert swings[0] > 4 * swings[1]
    assert swings[1] > swings[2]


def test_alpha_takes_out_the_longitudinal_oscillations(readings):
    a, b, c = (readings[f"{name}_overshoot_past_the_minimizer"] for name in "abc")
    assert a > b > 4 * c
    assert readings["b_longitudinal_swings"] > readings["c_longitudinal_swings"]


def test_values_climb_most_in_a_and_least_in_c(readings):
    a, b, c = (readings[f"{name}_total_climb_of_J"] for name in "abc")
    assert a > 20 * b
    assert b > 1.5 * c


def test_c_is_slower_at_first_and_best_in_the_long_term(readings):
    assert readings["share_of_20000_to_60000_with_c_above_b"] == 1
    # The thesis says that c is the slowest of the three in this period: it is above a
    # in the first part of it only.
    share = readings["share_of_20000_to_60000_with_c_above_a"]
    assert share == pytest.approx(0.38, abs=0.02)
    assert readings["c_J_at_20000"] > readings["a_J_at_20000"]
    assert readings["c_J_at_40000"] < readings["a_J_at_40000"]
    a, b, c = (readings[f"{name}_greatest_J_in_the_last_10000"] for name in "abc")
    assert a > 100 * b
    assert b > 5 * c


def test_values_at_100000_iterations(readings):
    assert readings["a_J_at_100000"] == pytest.approx(0.158, abs=0.002)
    # What is left of the others is the chatter of the steps around the kink.
    assert 0 < readings["b_J_at_100000"] < 1e-5
    assert 0 < readings["c_J_at_100000"] < 1e-5


@pytest.mark.usefixtures("x64")
def test_with_the_papers_first_velocity_the_first_setting_goes_beyond_100():
    found = trajectories(
        lambda values: inna(figure_2_1.STEP, 0.5, values["beta"]),
        NONSMOOTH_ROSENBROCK.objective,
        [NONSMOOTH_ROSENBROCK.inits[0]],
        {"beta": [0.01]},
        steps=figure_2_1.STEPS,
        every=1000,
    )
    assert found.iterates.max() > 100


def test_swings_are_counted_beyond_the_threshold():
    x = np.array([3.0, 0.5, -0.5, 0.5, -2.0, 0.0, -3.0, 2.0])
    assert figure_2_1.count_swings(x, 1.0) == 2
    assert figure_2_1.count_swings(x, 0.1) == 4
    assert figure_2_1.count_swings(x, 5.0) == 0


def test_draws_three_paths_and_the_values(result):
    figure = figure_2_1.draw(result)
    assert [axis.get_title()[:3] for axis in figure.axes] == [
        "(a)",
        "(b)",
        "(c)",
        "(d)",
    ]
    values = figure.axes[3]
    assert values.get_yscale() == "log"
    labels = [text.get_text() for text in values.get_legend().get_texts()]
    assert labels == [
        r"(a) $\alpha = 0.5$, $\beta = 0.01$",
        r"(b) $\alpha = 0.5$, $\beta = 0.1$",
        r"(c) $\alpha = 1.3$, $\beta = 0.1$",
    ]
