"""A search that is judged on examples held out from training."""

import json

import numpy as np
import pytest

from inna_optax.experiments.catalogue import modern
from inna_optax.experiments.catalogue.problems import PROBLEMS, Scale
from inna_optax.experiments.running.setting import open_setting
from tests.experiments.shell import call


def test_held_out_examples_are_neither_trained_nor_tested_on():
    setting = open_setting(
        PROBLEMS["digits"], Scale(1, 1), train_examples=200, validation=0.1
    )
    whole = open_setting(PROBLEMS["digits"], Scale(1, 1), train_examples=200)
    parts = [setting.arrays.train["images"], setting.validation["images"]]
    assert [len(part) for part in parts] == [180, 20]
    np.testing.assert_array_equal(np.concatenate(parts), whole.arrays.train["images"])
    search = setting.for_search()
    np.testing.assert_array_equal(search.arrays.test["images"], parts[1])
    assert search.describe()["tested_on"] == "validation"
    assert setting.describe()["tested_on"] == "test"
    assert setting.facts.train_examples == 180
    assert whole.for_search() is whole


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    out = tmp_path_factory.mktemp("modern") / "out"
    with pytest.MonkeyPatch.context() as patch:
        spaces = {name: modern.SPACES[name] for name in ("nesterov", "adamw")}
        patch.setattr(modern, "SPACES", spaces)
        patch.setattr(modern.points, "__defaults__", (3,))
        done = call(
            *("figure", "modern", "--problems", "digits", "--epochs", 2),
            *("--seeds", 2, "--train-examples", 200, "--out", out),
        )
    assert done.returncode == 0, done.stderr
    return out, json.loads((out / "figure-modern.json").read_text())


def test_the_best_on_held_out_examples_is_chosen(record):
    out, found = record
    for name, entry in found["problems"]["digits"]["optimizers"].items():
        assert entry["judged_by"] == "validation"
        best = min(entry["search"], key=lambda point: point["score"])
        assert entry["hyperparameters"] == best["hyperparameters"]
        search, final = (
            json.loads((out / "digits" / place / f"{name}-{end}.json").read_text())
            for place, end in (("search", "00-0"), ("runs", "0"))
        )
        assert (search["tested_on"], final["tested_on"]) == ("validation", "test")
        accuracy = search["history"][-1]["test_accuracy"]
        assert entry["search"][0]["score"] == pytest.approx(1 - accuracy)


def test_trials_are_equal_and_the_ranges_are_recorded(record):
    _, found = record
    entries = found["problems"]["digits"]["optimizers"].values()
    assert {len(entry["search"]) for entry in entries} == {3}
    for entry in entries:
        assert entry["ranges"] == {
            name: list(values)
            for name, values in modern.SPACES[entry["optimizer"]].ranges.items()
        }


def test_the_picture_ranks_by_the_test_set(record):
    from inna_optax.experiments.claims.standing import ranked
    from inna_optax.experiments.figures.modern import draw_comparisons

    _, found = record
    summary = found["problems"]["digits"]
    names = ranked(summary, "final_test_accuracy")
    best, worst = (summary["optimizers"][name] for name in names)
    assert best["final_test_accuracy"]["mean"] >= worst["final_test_accuracy"]["mean"]
    above, below = draw_comparisons([summary]).axes
    labels = [label.get_text() for label in above.get_yticklabels()]
    assert labels == [best["label"], worst["label"]]
    assert above.get_xlabel() == "test accuracy"
    assert below.get_xlabel() == "final training loss"
