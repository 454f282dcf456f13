"""The command `inna-optax train`."""

import logging
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from inna_optax.experiments.catalogue.contenders import Optimizer
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.folders import output_folder
from inna_optax.experiments.running.progress import progress_bar
from inna_optax.experiments.running.scalars import check_installed, scalar_writer
from inna_optax.experiments.running.setting import (
    Setting,
    history_row,
    identity,
    is_finite,
    program_for,
    read_record,
    run_record,
)
from inna_optax.experiments.running.stopping import Stopped, stop_signals
from inna_optax.training import (
    CheckpointError,
    Checkpoints,
    Program,
    Resume,
    fit,
    with_places,
    write_history,
    write_json,
)
from inna_optax.training.processes import is_first, wait_for_all

RECORD, CHECKPOINTS = "results.json", "checkpoints"


def train(
    setting: Setting,
    optimizer: Optimizer,
    hyperparameters: Mapping[str, float],
    *,
    seed: int,
    out: pathlib.Path | None,
    resume: bool,
    tensorboard: bool,
) -> int:
    """Trains one run into `out`; returns the exit status.

    After each epoch a checkpoint, the record and the history are on disk, and on
    SIGINT or SIGTERM a checkpoint of where the run is.

    Raises:
      Stopped: if one of them came; `resume` goes on from there.
    """
    if tensorboard:
        check_installed()
    name = f"train-{setting.problem.name}-{optimizer.name}"
    with output_folder(out, name, RECORD, CHECKPOINTS, resume=resume) as folder:
        return _train_into(
            folder, setting, optimizer, hyperparameters, seed, resume, tensorboard
        )


def _train_into(
    folder: pathlib.Path,
    setting: Setting,
    optimizer: Optimizer,
    hyperparameters: Mapping[str, float],
    seed: int,
    resume: bool,
    tensorboard: bool,
) -> int:
    # What orbax's threads log, with their stacks, comes to the user in one line.
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    decay = setting.problem.protocol.decay
    program = program_for(setting, optimizer, decay)
    first = is_first()  # of the processes: the one that writes and speaks

    def record(history: list[dict[str, Any]]) -> dict[str, Any]:
        return run_record(setting, optimizer, decay, hyperparameters, seed, history)

    history = read_record(folder / RECORD, record([]))["history"] if resume else []
    wait_for_all("the folder is read")
    if first and not resume:
        # Before anything is computed: a run killed in its first epoch can go on.
        write_json(folder / RECORD, record([]))
    checkpoints = Checkpoints(folder / CHECKPOINTS, identity=identity(record([])))
    start_from, history = _restore(program, checkpoints, hyperparameters, seed, history)
    done = start_from.gradient_evaluations if start_from else 0
    total = setting.epochs * program.gradient_evaluations_per_epoch

    console = Console(quiet=not first)
    title = f"{setting.problem.name}: {optimizer.label}"
    with (
        scalar_writer(folder, tensorboard and first, done) as write_scalars,
        stop_signals(folder) as stop,
        progress_bar(title, (total - done) * setting.batch_size, shown=first) as bar,
    ):
        # A run that has diverged has ended, whatever epochs are left.
        ended = bool(history) and not is_finite(history[-1])
        for progress in fit(
            program,
            setting.arrays,
            seed,
            hyperparameters,
            history[-1]["epoch"] if ended else setting.epochs,
            resume=start_from,
        ):
            bar.advance((progress.gradient_evaluations - done) * setting.batch_size)
            done = progress.gradient_evaluations
            epoch = done // program.gradient_evaluations_per_epoch
            bar.show(f"epoch {epoch}/{setting.epochs} loss {progress.loss:.4g}")
            if progress.rows:
                history += [history_row(row) for row in progress.rows]
                # In this order: what the checkpoint has and the record lacks is
                # measured again, what the record has more is dropped.
                checkpoints.save(progress.run, done)
                if first:
                    write_history(folder / "history.csv", history)
                    write_json(folder / RECORD, record(history))
                for row in history[-len(progress.rows) :]:
                    write_scalars(row)
                bar.log(
                    f"epoch {epoch}/{setting.epochs}: training loss"
                    f" {history[-1]['train_loss']:.5g}, {history[-1]['seconds']:.0f} s"
                )
                if not is_finite(history[-1]):
                    break
            try:
                stop.check()
            except Stopped:
                checkpoints.save(progress.run, done)
                raise
    checkpoints.close()
    console.print(_result_table(setting, optimizer, history[-1]))
    console.print(f"Records: {folder / RECORD}", soft_wrap=True)
    if not is_finite(history[-1]):
        Console(stderr=True, quiet=not first).print(
            f"inna-optax: the training loss is not finite after epoch"
            f" {history[-1]['epoch']}: the run stopped there; try a smaller"
            " --learning-rate.",
            soft_wrap=True,
        )
        return 1
    return 0


def _restore(
    program: Program,
    checkpoints: Checkpoints,
    hyperparameters: Mapping[str, float],
    seed: int,
    history: list[dict[str, Any]],
) -> tuple[Resume | None, list[dict[str, Any]]]:
    """What `fit` goes on from, and the rows up to there."""
    updates = checkpoints.latest()
    if updates is None:
        return None, []
    like = jax.eval_shape(program.start, np.uint32(seed), dict(hyperparameters))
    try:
        run = checkpoints.restore(with_places(like, program.mesh), updates)
    except CheckpointError as error:
        older = checkpoints.older(updates)
        instead = "start anew" if older is None else f"go on from {older} updates"
        raise UserError(
            f"--resume: {error}; without it --resume can {instead}"
        ) from error
    history = [row for row in history if row["gradient_evaluations"] <= updates]
    seconds = history[-1]["seconds"] if history else 0.0
    return Resume(run, updates, len(history), seconds), history


def _result_table(
    setting: Setting, optimizer: Optimizer, final: Mapping[str, Any]
) -> Table:
    table = Table(title=f"{setting.problem.name}: {optimizer.label}")
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
