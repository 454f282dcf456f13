"""A unit of work: one program, of one run or of many, trained with checkpoints."""

import functools
import logging
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from inna_optax.experiments.running.stopping import Stop, Stopped
from inna_optax.training import (
    Arrays,
    Checkpoints,
    Program,
    Progress,
    Resume,
    fit,
    with_shardings,
)

Row = dict[str, Any]

CHECKPOINT_SECONDS = 30.0
# Of a run, the first included: more than a picture shows, and a small part of the time.
MOST_ROWS = 61


class Unit(NamedTuple):
    """What is trained, by one program."""

    program: Program
    arrays: Arrays
    seeds: Any  # a seed, or an array of them for a vectorized program
    hyperparameters: Mapping[str, Any]
    epochs: int
    evaluate_every: int  # epochs from one row of the history to the next


def default_evaluate_every(epochs: int) -> int:
    """Epochs from one row to the next, such that a run has `MOST_ROWS` at most."""
    return math.ceil(epochs / (MOST_ROWS - 1))


def train_unit(
    unit: Unit,
    checkpoints: Checkpoints,
    stop: Stop,
    *,
    checkpoint_every: float = CHECKPOINT_SECONDS,
    keep_last: bool = True,
) -> Iterator[tuple[Progress, Sequence[Row]]]:
    """Trains a unit, from its last checkpoint on if there is one.

    A checkpoint is stored every `checkpoint_every` seconds, at a stop, and, with
    `keep_last`, at the end.  Training goes on while it is written.  A unit of which no
    run has a finite loss ends there.

    Yields:
      After each part of an epoch or of an evaluation, where the unit is, and its
      history so far; first of all, after a restart, where it was.

    Raises:
      CheckpointError: if a checkpoint cannot be read or written.
      Stopped: if a stop was requested; the next call continues from there.
    """
    quiet_threads()
    resume, history = _restored(unit, checkpoints)
    if resume is not None:
        yield Progress(resume.run, resume.gradient_evaluations, np.nan, []), history
    stored_at = time.monotonic()
    progress: Progress | None = None
    for progress in fit(
        unit.program,
        unit.arrays,
        unit.seeds,
        unit.hyperparameters,
        history[-1]["epoch"] if _has_ended(history) else unit.epochs,
        evaluate_every=unit.evaluate_every,
        resume=resume,
    ):
        history += progress.rows
        yield progress, history
        if progress.rows and _has_ended(history):
            break
        try:
            due = stop.check(time.monotonic() - stored_at >= checkpoint_every)
        except Stopped:
            _save(checkpoints, progress, history)
            checkpoints.wait()
            raise
        if due:
            _save(checkpoints, progress, history)
            stored_at = time.monotonic()
    if keep_last and progress is not None:
        _save(checkpoints, progress, history)
    checkpoints.wait()


@functools.cache
def quiet_threads() -> None:
    """Keeps what the checkpoints' threads print, with their stacks, from the user.

    An error of theirs is raised, too, and reported in one line.  After a write that
    failed, TensorStore's threads cannot tell their results to the loop that orbax has
    closed.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    before = sys.unraisablehook

    def report(unraisable: Any) -> None:
        if str(unraisable.exc_value) != "Event loop is closed":
            before(unraisable)

    sys.unraisablehook = report


def _save(checkpoints: Checkpoints, progress: Progress, history: Sequence[Row]) -> None:
    checkpoints.save(progress.run, progress.gradient_evaluations, history)


def _restored(unit: Unit, checkpoints: Checkpoints) -> tuple[Resume | None, list[Row]]:
    """What `fit` continues, and the rows up to there."""
    updates = checkpoints.latest()
    if updates is None:
        return None, []
    like = jax.eval_shape(
        unit.program.start, np.asarray(unit.seeds, np.uint32), unit.hyperparameters
    )
    stored = checkpoints.restore(with_shardings(like, unit.program.mesh), updates)
    history = [{k: _as_measured(v) for k, v in row.items()} for row in stored.history]
    measured = history[-1]["epoch"] if history else -1
    seconds = history[-1]["seconds"] if history else 0.0
    return Resume(stored.run, updates, measured, seconds), history


def _as_measured(value: Any) -> Any:
    """A value of a stored row; what is not finite is stored as null."""
    if isinstance(value, int):
        return value
    measured = np.asarray(value, float)
    return measured if measured.ndim else float(measured)


def _has_ended(history: Sequence[Row]) -> bool:
    """Whether no run of the unit has a finite loss."""
    return bool(history) and not np.any(np.isfinite(history[-1]["train_loss"]))
