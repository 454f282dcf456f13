"""Figure "damping": what it reads from a summary."""

import numpy as np

from inna_optax.experiments.figures.damping import (
    best_runs,
    describe_rate,
    draw_comparisons,
    outcomes,
)


def point(rate, momentum, share, loss, accuracy=0.5):
    return {
        "hyperparameters": {
            "learning_rate": rate * (1 - momentum),
            "momentum": momentum,
            "damping": share,
        },
        "train_loss": loss,
        "test_accuracy": [accuracy],
    }


def entry(label, search):
    spread = {"mean": 0.2, "best": 0.1, "worst": 0.3, "by_seed": [0.1, 0.3]}
    line = {"mean": [2.0, 0.2], "smallest": [2.0, 0.1], "largest": [2.0, 0.3]}
    return {
        "label": label,
        "search": search,
        "hyperparameters": search[0]["hyperparameters"],
        "final_train_loss": spread,
        "final_test_accuracy": spread,
        "diverged": 1,
        "gradient_evaluations": 10,
        "curves": {"gradient_evaluations": [0, 10], "train_loss": line},
    }


SUMMARY = {
    "title": "(x) DATA\nnetwork",
    "train_examples": 1_000,
    "test_examples": 500,
    "epochs": 2,
    "seeds": [0, 1, 2],
    "batch_size": 100,
    "each_batch_twice": False,
    "changes": {},
    "published": {
        "train_examples": 1_000,
        "test_examples": 500,
        "epochs": 2,
        "seeds": 3,
        "batch_size": 100,
    },
    "optimizers": {
        "damped_momentum": entry(
            "INNA",
            [
                point(1, 0.9, 0.2, 0.5),
                point(2, 0.9, 0.2, 0.4, 0.7),
                point(1, 0.99, 0.2, None),
                point(1, 0.9, 0.3, 1e9),
                point(1, 0.99, 0.3, 0.3),
            ],
        ),
        "nesterov": entry(
            "Nesterov",
            [point(1, 0.9, 1 - 0.9**2, 0.6), point(1, 0.5, 0.75, 0.45)],
        ),
        "heavy_ball": entry("heavy ball", [point(1, 0.9, 0.1, 0.7)]),
    },
}


def test_each_share_shows_its_best_rate_if_one_lowers_the_loss():
    best = best_runs(SUMMARY)
    assert list(best) == [0.9, 0.99]
    assert list(best[0.9]) == [0.1, 0.19, 0.2]
    assert best[0.9][0.2]["train_loss"] == 0.4
    assert list(best[0.99]) == [0.3]


def test_the_picture_says_how_many_seeds_diverged():
    figure = draw_comparisons([SUMMARY])
    (caption,) = (text.get_text() for text in figure.axes[1].texts)
    assert "left out: INNA (1 of 3), Nesterov (1 of 3), heavy ball (1 of 3)" in caption


def test_nesterovs_line_is_its_best_over_all_momenta():
    loss, accuracy, _ = draw_comparisons([SUMMARY]).axes
    level = {line.get_label(): line.get_ydata() for line in loss.lines}
    (shown,) = (y for name, y in level.items() if name.startswith("Nesterov"))
    np.testing.assert_array_equal(shown, 0.45)
    assert any(0.7 in line.get_ydata() for line in accuracy.lines)


def test_the_outcome_states_trials_setting_and_spread():
    first = outcomes(SUMMARY)[0]
    assert first.startswith(
        "INNA (best of 5): μ 0.9, c 0.2, rate 1 (edge of the grid), loss 0.2 ± 0.14"
    )


def test_a_rate_between_others_is_not_at_the_edge():
    """Of the effective rates: learning rates differ with the momentum."""
    search = [point(rate, mu, 0.2, 0.5) for rate in (2, 1, 4) for mu in (0.9, 0.97)]
    assert describe_rate(entry("INNA", search)) == "2"
    assert describe_rate(entry("INNA", search[2:])) == "1 (edge of the grid)"
