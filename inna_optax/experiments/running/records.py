"""Records of runs: what identifies a run, and what came of it."""

import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from inna_optax.experiments.catalogue.contenders import Contender
from inna_optax.experiments.catalogue.schedules import Schedule
from inna_optax.experiments.errors import ArgumentError, UserError
from inna_optax.experiments.running.provenance import versions
from inna_optax.experiments.running.setting import Setting
from inna_optax.training.checkpoints import FORMAT
from inna_optax.training.records import first_difference

Row = dict[str, Any]

COLUMNS = (
    "epoch",
    "gradient_evaluations",
    "train_loss",  # with the penalty: the objective
    "train_data_loss",  # without it
    "test_loss",
    "test_data_loss",
    "test_accuracy",
    "seconds",
)
DIVERGED = 10  # times the training loss at the start
METRICS = tuple(name for name in COLUMNS if name.startswith(("train_", "test_")))


class RunRecord(NamedTuple):
    """One run, and its history so far."""

    setting: Setting
    contender: Contender
    schedule: Schedule | None  # of the learning rate, None if it is constant
    hyperparameters: Mapping[str, float]
    seed: int
    history: tuple[Row, ...] = ()

    def identity(self) -> dict[str, Any]:
        """The fields that identify the run, in values that JSON has."""
        return {
            **self.setting.describe(),
            "optimizer": self.contender.name,
            "hyperparameters": dict(self.hyperparameters),
            "decay": self.schedule._asdict() if self.schedule else None,
            "uses_per_batch": self.setting.uses_per_batch(self.contender),
            "seed": self.seed,
        }

    def as_json(self) -> dict[str, Any]:
        """The record as it is written."""
        mesh = self.setting.mesh
        return {
            "format": FORMAT,
            **self.identity(),
            **({"mesh": dict(mesh.shape)} if mesh else {}),
            "history": list(self.history),
            "final": self.history[-1] if self.history else None,
            "versions": versions(),
        }


def history_row(row: Mapping[str, Any], run: int | None = None) -> Row:
    """A row of `fit` with the columns that every record has.

    `run` is the run's place in a vectorized program, None for a program of one run.
    """

    def value(name: str) -> Any:
        if name not in METRICS:
            return row[name]
        if name not in row:
            return None
        return float(row[name] if run is None else row[name][run])

    return {name: value(name) for name in COLUMNS}


def is_finite(row: Mapping[str, Any]) -> bool:
    """Whether a run can continue after that row of its history."""
    return row["train_loss"] is not None and math.isfinite(row["train_loss"])


def has_diverged(history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a run's training loss is lost, or ends far above where it began.

    A loss can end at 1e6 and stay finite: one huge step, after which no unit is active.
    """
    first, last = history[0], history[-1]
    return not is_finite(last) or last["train_loss"] > DIVERGED * first["train_loss"]


def read_record(path: pathlib.Path) -> dict[str, Any]:
    """The record at `path`, of this format or of an older one.

    A loss that is not finite is null in the file and NaN here.  Columns that an older
    format lacks are None; keys that a newer one adds are kept.

    Raises:
      FileNotFoundError: if there is none.
      UserError: if the file is no record.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        rows = [_as_measured(row) for row in record["history"]]
        record["problem"], record["optimizer"], record["final"]  # are there
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a record of a run.") from error
    return {
        "format": 0,
        **record,
        "history": rows,
        "final": rows[-1] if rows else None,
    }


def _as_measured(row: Mapping[str, Any]) -> Row:
    row["epoch"] + row["gradient_evaluations"], row["train_loss"]  # are there
    losses = (name for name in row if name.endswith("_loss"))
    not_finite = {name: math.nan for name in losses if row[name] is None}
    return {**dict.fromkeys(COLUMNS), **row, **not_finite}


def read_own_record(path: pathlib.Path, expected: RunRecord) -> RunRecord:
    """`expected` with the history at `path`, which must be of the same run.

    Raises:
      FileNotFoundError: if there is none.
      UserError: if the file is no record, of another format, or of another run; then
        naming the first difference.
    """
    found = read_record(path)
    if found["format"] != FORMAT:
        raise ArgumentError(
            "resume",
            f": {path} has format {found['format']}, and this version continues"
            f" format {FORMAT} only",
        )
    if difference := first_difference(found, expected.identity()):
        key, value, wanted = difference
        raise ArgumentError(
            "resume", f": {path} has {key} {value!r}, the command says {wanted!r}"
        )
    return expected._replace(history=tuple(found["history"]))
