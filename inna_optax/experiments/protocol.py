"""The protocol of section 4.5: a grid judged early, then several seeds.

For every optimizer each point of a grid is trained for a tenth of the epochs, and the
one with the smallest training loss is trained to the end from several
initializations.  The grid, and then the seeds, run as one compiled program.  All
optimizers get the same number of gradient evaluations; one that uses each
mini-batch twice makes half as many passes over the data.
"""

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from inna_optax.experiments.experiment import history_row, run_record
from inna_optax.experiments.optimizers import LEARNING_RATES, Optimizer
from inna_optax.experiments.problems import Problem
from inna_optax.training import Arrays, Program, fit, vectorize

SEARCH_FRACTION = 0.1  # of the epochs, after which the grid is judged
Hyperparameters = dict[str, float]
# Told after each epoch how many runs made how many gradient evaluations together.
OnProgress = Callable[[int], None]


def epochs_for(optimizer: Optimizer, epochs: int) -> int:
    """Passes over the data that cost as many gradients as `epochs` with one use."""
    return max(1, round(epochs / optimizer.uses_per_batch))


def search_epochs_for(optimizer: Optimizer, epochs: int) -> int:
    """Passes over the data after which the grid is judged."""
    return max(1, round(SEARCH_FRACTION * epochs_for(optimizer, epochs)))


def grid(optimizer: Optimizer) -> list[Hyperparameters]:
    """All points of the optimizer's grid, each with every hyperparameter."""
    axes = {"learning_rate": LEARNING_RATES, **optimizer.search}
    return [
        {**optimizer.defaults, **dict(zip(axes, values, strict=True))}
        for values in itertools.product(*axes.values())
    ]


def train_together(
    program: Program,
    arrays: Arrays,
    points: Sequence[Hyperparameters],
    seeds: Sequence[int],
    epochs: int,
    on_progress: OnProgress,
) -> list[list[dict[str, Any]]]:
    """Trains run i with `points[i]` and `seeds[i]`, all in one program.

    Returns the history of each; their `seconds` are those of all together.
    """
    stacked = {
        name: jnp.asarray([point[name] for point in points]) for name in points[0]
    }
    histories: list[list[dict[str, Any]]] = [[] for _ in points]
    for _, row in fit(vectorize(program), arrays, np.asarray(seeds), stacked, epochs):
        for i, history in enumerate(histories):
            history.append(history_row(row, i))
        on_progress(len(points) * program.gradient_evaluations_per_epoch)
    return histories


def compare_one(
    problem: Problem,
    optimizer: Optimizer,
    program: Program,
    arrays: Arrays,
    *,
    batch_size: int,
    epochs: int,
    seeds: Sequence[int],
    on_progress: OnProgress,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The optimizer's part of the summary, and the record of each of its runs."""
    points = grid(optimizer)
    searched = train_together(
        program,
        arrays,
        points,
        [seeds[0]] * len(points),
        search_epochs_for(optimizer, epochs),
        on_progress,
    )
    losses = [history[-1]["train_loss"] for history in searched]
    # A run that diverged loses; it does not end the search.
    chosen = points[int(np.argmin([x if np.isfinite(x) else np.inf for x in losses]))]
    histories = train_together(
        program,
        arrays,
        [chosen] * len(seeds),
        seeds,
        epochs_for(optimizer, epochs),
        on_progress,
    )
    records = [
        run_record(problem, optimizer, chosen, seed, batch_size, history)
        for seed, history in zip(seeds, histories, strict=True)
    ]
    summary = {
        "label": optimizer.label,
        "hyperparameters": chosen,
        "searched": ["learning_rate", *optimizer.search],
        "search": [
            {"hyperparameters": point, "train_loss": loss}
            for point, loss in zip(points, losses, strict=True)
        ],
        "search_epochs": search_epochs_for(optimizer, epochs),
        "epochs": epochs_for(optimizer, epochs),
        "gradient_evaluations": histories[0][-1]["gradient_evaluations"],
        "final_train_loss": _spread(records, "train_loss", min, max),
        "final_test_accuracy": _spread(records, "test_accuracy", max, min),
        "seconds": searched[0][-1]["seconds"] + histories[0][-1]["seconds"],
    }
    return summary, records


def _spread(
    records: Sequence[Mapping[str, Any]],
    metric: str,
    best: Callable[[list[float]], float],
    worst: Callable[[list[float]], float],
) -> dict[str, float] | None:
    """Mean, best and worst final value over the seeds; None if it is not measured."""
    values = [record["final"][metric] for record in records]
    if None in values:
        return None
    return {
        "mean": statistics.fmean(values),
        "best": best(values),
        "worst": worst(values),
    }
