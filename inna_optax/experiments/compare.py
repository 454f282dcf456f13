"""The command `inna-optax compare`."""

import pathlib
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from inna_optax.experiments.experiment import load_arrays, program_for, provenance
from inna_optax.experiments.figures.comparison import describe_choice, draw_comparison
from inna_optax.experiments.folders import new_folder
from inna_optax.experiments.optimizers import Optimizer
from inna_optax.experiments.problems import Problem
from inna_optax.experiments.protocol import (
    compare_one,
    epochs_for,
    grid,
    search_epochs_for,
)
from inna_optax.training import write_json


def compare(
    problem: Problem,
    optimizers: Sequence[Optimizer],
    *,
    epochs: int,
    batch_size: int,
    seeds: int,
    out: pathlib.Path | None,
    command: Sequence[str],
) -> pathlib.Path:
    """Compares optimizers on a problem; returns the folder of records and picture.

    `command` is what the user typed, for the summary.
    """
    console = Console()
    dataset, arrays = load_arrays(problem)
    programs = [
        program_for(problem, optimizer, dataset, batch_size) for optimizer in optimizers
    ]
    folder = new_folder(out, f"compare-{problem.name}", "summary.json")
    summary: dict[str, Any] = {}
    records: list[dict[str, Any]] = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:
        # Every epoch counts, and so does the evaluation before the first.
        costs = [
            program.gradient_evaluations_per_epoch
            * (
                len(grid(optimizer)) * (1 + search_epochs_for(optimizer, epochs))
                + seeds * (1 + epochs_for(optimizer, epochs))
            )
            for optimizer, program in zip(optimizers, programs, strict=True)
        ]
        bar = progress.add_task(problem.name, total=sum(costs))
        for optimizer, program in zip(optimizers, programs, strict=True):
            progress.update(bar, description=f"{problem.name}: {optimizer.label}")
            summary[optimizer.name], runs = compare_one(
                problem,
                optimizer,
                program,
                arrays,
                batch_size=batch_size,
                epochs=epochs,
                seeds=range(seeds),
                on_progress=lambda evaluations: progress.advance(bar, evaluations),
            )
            for run in runs:
                write_json(
                    folder / "runs" / f"{optimizer.name}-{run['seed']}.json", run
                )
            records += runs
        progress.update(bar, description=problem.name)
    title = f"{problem.title}, {len(dataset.train_labels):,} training images"
    caption = (
        f"mean of {seeds} seeds, shaded from best to worst; batch {batch_size},"
        f" {records[0]['final']['gradient_evaluations']:,} gradient evaluations each"
    )
    draw_comparison(title, caption, summary, records, folder / "comparison.png")
    write_json(
        folder / "summary.json",
        {
            "problem": problem.name,
            "dataset": problem.dataset,
            "epochs": epochs,
            "batch_size": batch_size,
            "seeds": list(range(seeds)),
            "optimizers": summary,
            **provenance(command),
        },
    )
    console.print(summary_table(problem, summary))
    console.print(f"Picture: {folder / 'comparison.png'}", soft_wrap=True)
    console.print(
        f"Records: {folder / 'summary.json'}, {folder / 'runs'}", soft_wrap=True
    )
    return folder


def summary_table(problem: Problem, summary: dict[str, Any]) -> Table:
    """One row an optimizer, as it is printed at the end."""
    table = Table(title=f"{problem.name}: {problem.title}", show_lines=True)
    table.add_column("optimizer")
    table.add_column("chosen")
    table.add_column("training loss\nbest - worst", justify="right", no_wrap=True)
    table.add_column("test accuracy\nbest - worst", justify="right", no_wrap=True)
    for entry in summary.values():
        table.add_row(
            entry["label"],
            describe_choice(entry),
            _cell(entry["final_train_loss"], ".4f"),
            _cell(entry["final_test_accuracy"], ".1%"),
        )
    return table


def _cell(spread: dict[str, float] | None, form: str) -> str:
    if spread is None:
        return "-"
    best, worst = f"{spread['best']:{form}}", f"{spread['worst']:{form}}"
    return f"{spread['mean']:{form}}\n{best} - {worst}"
