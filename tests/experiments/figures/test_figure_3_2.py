import pathlib

import numpy as np
import pytest

from inna_optax import inna
from inna_optax.dynamics import flow_eigenvalues, oscillation_interval
from inna_optax.experiments.figures import figure_3_2
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import WIDE_QUADRATIC

FIGURE = figure_3_2
PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "paper-to-code.md").read_text()


@pytest.mark.parametrize("name", ["alpha_beta_below_1", "alpha_beta_above_1"])
@pytest.mark.parametrize("coordinate", ["theta_1", "theta_2"])
def test_spirals_exactly_inside_the_oscillation_interval(readings, name, coordinate):
    spirals = readings[f"{name}_sign_changes_{coordinate}"] > 1
    assert spirals == readings[f"{name}_{coordinate}_inside_the_interval"]
    assert spirals == (name == "alpha_beta_below_1")


@pytest.mark.usefixtures("x64")
def test_spirals_exactly_inside_the_interval_at_other_settings():
    """With both, one and none of the eigenvalues inside, alpha beta < 1 or not."""
    pairs = np.array([(2.5, 0.2), (1.0, 0.9), (4.5, 0.1), (0.5, 1.8), (3.0, 1.0)])
    found = trajectories(
        lambda values: inna(figure_3_2.STEP, values["alpha"], values["beta"]),
        WIDE_QUADRATIC.objective,
        [(1.0, 1.0)] * len(pairs),
        {"alpha": pairs[:, 0], "beta": pairs[:, 1]},
        steps=figure_3_2.STEPS,
    )
    paths = np.asarray(found.iterates)
    spirals = [[figure_3_2.sign_changes(x) > 1 for x in path.T] for path in paths]
    intervals = [oscillation_interval(*pair) or (0, 0) for pair in pairs.tolist()]
    inside = [[low < lam < high for lam in (2, 4)] for low, high in intervals]
    assert spirals == inside
    assert spirals[:3] == [[False, True], [True, False], [False, False]]


def test_the_period_of_the_spirals_is_that_of_the_flow(readings):
    for i, lam in enumerate(figure_3_2.HESSIAN, start=1):
        frequency = flow_eigenvalues(lam, alpha=2.0, beta=0.1)[0].imag
        half_turns = frequency * figure_3_2.STEP * figure_3_2.STEPS / np.pi
        changes = readings[f"alpha_beta_below_1_sign_changes_theta_{i}"]
        assert changes == pytest.approx(half_turns, abs=1)


def test_alpha_beta_below_1_is_faster_though_it_spirals(readings):
    below, above = (
        {
            reading: readings[f"alpha_beta_{side}_1_{reading}"]
            for reading in (
                "final_value",
                "final_distance",
                "distance_stays_below_1e-6_from_iteration",
            )
        }
        for side in ("below", "above")
    )
    assert below["final_value"] < 1e-20 * above["final_value"]
    assert below["final_distance"] < 1e-10 * above["final_distance"]
    key = "distance_stays_below_1e-6_from_iteration"
    assert below[key] < 0.7 * above[key]


def test_vanishing_friction_spirals_slowly_unless_beta_is_larger(readings):
    assert readings["vanishing_beta_0.1_sign_changes_theta_1"] > 1
    assert readings["vanishing_beta_1_sign_changes_theta_1"] > 1
    # As alpha vanishes, the interval tends to (0, 4), which leaves theta_2's 4 out.
    assert readings["vanishing_beta_1_sign_changes_theta_2"] == 0
    slow = readings["vanishing_beta_0.1_final_distance"]
    for name in ("alpha_beta_below_1", "alpha_beta_above_1", "vanishing_beta_1"):
        assert readings[f"{name}_final_distance"] < 1e-10 * slow
    missing = "vanishing_beta_0.1_distance_stays_below_1e-6_from_iteration"
    assert missing not in readings


def test_draws_paths_two_zooms_values_and_distances(result):
    figure = figure_3_2.draw(result)
    titles = [axis.get_title() for axis in figure.axes]
    assert len(titles) == 5
    assert sum(title.startswith("zoom") for title in titles) == 2
    assert titles[3:] == ["value", "distance to the minimizer"]
    assert [axis.get_yscale() for axis in figure.axes[3:]] == ["log", "log"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [
        r"$\alpha = 2$, $\beta = 0.1$ ($\alpha\beta < 1$)",
        r"$\alpha = 2$, $\beta = 1$ ($\alpha\beta > 1$)",
        r"$\alpha_k = 20 / (k + 1)$, $\beta = 0.1$",
        r"$\alpha_k = 20 / (k + 1)$, $\beta = 1$",
    ]


@pytest.mark.usefixtures("x64")
def test_the_two_forms_differ_where_alpha_varies():
    """The values of docs/paper-to-code.md: ours, and the script's form with psi."""
    found = trajectories(
        figure_3_2._solver,
        WIDE_QUADRATIC.objective,
        [(1.0, 1.0)],
        {"alpha": np.array([2.0]), "beta": np.array([0.1]), "vanishes": np.ones(1)},
        steps=3_000,
    )
    ours = float(WIDE_QUADRATIC.objective(found.iterates[0, -1]))

    theta, step, beta = np.ones(2), figure_3_2.STEP, 0.1
    gradient = lambda x: np.array([2.0, 4.0]) * x
    psi = (1 - 2 * beta) * theta - (beta**2 - beta) * gradient(theta)
    for k in range(3_000):
        alpha = 2 / ((k + 1) * step**0.5)
        velocity = (1 / beta - alpha) * theta - psi / beta
        theta = theta + step * (velocity - beta * gradient(theta))
        psi = psi + step * velocity
    script = float(WIDE_QUADRATIC.objective(theta))

    for value in (ours, script):
        mantissa, exponent = f"{value:.1e}".split("e")
        assert rf"{mantissa} \cdot 10^{{{int(exponent)}}}" in PAGE
    assert ours > script
