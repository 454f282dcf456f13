"""What a user changes of a protocol."""

import json

import pytest

from inna_optax.experiments.catalogue.figures import COMPARISONS
from inna_optax.experiments.catalogue.protocols import CHAPTER_2, CHAPTER_4
from inna_optax.experiments.catalogue.schedules import NAMED
from inna_optax.experiments.commands.changes import change_entries
from inna_optax.experiments.errors import ArgumentError
from inna_optax.experiments.figures.comparison import describe_scale
from tests.experiments.shell import call


def test_only_inna_has_its_hyperparameters_changed():
    entries = [CHAPTER_4.entry(name) for name in ("inna", "adam")]
    inna, adam = change_entries(entries, {"alpha": 2.0, "initial_speed": 0.5})
    assert {(p["alpha"], p["initial_speed"]) for p in inna.grid} == {(2.0, 0.5)}
    assert inna.values("learning_rate") == entries[0].values("learning_rate")
    assert adam == entries[1]


def test_the_power_is_that_of_every_rate_that_falls():
    entries = [CHAPTER_4.entry(name) for name in ("inna", "sgd", "adam")]
    inna, sgd, adam = change_entries(entries, {"decay_power": 0.25})
    assert inna.schedule == sgd.schedule == CHAPTER_4.schedule._replace(power=0.25)
    assert adam.schedule is None


def test_a_schedule_is_that_of_all():
    entries = [CHAPTER_4.entry(name) for name in ("inna", "adam")]
    for name, schedule in NAMED.items():
        changed = change_entries(entries, {"schedule": name})
        assert [entry.schedule for entry in changed] == [schedule] * 2


@pytest.mark.parametrize("number", ["4.4", "damping"])
def test_a_factor_moves_the_search_of_all_and_nothing_else(number):
    shown = COMPARISONS[number]
    entries = shown.entries(shown.protocol or CHAPTER_4)
    for entry, moved in zip(
        entries, change_entries(entries, {"rate_factor": 0.25}), strict=True
    ):
        for point, other in zip(entry.grid, moved.grid, strict=True):
            rate = point["learning_rate"]
            assert other == {**point, "learning_rate": 0.25 * rate}


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("2.2", "alpha"),
        ("2.4", "decay_power"),
        ("damping", "beta"),
        ("modern", "rate_factor"),
    ],
)
def test_what_a_figure_varies_or_lacks_cannot_be_set(number, name):
    shown = COMPARISONS[number]
    entries = shown.entries(shown.protocol or CHAPTER_2)
    with pytest.raises(ArgumentError, match=f"^{name} cannot be set"):
        change_entries(entries, {name: 1.0})


def test_record_and_picture_state_the_changes(tmp_path):
    """And the runs are made with them."""
    done = call(
        *("compare", "--optimizers", "inna", "--epochs", 1, "--seeds", 1),
        *("--train-examples", 64, "--beta", 0.3, "--weight-decay", 0.01),
        *("--rate-factor", 0.01),
        *("--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["changes"] == {
        "beta": 0.3,
        "rate_factor": 0.01,
        "weight_decay": 0.01,
    }
    assert "beta 0.3; rate factor 0.01; weight decay 0.01; batch" in (
        describe_scale(summary)
    )
    run = json.loads((tmp_path / "out" / "runs" / "inna-0.json").read_text())
    assert (run["hyperparameters"]["beta"], run["weight_decay"]) == (0.3, 0.01)
    # Of such small rates the largest is the best.
    assert run["hyperparameters"]["learning_rate"] == 0.01
    assert "At the edge of the grid: INNA. --rate-factor searches" in done.stdout
    loss = run["final"]["train_loss"] - run["final"]["train_data_loss"]
    assert loss > 0.01  # a penalty of 1e-4, the problem's own, would give 0.01 of it
