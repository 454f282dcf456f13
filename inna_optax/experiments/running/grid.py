"""Many runs of one optimizer, each kept on disk as soon as it is finished."""

import math
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax.experiments.catalogue.protocols import Entry, Hyperparameters
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.progress import Bar
from inna_optax.experiments.running.setting import (
    Setting,
    history_row,
    is_finite,
    read_record,
    run_record,
)
from inna_optax.experiments.running.stopping import Stop
from inna_optax.training import Program, Progress, fit, vectorize, write_json

Record = dict[str, Any]


class Point(NamedTuple):
    """A run to make, and the file that keeps it."""

    hyperparameters: Hyperparameters
    seed: int
    path: pathlib.Path


def train_runs(
    setting: Setting,
    entry: Entry,
    program: Program,
    points: Sequence[Point],
    epochs: int,
    *,
    bar: Bar,
    stop: Stop,
    vectorized: bool | None = None,
) -> list[Record]:
    """The record of each point, trained or, if it is on disk, read.

    Vectorized, all points run in one program, and their `seconds` are those of all
    together; otherwise one program runs them one after another.  The default is the
    faster: vectorized on accelerators, not on CPU, where `benchmarks/sweep.py` finds
    no gain for a perceptron, and 5 times the time for LeNet, since a batch of kernels
    is no convolution that XLA's CPU library knows.

    A run whose training loss is not finite after an epoch ends there.

    Raises:
      Stopped: if an end was asked for; the finished runs are on disk.
      UserError: if a file is not of the run that is asked for.
    """
    found = [_read(setting, entry, point, epochs) for point in points]
    if vectorized is None:
        vectorized = jax.default_backend() != "cpu"
    if vectorized and None in found:
        return _train_together(setting, entry, program, points, epochs, bar, stop)
    images = epochs * program.gradient_evaluations_per_epoch * setting.batch_size
    bar.skip(images * sum(record is not None for record in found))
    return [
        record or _train_one(setting, entry, program, point, epochs, bar, stop)
        for record, point in zip(found, points, strict=True)
    ]


def _read(setting: Setting, entry: Entry, point: Point, epochs: int) -> Record | None:
    """The finished run in the point's file, None if there is no file."""
    try:
        record = read_record(point.path, _record(setting, entry, point, []))
        final = record["final"]
        finished = final["epoch"] == epochs or not is_finite(final)
    except FileNotFoundError:
        return None
    except (KeyError, TypeError) as error:  # a run that has only begun
        raise UserError(f"{point.path} is not a record of a run.") from error
    if not finished:
        raise UserError(
            f"--resume: {point.path} ends after {final['epoch']} epochs, the command"
            f" says {epochs}"
        )
    for row in record["history"]:  # what is not finite is null in the file
        for metric in ("train_loss", "test_loss"):
            row[metric] = math.nan if row[metric] is None else row[metric]
    record["final"] = record["history"][-1]
    return record


def _record(
    setting: Setting, entry: Entry, point: Point, history: list[dict[str, Any]]
) -> Record:
    return run_record(
        setting,
        entry.optimizer,
        entry.decay,
        point.hyperparameters,
        point.seed,
        history,
    )


def _watched(
    setting: Setting,
    program: Program,
    seeds: Any,
    hyperparameters: Mapping[str, Any],
    epochs: int,
    runs: int,
    bar: Bar,
    stop: Stop,
) -> Iterator[Progress]:
    """`fit` of one program of that many runs, shown on the bar, until an end."""
    done = 0
    for progress in fit(program, setting.arrays, seeds, hyperparameters, epochs):
        new = progress.gradient_evaluations - done
        bar.advance(new * setting.batch_size * runs)
        done = progress.gradient_evaluations
        yield progress
        stop.check()


def _train_one(
    setting: Setting,
    entry: Entry,
    program: Program,
    point: Point,
    epochs: int,
    bar: Bar,
    stop: Stop,
) -> Record:
    history: list[dict[str, Any]] = []
    for progress in _watched(
        setting, program, point.seed, point.hyperparameters, epochs, 1, bar, stop
    ):
        history += [history_row(row) for row in progress.rows]
        if progress.rows and not is_finite(history[-1]):
            break
    left = epochs * program.gradient_evaluations_per_epoch
    left -= history[-1]["gradient_evaluations"]
    bar.skip(left * setting.batch_size)
    record = _record(setting, entry, point, history)
    write_json(point.path, record)
    bar.log(f"{point.path}: training loss {history[-1]['train_loss']:.5g}")
    return record


def _train_together(
    setting: Setting,
    entry: Entry,
    program: Program,
    points: Sequence[Point],
    epochs: int,
    bar: Bar,
    stop: Stop,
) -> list[Record]:
    stacked = {
        name: jnp.asarray([point.hyperparameters[name] for point in points])
        for name in points[0].hyperparameters
    }
    seeds = np.asarray([point.seed for point in points])
    rows = [
        row
        for progress in _watched(
            setting, vectorize(program), seeds, stacked, epochs, len(points), bar, stop
        )
        for row in progress.rows
    ]
    records: list[Record] = []
    for i, point in enumerate(points):
        history = [history_row(row, i) for row in rows]
        # As if it had run alone: up to its first row that is not finite.
        ends = (n for n, row in enumerate(history, 1) if not is_finite(row))
        history = history[: next(ends, len(history))]
        record = _record(setting, entry, point, history)
        write_json(point.path, record)
        records.append(record)
    return records
