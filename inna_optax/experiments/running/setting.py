"""A problem with its data and an optimizer, ready for the engine."""

import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax.sharding import Mesh

from inna_optax import data
from inna_optax.experiments.catalogue.contenders import Decay, Optimizer
from inna_optax.experiments.catalogue.problems import Problem, Scale
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.provenance import versions
from inna_optax.experiments.running.tasks import make_task
from inna_optax.training import Arrays, Program, make_program, put_examples
from inna_optax.training.records import first_difference

COLUMNS = (
    "epoch",
    "gradient_evaluations",
    "train_loss",
    "test_loss",
    "test_accuracy",
    "seconds",
)


class Setting(NamedTuple):
    """What all runs of a command share."""

    problem: Problem
    dataset: data.Dataset  # its arrays are on the device
    batch_size: int
    epochs: int  # for an optimizer that uses each mini-batch once
    whole: tuple[int, int]  # training and test examples of the published setting
    each_batch_twice: bool = False  # by every optimizer, as in Figure 4.5
    data_note: str | None = None  # what the user says of the data
    mesh: Mesh | None = None  # the devices, None for the default one

    @property
    def arrays(self) -> Arrays:
        """The data, for the engine: the same arrays, not copies."""
        return Arrays(*(jnp.asarray(getattr(self.dataset, k)) for k in Arrays._fields))

    def uses_per_batch(self, optimizer: Optimizer) -> int:
        """Gradient steps made on each mini-batch."""
        return max(optimizer.uses_per_batch, 2 if self.each_batch_twice else 1)

    def describe(self) -> dict[str, Any]:
        """The setting as it stands in records."""
        return {
            "problem": self.problem.name,
            "dataset": self.dataset.name,
            **({"data_note": self.data_note} if self.data_note else {}),
            "train_examples": len(self.dataset.train_labels),
            "test_examples": len(self.dataset.test_labels),
            "batch_size": self.batch_size,
            **({"mesh": dict(self.mesh.shape)} if self.mesh else {}),
        }


def open_problem(
    problem: Problem,
    scale: Scale,
    *,
    dataset: str | None = None,
    data_dir: pathlib.Path | None = None,
    train_examples: int | None = None,
    batch_size: int | None = None,
    each_batch_twice: bool = False,
    data_note: str | None = None,
    mesh: Mesh | None = None,
) -> Setting:
    """Loads the problem's data and puts them on the device.

    Args:
      problem: what is trained.
      scale: how much of it; a smaller data set is taken whole.
      dataset: one of the problem's; its first if None.
      data_dir: see :func:`inna_optax.data._load`.
      train_examples: how many to train on, in [1, those there are]; the scale's if
        None.
      batch_size: the problem's if None.
      each_batch_twice: whether every optimizer makes two steps on a mini-batch.
      data_note: what records and pictures say of the data.
      mesh: the devices; the default one if None.

    Raises:
      UserError: if the data are not found or not as they must be, or a number is
        outside its range.
    """
    try:
        loaded = data.load(dataset or problem.datasets[0], data_dir)
        available, tested = len(loaded.train_labels), len(loaded.test_labels)
        whole = (min(problem.paper.train_examples or available, available), tested)
        if train_examples is None:
            train_examples = min(scale.train_examples or available, available)
        elif not 1 <= train_examples <= available:
            raise UserError(
                f"--train-examples must be in [1, {available}] for {loaded.name},"
                f" got {train_examples}"
            )
        loaded = data.head(
            loaded, train_examples, min(scale.test_examples or tested, tested)
        )
    except data.DataError as error:
        raise UserError(str(error)) from error
    batch_size = batch_size or problem.batch_size
    if batch_size > train_examples:
        raise UserError(
            f"--batch-size must be in [1, {train_examples}], the number of training"
            f" examples, got {batch_size}"
        )
    if mesh and batch_size % mesh.shape["data"]:
        raise UserError(
            f"--batch-size must be a multiple of the {mesh.shape['data']} parts that"
            f" --mesh makes of it, got {batch_size}"
        )
    # The devices' copy is the only one.
    placed: Any = {k: put_examples(getattr(loaded, k), mesh) for k in Arrays._fields}
    loaded = loaded._replace(**placed)
    return Setting(
        problem,
        loaded,
        batch_size,
        scale.epochs,
        whole,
        each_batch_twice,
        data_note,
        mesh,
    )


def program_for(setting: Setting, optimizer: Optimizer, decay: Decay | None) -> Program:
    """The functions of one run of `optimizer` on the setting's problem."""
    examples = len(setting.dataset.train_labels)
    uses = setting.uses_per_batch(optimizer)

    def make_solver(hyperparameters: Mapping[str, Any]) -> Any:
        updates_per_epoch = examples // setting.batch_size * uses
        return optimizer.solver(hyperparameters, decay, updates_per_epoch)

    return make_program(
        make_task(setting.problem, setting.dataset),
        make_solver,
        examples=examples,
        batch_size=setting.batch_size,
        uses_per_batch=uses,
        mesh=setting.mesh,
    )


def history_row(row: Mapping[str, Any], run: int | None = None) -> dict[str, Any]:
    """A row of `fit` with the columns that every record has.

    `run` is the run's place in a vectorized program, None for a program of one run.
    """

    def number(metric: str) -> float:
        return float(row[metric] if run is None else row[metric][run])

    return {
        "epoch": row["epoch"],
        "gradient_evaluations": row["gradient_evaluations"],
        "train_loss": number("train_loss"),
        "test_loss": number("test_loss"),
        "test_accuracy": number("test_accuracy") if "test_accuracy" in row else None,
        "seconds": row["seconds"],
    }


def is_finite(row: Mapping[str, Any]) -> bool:
    """Whether a run may go on after that row of its history."""
    return row["train_loss"] is not None and math.isfinite(row["train_loss"])


def run_record(
    setting: Setting,
    optimizer: Optimizer,
    decay: Decay | None,
    hyperparameters: Mapping[str, float],
    seed: int,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    """One run as it is written to `results.json`."""
    return {
        **setting.describe(),
        "optimizer": optimizer.name,
        "hyperparameters": dict(hyperparameters),
        "decay": decay._asdict() if decay and optimizer.decays else None,
        "uses_per_batch": setting.uses_per_batch(optimizer),
        "seed": seed,
        "history": history,
        "final": history[-1] if history else None,
        "versions": versions(),
    }


def identity(record: Mapping[str, Any]) -> dict[str, Any]:
    """What tells one run from another, whatever came of it and wherever it was made."""
    results = ("history", "final", "versions", "mesh")
    return {key: value for key, value in record.items() if key not in results}


def read_record(path: pathlib.Path, expected: Mapping[str, Any]) -> dict[str, Any]:
    """The record at `path`, after checking that it is of the run asked for.

    Raises:
      FileNotFoundError: if there is none.
      UserError: if the file is no record, or of another run; then naming the first
        difference.
    """
    try:
        record = json.loads(path.read_text())
        found = identity(record)
        record["final"]  # is there
        if any(set(row) != set(COLUMNS) for row in record["history"]):
            raise ValueError
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a record of a run.") from error
    if difference := first_difference(found, identity(expected)):
        key, value, wanted = difference
        raise UserError(
            f"--resume: {path} has {key} {value!r}, the command says {wanted!r}"
        )
    return record
