"""The command `inna-optax train`."""

import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from inna_optax.experiments.errors import UserError
from inna_optax.experiments.experiment import (
    history_row,
    load_arrays,
    program_for,
    run_record,
)
from inna_optax.experiments.folders import new_folder
from inna_optax.experiments.optimizers import Optimizer
from inna_optax.experiments.problems import Problem
from inna_optax.training import (
    Checkpoints,
    Program,
    Run,
    fit,
    write_history,
    write_json,
)

RECORD = "results.json"


def train(
    problem: Problem,
    optimizer: Optimizer,
    hyperparameters: Mapping[str, float],
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    out: pathlib.Path | None,
    resume: bool,
) -> int:
    """Trains one run, epoch by epoch into `out`; returns the exit status.

    After each epoch the record, the history and a checkpoint are on disk.
    """
    if resume and (out is None or not (out / RECORD).exists()):
        raise UserError(f"--resume needs --out with the folder of a run ({RECORD}).")
    dataset, arrays = load_arrays(problem)
    program = program_for(problem, optimizer, dataset, batch_size)
    name = f"train-{problem.name}-{optimizer.name}"
    folder = out if resume and out else new_folder(out, name, RECORD)
    history: list[dict[str, Any]] = []
    checkpoints = Checkpoints(folder / "checkpoints")
    start_from = None
    if resume:
        expected = run_record(
            problem, optimizer, hyperparameters, seed, batch_size, [{}]
        )
        history = _history_to_resume(folder, expected)
        start_from, history = _restore(
            program, checkpoints, hyperparameters, seed, history
        )

    console = Console()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} epochs"),
        TextColumn("train loss {task.fields[loss]:.5f}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        bar = progress.add_task(
            f"{problem.name}: {optimizer.label}", total=epochs, loss=math.nan
        )
        for run, row in fit(
            program, arrays, seed, hyperparameters, epochs, resume=start_from
        ):
            history.append(history_row(row))
            checkpoints.save(run, row["epoch"])
            record = run_record(
                problem, optimizer, hyperparameters, seed, batch_size, history
            )
            write_history(folder / "history.csv", history)
            write_json(folder / RECORD, record)
            progress.update(bar, completed=row["epoch"], loss=history[-1]["train_loss"])
            if not math.isfinite(history[-1]["train_loss"]):
                break
    checkpoints.close()
    console.print(_result_table(problem, optimizer, history[-1]))
    console.print(f"Records: {folder / RECORD}", soft_wrap=True)
    if not math.isfinite(history[-1]["train_loss"]):
        Console(stderr=True).print(
            f"inna-optax: the training loss is not finite after epoch"
            f" {history[-1]['epoch']}: the run stopped there; try a smaller"
            " --learning-rate.",
            soft_wrap=True,
        )
        return 1
    return 0


def _history_to_resume(
    folder: pathlib.Path, expected: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The history in `folder`, after checking that it is of the run asked for."""
    try:
        record = json.loads((folder / RECORD).read_text())
        history = record["history"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{folder / RECORD} is not a record of a run.") from error
    for key in ("problem", "optimizer", "hyperparameters", "seed", "batch_size"):
        if record.get(key) != expected[key]:
            raise UserError(
                f"--resume: {folder / RECORD} has {key} {record.get(key)!r}, the"
                f" command says {expected[key]!r}."
            )
    return history


def _restore(
    program: Program,
    checkpoints: Checkpoints,
    hyperparameters: Mapping[str, float],
    seed: int,
    history: list[dict[str, Any]],
) -> tuple[tuple[Run, int, float] | None, list[dict[str, Any]]]:
    """What `fit` goes on from, and the rows up to there."""
    epoch = checkpoints.latest_epoch()
    if epoch is None:
        return None, []
    like = jax.eval_shape(program.start, jnp.uint32(seed), dict(hyperparameters))
    run = checkpoints.restore(like, epoch)
    history = [row for row in history if row["epoch"] <= epoch]
    return (run, epoch, history[-1]["seconds"]), history


def _result_table(
    problem: Problem, optimizer: Optimizer, final: Mapping[str, Any]
) -> Table:
    table = Table(title=f"{problem.name}: {optimizer.label}")
    for name, value in final.items():
        if value is not None:
            table.add_column(name.replace("_", " "), justify="right")
    table.add_row(
        *(
            f"{value:,}" if isinstance(value, int) else f"{value:.5g}"
            for value in final.values()
            if value is not None
        )
    )
    return table
