"""Runs a program epoch by epoch and keeps its history."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax.training.program import Arrays, Hyperparameters, Program, Run

Row = dict[str, Any]


def fit(
    program: Program,
    data: Arrays,
    seed: Any,
    hyperparameters: Hyperparameters,
    epochs: int,
    *,
    resume: tuple[Run, int, float] | None = None,
) -> Iterator[tuple[Run, Row]]:
    """Yields the run and its history's row before the first and after each epoch.

    A row holds ``epoch``, ``gradient_evaluations``, the metrics of the program's
    ``evaluate`` (floats, or arrays of shape (runs,) from a vectorized program) and
    ``seconds``, the time since the start, compilation included.

    The run that was yielded is donated to the next epoch: use it before going on.

    Args:
      program: the functions of a run, or of many.
      data: the data.
      seed: the seed, or an array of seeds.
      hyperparameters: what ``make_solver`` of the program takes.
      epochs: number of passes over the data, in [0, inf).
      resume: a run, the number of epochs that it has done and the seconds that they
        took; then its own row is not yielded again.
    """
    start = jax.jit(program.start)
    epoch = jax.jit(program.epoch, donate_argnums=0)
    evaluate: Callable[..., Any] = jax.jit(program.evaluate)

    before, began = (resume[2] if resume else 0.0), time.monotonic()

    def row(run: Run, done: int) -> Row:
        metrics = jax.tree.map(np.asarray, evaluate(run, data))
        return {
            "epoch": done,
            "gradient_evaluations": done * program.gradient_evaluations_per_epoch,
            **metrics,
            "seconds": before + time.monotonic() - began,
        }

    if resume:
        run, first, _ = resume
    else:
        run, first = start(jnp.asarray(seed, jnp.uint32), hyperparameters), 0
        yield run, row(run, 0)
    for done in range(first + 1, epochs + 1):
        run = epoch(run, hyperparameters, data, jnp.asarray(done - 1))
        yield run, row(run, done)
