"""A problem with an optimizer, ready for the engine."""

import datetime
import os
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import jax

from inna_optax import data
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.optimizers import Optimizer
from inna_optax.experiments.problems import Problem
from inna_optax.training import Arrays, Program, make_program


def load_arrays(problem: Problem) -> tuple[data.Dataset, Arrays]:
    """The problem's data set, and its arrays on the device."""
    dataset = data.load(problem.dataset)
    return dataset, Arrays(
        *jax.device_put(
            (
                dataset.train_images,
                dataset.train_labels,
                dataset.test_images,
                dataset.test_labels,
            )
        )
    )


def program_for(
    problem: Problem, optimizer: Optimizer, dataset: data.Dataset, batch_size: int
) -> Program:
    """The functions of one run of `optimizer` on `problem`.

    Raises:
      UserError: if the data set has fewer examples than a batch.
    """
    examples = len(dataset.train_labels)
    if batch_size > examples:
        raise UserError(f"--batch-size must be in [1, {examples}], got {batch_size}.")

    def make_solver(hyperparameters: Mapping[str, Any]) -> Any:
        return optimizer.solver(hyperparameters, examples // batch_size)

    return make_program(
        problem.task(dataset),
        make_solver,
        examples=examples,
        batch_size=batch_size,
        uses_per_batch=optimizer.uses_per_batch,
    )


def versions() -> dict[str, str]:
    """The versions of what computed a result."""
    packages = ("inna-optax", "jax", "jaxlib", "optax", "flax")
    return {name: metadata.version(name) for name in packages}


def provenance(command: Sequence[str]) -> dict[str, Any]:
    """Where a result comes from: the command, the day, the machine, the versions."""
    devices = jax.devices()
    cores = f"{os.cpu_count()} CPU cores"
    accelerators = f"{len(devices)} x {devices[0].device_kind}"
    return {
        "command": " ".join(["inna-optax", *command]),
        "date": datetime.date.today().isoformat(),
        "machine": cores if devices[0].platform == "cpu" else accelerators,
        "versions": versions(),
    }


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


def run_record(
    problem: Problem,
    optimizer: Optimizer,
    hyperparameters: Mapping[str, float],
    seed: int,
    batch_size: int,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    """One run as it is written to `results.json`."""
    return {
        "problem": problem.name,
        "dataset": problem.dataset,
        "optimizer": optimizer.name,
        "hyperparameters": dict(hyperparameters),
        "seed": seed,
        "batch_size": batch_size,
        "uses_per_batch": optimizer.uses_per_batch,
        "history": history,
        "final": history[-1],
        "versions": versions(),
    }
