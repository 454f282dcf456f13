"""Many runs of one optimizer: in one program or one after another, kept on disk."""

import contextlib
import io
import json
import logging

import jax
import numpy as np
import pytest

from inna_optax.experiments.catalogue.figures import COMPARISONS
from inna_optax.experiments.catalogue.problems import PROBLEMS, Scale
from inna_optax.experiments.catalogue.protocols import CHAPTER_4
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.grid import Grid, Point, train_points
from inna_optax.experiments.running.progress import progress_bar
from inna_optax.experiments.running.records import RunRecord
from inna_optax.experiments.running.setting import open_setting, program_for
from inna_optax.experiments.running.stopping import Stop, Stopped

DIGITS = PROBLEMS["digits"]
SGD = CHAPTER_4.entry("sgd")


def make(folder, points, epochs=2, *, together, entry=SGD, stop=None, program=None):
    """The records of the points as they are in JSON; in groups of that many."""
    setting = open_setting(DIGITS, Scale(epochs, 1, train_examples=320))
    program = program or program_for(setting, entry.optimizer, entry.schedule)
    points = [
        Point(
            RunRecord(setting, entry.optimizer, entry.schedule, point, seed),
            folder / f"{i}.json",
        )
        for i, (point, seed) in enumerate(points)
    ]
    with progress_bar("test", 1) as bar, contextlib.redirect_stderr(io.StringIO()):
        grid = Grid(setting, folder / "unfinished", bar, stop or Stop(folder), together)
        return [run.as_json() for run in train_points(grid, program, points, epochs)]


class Compilations(logging.Handler):
    """Counts what is compiled of a program."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def emit(self, record):
        self.count += "Finished XLA compilation of jit(train)" in record.getMessage()


@contextlib.contextmanager
def compilations():
    counter = Compilations()
    logger = logging.getLogger("jax._src.dispatch")
    logger.addHandler(counter)
    try:
        with jax.log_compiles():
            yield counter
    finally:
        logger.removeHandler(counter)


def test_a_sweep_in_one_program_equals_single_runs(tmp_path):
    """9 learning rates x 3 seeds; losses to 1e-4 of their values.

    Sums are in another order, and training amplifies the difference: little where it
    converges, without bound where it does not (4% at a learning rate of 1, where the
    loss rises to 270).
    """
    rates = np.geomspace(1e-4, 0.1, 9)
    points = [({"learning_rate": float(r)}, seed) for r in rates for seed in range(3)]
    with compilations() as together:
        vectorized = make(tmp_path / "together", points, together=27)
    with compilations() as apart:
        single = make(tmp_path / "apart", points, together=1)
    assert (together.count, apart.count) == (1, 1)
    for a, b in zip(vectorized, single, strict=True):
        assert a["hyperparameters"] == b["hyperparameters"]
        assert a["seed"] == b["seed"]
        for row, other in zip(a["history"], b["history"], strict=True):
            assert row["gradient_evaluations"] == other["gradient_evaluations"]
            for metric in ("train_loss", "test_loss"):
                np.testing.assert_allclose(row[metric], other[metric], rtol=1e-4)
            # One digit of 360 may fall on the other side.
            assert abs(row["test_accuracy"] - other["test_accuracy"]) < 2 / 360


@pytest.mark.parametrize("together", [1, 2])
def test_a_run_that_diverges_ends_alone(tmp_path, together):
    points = [({"learning_rate": rate}, 0) for rate in (0.1, 1e20)]
    well, diverged = make(tmp_path, points, epochs=3, together=together)
    assert [row["epoch"] for row in well["history"]] == [0, 1, 2, 3]
    assert [row["epoch"] for row in diverged["history"]] == [0, 1]
    assert not np.isfinite(diverged["final"]["train_loss"])
    assert np.isfinite(well["final"]["train_loss"])


@pytest.mark.parametrize("together", [1, 2])
def test_what_is_on_disk_is_read_not_made_again(tmp_path, together):
    points = [({"learning_rate": rate}, 0) for rate in (0.1, 1e20)]
    first = make(tmp_path, points, together=together)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = make(tmp_path, points, together=together)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    for a, b in zip(first, again, strict=True):
        np.testing.assert_equal(a["final"], b["final"])


@pytest.mark.parametrize("together", [1, 3])
def test_only_what_is_missing_is_made(tmp_path, together):
    points = [({"learning_rate": rate}, 0) for rate in (0.1, 0.15, 0.2)]
    first = make(tmp_path, points, together=together)
    kept = {n: (tmp_path / f"{n}.json").stat().st_mtime_ns for n in (0, 2)}
    (tmp_path / "1.json").unlink()
    again = make(tmp_path, points, together=together)
    for n, time in kept.items():
        assert (tmp_path / f"{n}.json").stat().st_mtime_ns == time
    for record in (*first, *again):
        for row in record["history"]:
            row.pop("seconds", None)
            for name, value in row.items():
                row[name] = pytest.approx(value, rel=1e-5)
    assert first == again


def test_a_group_has_the_size_that_is_asked_for(tmp_path):
    points = [({"learning_rate": 0.1 + n / 100}, 0) for n in range(5)]
    with compilations() as counter:
        make(tmp_path, points, together=2)
    # Groups of 2, 2 and 1.
    assert counter.count == 2


def test_entries_that_share_a_program_compile_once(tmp_path):
    """Figure 2.2 has INNA four times, with other alpha and beta."""
    entries = COMPARISONS["2.2"].entries(CHAPTER_4)
    setting = open_setting(DIGITS, Scale(1, 1, train_examples=320))
    program = program_for(setting, entries[0].optimizer, entries[0].schedule)
    with compilations() as counter:
        for i, entry in enumerate(entries):
            points = [(point, 0) for point in entry.grid[:3]]
            folder = tmp_path / str(i)
            make(folder, points, 1, together=3, entry=entry, program=program)
    assert counter.count == 1


@pytest.mark.parametrize("together", [1, 2])
def test_a_stopped_unit_goes_on_from_its_checkpoint(tmp_path, together):
    points = [({"learning_rate": rate}, 0) for rate in (0.1, 0.2)][:together]
    whole = make(tmp_path / "whole", points, 3, together=together)
    stop = StopAfter(tmp_path, checks=5)
    with pytest.raises(Stopped):
        make(tmp_path / "out", points, 3, together=together, stop=stop)
    (unfinished,) = (tmp_path / "out" / "unfinished").iterdir()
    (begun,) = (int(p.name) for p in unfinished.iterdir() if p.name.isdigit())
    assert 0 < begun < 30
    again = make(tmp_path / "out", points, 3, together=together)
    for a, b in zip(whole, again, strict=True):
        for row, other in zip(a["history"], b["history"], strict=True):
            assert other.pop("seconds") > 0
            row.pop("seconds")
            assert row == other  # to the bit
    assert not (tmp_path / "out" / "unfinished").exists()


class StopAfter(Stop):
    """An end that is asked for at that check."""

    def __init__(self, folder, checks):
        super().__init__(folder)
        self.left = checks

    def check(self, due=False):
        self.left -= 1
        self.signum = 2 if self.left <= 0 else None
        return super().check(due)


def test_a_checkpoint_of_another_group_is_made_anew(tmp_path):
    points = [({"learning_rate": rate}, 0) for rate in (0.1, 0.2)]
    with pytest.raises(Stopped):
        make(tmp_path, points, 3, together=2, stop=StopAfter(tmp_path, 4))
    other = [({"learning_rate": rate}, 0) for rate in (0.05, 0.2)]
    made = make(tmp_path, other, 3, together=2)
    assert made[0]["hyperparameters"] == {"learning_rate": 0.05}
    assert made[0]["final"]["epoch"] == 3


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"batch_size": 64}, "has batch_size 64, the command says 32"),
        ({"seed": 7}, "has seed 7, the command says 0"),
        ({"hyperparameters": {}}, "has hyperparameters {}"),
        (
            {
                "history": [
                    {"epoch": 1, "gradient_evaluations": 1, "train_loss": 1.0}
                    | {"test_loss": 1.0}
                ]
            },
            "ends after 1 epochs, the command",
        ),
        ({"history": []}, "is not a record of a run"),
        ({"format": 0}, "has format 0, and this version continues format 1 only"),
    ],
)
def test_a_file_of_another_run_is_refused(tmp_path, change, answer):
    points = [({"learning_rate": 0.1}, 0)]
    make(tmp_path, points, together=1)
    path = tmp_path / "0.json"
    changed = json.dumps(json.loads(path.read_text()) | change)
    path.write_text(changed)
    with pytest.raises(UserError, match=answer):
        make(tmp_path, points, together=1)
    assert path.read_text() == changed


def test_a_stop_keeps_the_finished_runs(tmp_path):
    points = [({"learning_rate": rate}, 0) for rate in (0.1, 0.2)]
    make(tmp_path, points[:1], together=1)
    stop = Stop(tmp_path)
    stop.signum = 2
    with pytest.raises(Stopped):
        make(tmp_path, points, together=1, stop=stop)
    assert [path.name for path in tmp_path.glob("*.json")] == ["0.json"]
    assert [path.name for path in (tmp_path / "unfinished").iterdir()] == ["1"]
