"""Figure "modern": what it shows of a summary."""

import numpy as np
import pytest

from inna_optax.experiments.figures.modern import draw_comparisons, next_best
from tests.experiments.figures.test_damping import SUMMARY

LOSS, ACCURACY = "final_train_data_loss", "final_test_accuracy"


def entry(name, accuracies, losses):
    spreads = {ACCURACY: accuracies, LOSS: losses}
    return {
        "label": name.upper(),
        "optimizer": name,
        "search": [{"score": score} for score in (0.3, 0.1, None, 0.2)],
        "gradient_evaluations": 10,
        "hyperparameters": {},
        **{
            metric: {"mean": float(np.mean(values)), "by_seed": values}
            for metric, values in spreads.items()
        },
    }


@pytest.fixture
def summary():
    optimizers = {
        "adamw": entry("adamw", [0.95, 0.96, 0.97], [0.1, 0.2, 0.3]),
        "inna": entry("inna", [0.96, 0.97, 0.98], [0.2, 0.2, 0.2]),
        "step_tuned_sgd": entry("step_tuned_sgd", [0.1, 0.97, 0.12], [0.1, 2.0, 9e9]),
    }
    return {**SUMMARY, "optimizers": optimizers, "validation_examples": 100}


def test_the_best_mean_is_above(summary):
    of_test, of_loss = draw_comparisons([summary]).axes
    labels = [[x.get_text() for x in a.get_yticklabels()] for a in (of_test, of_loss)]
    assert labels[0] == ["INNA", "ADAMW", "STEP_TUNED_SGD"]
    assert labels[1] == ["ADAMW", "INNA", "STEP_TUNED_SGD"]


def test_the_next_best_trials_are_the_second_and_the_third(summary):
    found = next_best(summary["optimizers"]["inna"])
    assert found == pytest.approx([0.1, 0.2])


def test_a_row_a_problem_and_what_was_run(summary):
    figure = draw_comparisons([summary, summary])
    assert len(figure.axes) == 4
    title = figure.axes[1].get_title()
    assert "4 trials of each, judged on 100 held-out examples" in title


def test_seeds_far_below_are_named_and_do_not_hide_the_others(summary):
    accuracies = draw_comparisons([summary]).axes[0]
    low, high = accuracies.get_xlim()
    assert 0.8 < low < 0.95
    assert 0.98 < high <= 1.0
    assert [text.get_text() for text in accuracies.texts] == ["seeds at 10%, 12%"]
