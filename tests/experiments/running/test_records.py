"""Records of runs: of this format, of older ones, and of newer ones."""

import json
import math
import pathlib

import pytest

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.records import (
    COLUMNS,
    RunRecord,
    read_own_record,
    read_record,
)
from inna_optax.experiments.running.setting import open_setting
from inna_optax.training import write_json

# As version 0.1.0 wrote it before records had a format, with three of its rows.
OLD = pathlib.Path(__file__).parent / "format_0.json"


@pytest.fixture(scope="module")
def run():
    problem, inna = PROBLEMS["digits"], CONTENDERS["inna"]
    values = {"learning_rate": 0.1, **inna.defaults}
    row = dict.fromkeys(COLUMNS, 0.5) | {"epoch": 1, "gradient_evaluations": 44}
    setting = open_setting(problem, problem.desk)
    return RunRecord(setting, inna, problem.protocol.schedule, values, 0, (row,))


def test_an_old_record_is_read(run):
    record = read_record(OLD)
    assert record["format"] == 0
    assert [row["epoch"] for row in record["history"]] == [0, 1, 100]
    for row in record["history"]:
        assert set(row) == set(COLUMNS)
        assert row["train_data_loss"] is None
        assert row["train_loss"] > 0
    with pytest.raises(UserError, match="has format 0, and this version continues"):
        read_own_record(OLD, run)


def test_a_record_is_read_as_it_was_written(tmp_path, run):
    write_json(tmp_path / "run.json", run.as_json())
    assert read_own_record(tmp_path / "run.json", run) == run


def test_keys_that_a_newer_version_adds_are_accepted(tmp_path, run):
    record = run.as_json() | {"later": 3}
    record["history"][0] = record["history"][0] | {"later": 4}
    write_json(tmp_path / "run.json", record)
    assert read_own_record(tmp_path / "run.json", run).history[0]["later"] == 4


def test_a_loss_that_is_not_finite_is_null_in_the_file(tmp_path, run):
    row = run.history[0] | {"train_loss": math.inf, "test_accuracy": None}
    write_json(tmp_path / "run.json", run._replace(history=(row,)).as_json())
    assert (
        json.loads((tmp_path / "run.json").read_text())["final"]["train_loss"] is None
    )
    (read,) = read_own_record(tmp_path / "run.json", run).history
    assert math.isnan(read["train_loss"])
    assert read["test_accuracy"] is None
