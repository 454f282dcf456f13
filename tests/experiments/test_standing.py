"""Who is ahead in a comparison."""

import pytest

from inna_optax.experiments.claims.standing import (
    Standing,
    in_words,
    ranked,
    standing,
)

LOSS, ACCURACY = "final_train_loss", "final_test_accuracy"


def summary(diverged=(), **losses):
    """Entries with these losses of their seeds; accuracies fall as losses grow."""

    def spread(values):
        return {"mean": sum(values) / len(values), "by_seed": values}

    return {
        "optimizers": {
            name: {
                "label": name.upper(),
                "diverged": int(name in diverged),
                LOSS: spread(values),
                ACCURACY: spread([1 - value / 10 for value in values]),
                "final_test_loss": spread(values),
            }
            for name, values in losses.items()
        }
    }


@pytest.mark.parametrize("metric", [LOSS, ACCURACY, "final_test_loss"])
def test_the_best_mean_is_first_and_seeds_tell_who_is_behind(metric):
    found = standing(summary(sgd=[3.0, 3.1], adam=[1.2, 1.0], inna=[0.9, 1.1]), metric)
    assert found == Standing("inna", ["adam"], ["sgd"])


@pytest.mark.parametrize("metric", [LOSS, ACCURACY])
def test_a_diverged_seed_ranks_last_and_is_behind_where_the_rest_is(metric):
    entries = {"sgd": [2.0, 2.1], "inna": [1.0, 1.1], "adam": [3.0, 3.1]}
    assert ranked(summary(["inna"], **entries), metric) == ["sgd", "adam", "inna"]
    found = standing(summary(["adam"], **entries), metric)
    assert found == Standing("inna", [], ["sgd", "adam"])
    found = standing(summary(["inna"], **entries), metric)
    assert found == Standing("sgd", ["inna"], ["adam"])


def test_an_entry_of_which_all_seeds_diverged_is_behind():
    found = summary(sgd=[2.0, 2.1], inna=[1.0, 1.1])
    found["optimizers"]["inna"] |= {"diverged": 2, LOSS: None, ACCURACY: None}
    assert standing(found, LOSS) == Standing("sgd", [], ["inna"])


def test_one_seed_tells_nothing():
    assert standing(summary(sgd=[2.0], inna=[1.0]), LOSS).level == ["sgd"]


def test_words():
    lines = in_words(summary(sgd=[3.0, 3.1], adam=[1.2, 1.0], inna=[0.9, 1.1]))
    assert lines == [
        f"{metric}: INNA is best. Not told apart from it: ADAM. Behind: SGD."
        for metric in ("test accuracy", "training loss")
    ]
    without = summary(sgd=[3.0, 3.1])
    without["optimizers"]["sgd"][ACCURACY] = None
    assert in_words(without)[0] == "test loss: SGD is best."
