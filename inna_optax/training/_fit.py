"""Runs a program part by part and keeps its history."""

import time
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from inna_optax._checks import as_count
from inna_optax.training.arguments import as_seeds, check_type
from inna_optax.training.evaluation import evaluator
from inna_optax.training.pace import Pace
from inna_optax.training.program import Arrays, Hyperparameters, Program, Run

Row = dict[str, Any]


class Progress(NamedTuple):
    """Where a run is."""

    run: Run  # donated to the next part: use it before asking for the next progress
    gradient_evaluations: int  # since the start
    loss: Any  # mean over the last part's mini-batches, NaN before the first
    rows: list[Row]  # of the history, measured just now; mostly none


RowInParts = Generator[Progress, None, Row]


class Resume(NamedTuple):
    """A run to continue."""

    run: Run
    gradient_evaluations: int  # that made it
    measured: int  # the epoch of the last row of its history, -1 if it has none
    seconds: float  # that it took


def fit(
    program: Program,
    data: Arrays,
    seed: Any,
    hyperparameters: Hyperparameters,
    epochs: int,
    *,
    evaluate_every: int = 1,
    resume: Resume | None = None,
) -> Iterator[Progress]:
    """Trains for that many epochs, with a pause after each part of an epoch.

    A row of the history holds ``epoch``, ``gradient_evaluations``, the means over the
    training examples ``train_loss`` (with the penalty) and ``train_data_loss`` (without
    it), the same of the test examples and their other metrics (floats, or arrays of
    shape (runs,) from a vectorized program), and ``seconds``, the time since the start,
    compilation included.  There is a row before the first epoch, one after every
    ``evaluate_every``-th and one after the last.  The first is measured with the
    second, so that training starts at once.

    Args:
      program: the functions of a run, or of many.
      data: the data.
      seed: the seed, or an array of seeds, in [0, 2**32).
      hyperparameters: what ``make_solver`` of the program takes.
      epochs: number of passes over the data, in [0, inf); with 0 nothing is measured.
      evaluate_every: number of epochs from one row to the next, in [1, inf).
      resume: the run to continue; a new one if None.

    Returns:
      An iterator that trains as it is asked for the next :class:`Progress`: one after
      each part of an epoch, after each part of an evaluation, and after each
      evaluation with its rows.

    Raises:
      TypeError: if an argument is not of its type.
      ValueError: if a seed or a number of epochs is outside its range.
    """
    # Here and not in the generator, which would raise them at the first `next` only.
    check_type("program", program, Program)
    check_type("data", data, Arrays)
    if resume is not None:
        check_type("resume", resume, Resume)
    seeds, epochs = as_seeds("seed", seed), as_count("epochs", epochs, least=0)
    every = as_count("evaluate_every", evaluate_every)
    return _parts(program, data, seeds, hyperparameters, epochs, every, resume)


def _parts(
    program: Program,
    data: Arrays,
    seed: Any,
    hyperparameters: Hyperparameters,
    epochs: int,
    evaluate_every: int,
    resume: Resume | None,
) -> Iterator[Progress]:
    # Not compiled as a whole: operation by operation, what one run's initialization
    # compiled serves all that follow (ResNet-20: 5 s for the first, then 0.1 s).
    start = program.start
    train = jax.jit(program.train, donate_argnums=0)
    means_over = evaluator(program)
    per_epoch = program.gradient_evaluations_per_epoch

    run, updates, measured, before = resume or (
        start(seed, hyperparameters),
        0,
        -1,
        0.0,
    )
    began, training = time.monotonic(), Pace()
    loss: Any = np.nan

    def measure(run: Run, epoch: int, progress: Progress) -> RowInParts:
        """The row of `run`; yields `progress` after each part of an evaluation."""

        def after(size: int) -> Progress:
            return progress

        row: Row = {"epoch": epoch, "gradient_evaluations": epoch * per_epoch}
        train_means = yield from means_over(run, data.train, after)
        row |= {f"train_{name}": train_means[name] for name in ("loss", "data_loss")}
        test_means = yield from means_over(run, data.test, after)
        row |= {f"test_{name}": value for name, value in test_means.items()}
        return {**row, "seconds": before + time.monotonic() - began}

    while True:
        epoch, first = divmod(updates, per_epoch)
        due = epoch % evaluate_every == 0 or epoch == epochs
        if first == 0 and due and epoch > max(measured, 0):
            progress = Progress(run, updates, loss, [])
            rows = []
            if measured < 0:
                initial = start(seed, hyperparameters)
                rows.append((yield from measure(initial, 0, progress)))
            rows.append((yield from measure(run, epoch, progress)))
            measured = epoch
            yield progress._replace(rows=rows)
        if epoch >= epochs:
            return
        last = min(first + training.steps, per_epoch)
        called = time.monotonic()
        run, loss = train(run, hyperparameters, data.train, epoch, first, last)
        loss = np.asarray(loss)  # waits for it
        training.adapt(last - first, time.monotonic() - called)
        updates += last - first
        yield Progress(run, updates, loss, [])
