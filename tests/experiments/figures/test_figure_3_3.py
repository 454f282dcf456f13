import jax
import numpy as np
import pytest

from inna_optax import inna
from inna_optax.experiments.figures import figure_3_3
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import DOUBLE_WELL

FIGURE = figure_3_3


@pytest.mark.parametrize("name", ["on_manifold_2_1", "on_manifold_0.5_1"])
def test_on_the_manifold_it_stays_there_and_ends_at_the_saddle(readings, name):
    assert readings[f"{name}_greatest_abs_theta_1"] == 0
    assert readings[f"{name}_converges_to_saddle"]
    assert readings[f"{name}_distance_to_limit"] < 1e-4


@pytest.mark.parametrize(
    ("name", "side"), [("off_manifold_1_1.3", -1), ("off_manifold_0.3_0.9", 1)]
)
def test_beside_it_it_ends_at_the_minimizer_of_that_side(readings, name, side):
    assert not readings[f"{name}_converges_to_saddle"]
    assert readings[f"{name}_limit_theta_1"] == pytest.approx(side * 2**0.5)
    assert readings[f"{name}_distance_to_limit"] < 1e-4


@pytest.mark.usefixtures("x64")
def test_from_rest_the_end_points_are_the_same(readings):
    alphas, betas, starts, _ = zip(*figure_3_3.RUNS.values(), strict=True)
    found = trajectories(
        lambda values: inna(
            figure_3_3.STEP,
            values["alpha"],
            values["beta"],
            initial_speed=values["beta"],
        ),
        DOUBLE_WELL.objective,
        [DOUBLE_WELL.inits[start] for start in starts],
        {"alpha": alphas, "beta": betas},
        steps=figure_3_3.STEPS,
        every=figure_3_3.STEPS,
    )
    limits = [readings[f"{name}_limit_theta_1"] for name in figure_3_3.RUNS]
    expected = [(limit, 0.0) for limit in limits]
    np.testing.assert_allclose(found.iterates[:, -1], expected, atol=1e-4)


def test_j_is_concave_between_the_inflections():
    second = jax.grad(jax.grad(lambda x: DOUBLE_WELL.objective((x, 0.0))))
    assert (
        second(0.99 * figure_3_3.INFLECTION) < 0 < second(1.01 * figure_3_3.INFLECTION)
    )


def test_draws_a_panel_on_and_a_panel_beside_the_manifold(result):
    figure = figure_3_3.draw(result)
    assert [axis.name for axis in figure.axes] == ["3d", "3d"]
    assert [axis.get_title() for axis in figure.axes] == [
        "started on the stable manifold",
        "started beside the stable manifold",
    ]
    labels = [
        [text.get_text() for text in axis.get_legend().get_texts()]
        for axis in figure.axes
    ]
    assert labels == [
        [
            r"$\alpha = 2$, $\beta = 1$ ($\alpha\beta > 1$)",
            r"$\alpha = 0.5$, $\beta = 1$ ($\alpha\beta < 1$)",
        ],
        [
            r"$\alpha = 1$, $\beta = 1.3$ ($\alpha\beta > 1$)",
            r"$\alpha = 0.3$, $\beta = 0.9$ ($\alpha\beta < 1$)",
        ],
    ]
    shared = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shared == ["stable manifold", "strict saddle", "minimizers"]
