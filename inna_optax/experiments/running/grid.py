"""Many runs of one optimizer, each kept on disk as soon as it is finished."""

import contextlib
import math
import pathlib
import shutil
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax.experiments.errors import ArgumentError, UserError
from inna_optax.experiments.running.progress import Bar
from inna_optax.experiments.running.records import (
    RunRecord,
    history_row,
    is_finite,
    read_own_record,
)
from inna_optax.experiments.running.setting import Setting
from inna_optax.experiments.running.stopping import Stop
from inna_optax.experiments.running.unit import (
    Unit,
    default_evaluate_every,
    train_unit,
)
from inna_optax.training import (
    Checkpoints,
    Program,
    UnreadableCheckpointError,
    vectorize,
    write_json,
)

# Runs of one program on an accelerator.  Measured on an H200 (benchmarks/sweep.py): 27
# runs of LeNet take 0.64 of the time one after another if 3 are one program, 0.40 if 9
# are, 0.30 if all are; of a perceptron 0.35, 0.12, 0.04.  Memory grows with their
# number.  On CPU a batch of kernels is no convolution that XLA's library knows: LeNet
# takes 2.5 to 3.5 times as long.
TOGETHER = {"cpu": 1}
TOGETHER_ON_ACCELERATORS = 27


class Point(NamedTuple):
    """A run to make, and the file that keeps it."""

    run: RunRecord
    path: pathlib.Path


class Grid(NamedTuple):
    """What the runs of a comparison share."""

    setting: Setting
    unfinished: pathlib.Path  # the folder of checkpoints
    bar: Bar
    stop: Stop
    together: int | None = None  # runs of one program at most; None for the default


def train_points(
    grid: Grid, program: Program, points: Sequence[Point], epochs: int
) -> list[RunRecord]:
    """The record of each point, trained or, if it is on disk, read.

    Several runs at a time are one vectorized program, and their `seconds` are those of
    all together.  A run whose training loss is not finite ends there.

    Raises:
      Stopped: if a stop was requested; finished runs are on disk, and the next call
        continues those that had begun.
      UserError: if a file is not of the run that is asked for.
    """
    finished = {point.path: _finished(point, epochs) for point in points}
    missing = [point for point in points if finished[point.path] is None]
    images = epochs * program.gradient_evaluations_per_epoch * grid.setting.batch_size
    grid.bar.skip(images * (len(points) - len(missing)))
    size = grid.together or TOGETHER.get(
        jax.default_backend(), TOGETHER_ON_ACCELERATORS
    )
    for group in _groups(missing, size):
        for point, record in zip(
            group, _train(grid, program, group, epochs), strict=True
        ):
            finished[point.path] = record
    return [record for record in finished.values() if record is not None]


def _groups(points: Sequence[Point], size: int) -> Iterable[Sequence[Point]]:
    """The points in groups of that size at most, alike in size: programs compile once.

    That is once for each of two sizes at most.
    """
    count = math.ceil(len(points) / size)
    return [
        [points[i] for i in indices]
        for indices in np.array_split(np.arange(len(points)), max(count, 1))
        if len(indices)
    ]


def _finished(point: Point, epochs: int) -> RunRecord | None:
    """The finished run in the point's file, None if there is no file."""
    try:
        run = read_own_record(point.path, point.run)
    except FileNotFoundError:
        return None
    if not run.history:  # a run that has only begun
        raise UserError(f"{point.path} is not a record of a run.")
    final = run.history[-1]
    if final["epoch"] != epochs and is_finite(final):
        raise ArgumentError(
            "resume",
            f": {point.path} ends after {final['epoch']} epochs, the command says"
            f" {epochs}",
        )
    return run


def _train(
    grid: Grid, program: Program, points: Sequence[Point], epochs: int
) -> list[RunRecord]:
    folder = grid.unfinished / points[0].path.stem
    unit = _unit(grid, program, points, epochs)
    try:
        rows = _rows(grid, unit, points, folder)
    except UnreadableCheckpointError:  # the group starts anew
        shutil.rmtree(folder)
        rows = _rows(grid, unit, points, folder)
    records = []
    for i, point in enumerate(points):
        history = [history_row(row, i if len(points) > 1 else None) for row in rows]
        # As if it had run alone: up to its first row that is not finite.
        ends = (n for n, row in enumerate(history, 1) if not is_finite(row))
        history = history[: next(ends, len(history))]
        records.append(point.run._replace(history=tuple(history)))
        write_json(point.path, records[-1].as_json())
        grid.bar.log(f"{point.path}: training loss {history[-1]['train_loss']:.5g}")
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # which others are still in
        grid.unfinished.rmdir()
    return records


def _unit(grid: Grid, program: Program, points: Sequence[Point], epochs: int) -> Unit:
    """The points as one program: that of a run, or the vectorized one."""
    seeds: Any = points[0].run.seed
    hyperparameters: Any = points[0].run.hyperparameters
    if len(points) > 1:
        program = vectorize(program)
        seeds = np.asarray([point.run.seed for point in points])
        hyperparameters = {
            name: jnp.asarray([point.run.hyperparameters[name] for point in points])
            for name in hyperparameters
        }
    every = default_evaluate_every(epochs)
    return Unit(program, grid.setting.arrays, seeds, hyperparameters, epochs, every)


def _rows(
    grid: Grid, unit: Unit, points: Sequence[Point], folder: pathlib.Path
) -> list[dict[str, Any]]:
    """The history of a unit, shown on the bar while it is made."""
    identity = {"runs": [point.run.identity() for point in points]}
    checkpoints = Checkpoints(folder, keep=1, identity=identity)
    images = grid.setting.batch_size * len(points)
    done = checkpoints.latest() or 0
    history: Sequence[dict[str, Any]] = ()
    grid.bar.skip(done * images)
    for progress, rows in train_unit(unit, checkpoints, grid.stop, keep_last=False):
        history = rows
        grid.bar.advance((progress.gradient_evaluations - done) * images)
        done = progress.gradient_evaluations
    checkpoints.close()
    per_epoch = unit.program.gradient_evaluations_per_epoch
    grid.bar.skip((unit.epochs * per_epoch - done) * images)
    return list(history)
