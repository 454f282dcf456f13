"""Runs a program part by part and keeps its history."""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from inna_optax._checks import as_count
from inna_optax.training.arguments import as_seeds, check_type
from inna_optax.training.processes import of_first
from inna_optax.training.program import Arrays, Hyperparameters, Program, Run

Row = dict[str, Any]

# How long a part of an epoch shall take: progress is shown, and a signal heard, as
# often.  The call itself costs less than a millisecond.
PART_SECONDS = 0.5


class Progress(NamedTuple):
    """Where a run is."""

    run: Run  # donated to the next part: use it before going on
    gradient_evaluations: int  # since the start
    loss: Any  # mean over the last part's mini-batches, NaN before the first
    rows: list[Row]  # of the history, measured just now; mostly none


RowInParts = Generator[Progress, None, Row]


class Resume(NamedTuple):
    """A run to go on with."""

    run: Run
    gradient_evaluations: int  # that made it
    rows: int  # of its history that are there, from epoch 0 on
    seconds: float  # that it took


def fit(
    program: Program,
    data: Arrays,
    seed: Any,
    hyperparameters: Hyperparameters,
    epochs: int,
    *,
    resume: Resume | None = None,
) -> Iterator[Progress]:
    """Trains for that many epochs, with a pause after each part of an epoch.

    A row of the history holds ``epoch``, ``gradient_evaluations``, ``train_loss``, the
    metrics of the test examples as ``test_loss`` and so on (floats, or arrays of shape
    (runs,) from a vectorized program) and ``seconds``, the time since the start,
    compilation included.  There is one before the first epoch and one after each; the
    first is measured with the second, so that training starts at once.

    Args:
      program: the functions of a run, or of many.
      data: the data.
      seed: the seed, or an array of seeds, in [0, 2**32).
      hyperparameters: what ``make_solver`` of the program takes.
      epochs: number of passes over the data, in [0, inf); with 0 nothing is measured.
      resume: where to go on; from the start if None.

    Returns:
      An iterator that trains as it is asked for the next :class:`Progress`: one after
      each part of an epoch, after each batch of an evaluation, and after each
      evaluation with its rows.

    Raises:
      TypeError: if an argument is not of its type.
      ValueError: if a seed or ``epochs`` is outside its range.
    """
    # Here and not in the generator, which would raise them at the first `next` only.
    check_type("program", program, Program)
    check_type("data", data, Arrays)
    if resume is not None:
        check_type("resume", resume, Resume)
    seeds, epochs = as_seeds("seed", seed), as_count("epochs", epochs, least=0)
    return _parts(program, data, seeds, hyperparameters, epochs, resume)


def _parts(
    program: Program,
    data: Arrays,
    seed: Any,
    hyperparameters: Hyperparameters,
    epochs: int,
    resume: Resume | None,
) -> Iterator[Progress]:
    # Not compiled as a whole: operation by operation, what one run's initialization
    # compiled serves all that follow (ResNet-20: 5 s for the first, then 0.1 s).
    start = program.start
    train = jax.jit(program.train, donate_argnums=0)
    evaluate: Callable[..., Any] = jax.jit(program.evaluate)
    per_epoch = program.gradient_evaluations_per_epoch

    run, updates, rows, before = resume or (start(seed, hyperparameters), 0, 0, 0.0)
    began, part = time.monotonic(), 1
    loss: Any = np.nan

    def measure(run: Run, epoch: int, progress: Progress) -> RowInParts:
        """The row of `run`; yields `progress` after each batch of the evaluation."""
        row: Row = {"epoch": epoch, "gradient_evaluations": epoch * per_epoch}
        for split, images, labels in (
            ("train", data.train_images, data.train_labels),
            ("test", data.test_images, data.test_labels),
        ):
            sums: dict[str, Any] = {}
            for first in range(0, len(labels), program.evaluation_batch):
                for name, value in evaluate(run, images, labels, first).items():
                    sums[name] = sums.get(name, 0.0) + np.asarray(value, np.float64)
                yield progress
            names = sums if split == "test" else ("loss",)
            row |= {f"{split}_{name}": sums[name] / len(labels) for name in names}
        return {**row, "seconds": before + time.monotonic() - began}

    while True:
        epoch, first = divmod(updates, per_epoch)
        if first == 0 and epoch >= max(rows, 1):
            progress = Progress(run, updates, loss, [])
            measured = []
            if rows == 0:
                initial = start(seed, hyperparameters)
                measured.append((yield from measure(initial, 0, progress)))
            measured.append((yield from measure(run, epoch, progress)))
            rows = epoch + 1
            yield progress._replace(rows=measured)
        if epoch >= epochs:
            return
        last = min(first + part, per_epoch)
        called = time.monotonic()
        run, loss = train(run, hyperparameters, data, epoch, first, last)
        loss = np.asarray(loss)  # waits for it
        taken = max(time.monotonic() - called, 1e-6)
        part = of_first(max(1, round((last - first) * PART_SECONDS / taken)))
        updates += last - first
        yield Progress(run, updates, loss, [])
