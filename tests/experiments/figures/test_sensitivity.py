"""The picture of a search."""

import numpy as np
import pytest

from inna_optax.experiments.figures.comparison import (
    describe_choice,
    effective_rate,
    is_at_the_edge,
)
from inna_optax.experiments.figures.sensitivity import (
    draw_sensitivity,
    losses_by_rate,
)


def entry(points, chosen):
    return {
        "label": "Adam",
        "optimizer": "adam",
        "searched": ["learning_rate", "b1"],
        "hyperparameters": {"learning_rate": chosen, "b1": 0.5},
        "search_epochs": 3,
        "search_seeds": [0, 1],
        "search": [
            {"hyperparameters": {"learning_rate": rate, "b1": b1}, "by_seed": losses}
            for rate, b1, losses in points
        ],
    }


POINTS = [
    (1.0, 0.5, [None, 2.0]),
    (0.1, 0.5, [0.4, 0.6]),
    (0.1, 0.9, [0.3, 0.5]),
    (0.01, 0.5, [1.0, 1.2]),
]


def test_a_rate_has_the_losses_of_its_best_point():
    """And none where a run diverged."""
    rates, losses = losses_by_rate(entry(POINTS, 0.1))
    assert rates == [0.01, 0.1, 1.0]
    np.testing.assert_array_equal(losses, [[1.0, 1.2], [0.3, 0.5], [np.nan] * 2])


def test_the_picture_shows_the_mean_by_rate():
    summary = {"title": "(x)", "optimizers": {"adam": entry(POINTS, 0.1)}}
    (axis,) = draw_sensitivity([summary]).axes
    np.testing.assert_allclose(axis.lines[0].get_ydata()[:2], [1.1, 0.4])
    assert "after 3 epochs, 2 seeds" in axis.get_ylabel()


def test_a_choice_at_the_edge_says_so():
    assert is_at_the_edge(entry(POINTS, 1.0))
    assert is_at_the_edge(entry(POINTS, 0.01))
    assert describe_choice(entry(POINTS, 1.0)) == "lr 1 (edge of the grid), β₁ 0.5"
    assert describe_choice(entry(POINTS, 0.1)) == "lr 0.1, β₁ 0.5"


@pytest.mark.parametrize(
    ("name", "values"), [("momentum", (0.9, 0.0)), ("alpha", (0.1, 1.0))]
)
def test_the_edge_is_that_of_the_effective_rate(name, values):
    """A gradient moves the params ten times as far with a memory of ten steps."""
    long, short = values
    points = [
        {"learning_rate": rate, name: value}
        for rate, value in ((0.01, long), (0.05, short), (0.5, short))
    ]
    search = [{"hyperparameters": point} for point in points]
    found = [
        is_at_the_edge({"hyperparameters": point, "search": search}) for point in points
    ]
    assert found == [False, True, True]


def test_without_friction_the_rate_is_the_learning_rate():
    """The command line takes an alpha of zero."""
    assert effective_rate({"learning_rate": 0.3, "alpha": 0.0}) == 0.3
