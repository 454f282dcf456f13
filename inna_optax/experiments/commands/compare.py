"""Comparisons: a search for each entry, several seeds of the best, a summary."""

import functools
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.figures import COMPARISONS
from inna_optax.experiments.catalogue.protocols import (
    Entry,
    epochs_for,
    search_epochs_for,
)
from inna_optax.experiments.catalogue.schedules import Schedule
from inna_optax.experiments.claims.standing import in_words
from inna_optax.experiments.commands.verdicts import print_claims
from inna_optax.experiments.figures.comparison import (
    describe_choice,
    describe_scale,
    draw_comparisons,
    is_at_the_edge,
)
from inna_optax.experiments.figures.sensitivity import draw_sensitivity
from inna_optax.experiments.figures.style import save
from inna_optax.experiments.running.folders import output_folder
from inna_optax.experiments.running.grid import Grid, Point, train_points
from inna_optax.experiments.running.progress import progress_bar
from inna_optax.experiments.running.provenance import provenance
from inna_optax.experiments.running.records import METRICS, RunRecord, has_diverged
from inna_optax.experiments.running.setting import Setting, program_for
from inna_optax.experiments.running.stopping import stop_signals
from inna_optax.experiments.running.terminal import Console
from inna_optax.training import Program, write_json
from inna_optax.training.checkpoints import FORMAT

SUMMARY, SEARCH, RUNS = "summary.json", "search", "runs"
UNFINISHED = "unfinished"
Summary = dict[str, Any]


def compare(
    setting: Setting,
    entries: Sequence[Entry],
    changes: Mapping[str, Any],
    *,
    seeds: int,
    together: int | None,
    out: pathlib.Path | None,
    resume: bool,
    command: Sequence[str],
) -> pathlib.Path:
    """Compares optimizers on a problem; returns the folder of records and picture.

    `changes` is what the entries and the problem have otherwise than the protocol, and
    `command` is what the user typed: both for the summary.  With `resume` the runs that
    are in `out` are not made again.
    """
    console = Console()
    name = f"compare-{setting.problem.name}"
    total = images_of(setting, entries, seeds)
    with output_folder(out, name, SUMMARY, SEARCH, RUNS, resume=resume) as folder:
        with (
            stop_signals(folder) as stop,
            progress_bar(setting.problem.name, total) as bar,
        ):
            grid = Grid(setting, folder / UNFINISHED, bar, stop, together)
            summary = run_comparison(grid, entries, seeds=range(seeds), folder=folder)
        summary["changes"] = dict(changes)
        write_json(folder / SUMMARY, {**summary, **provenance(command)})
        (picture, *_) = save(draw_comparisons([summary]), folder, "comparison")
        save(draw_sensitivity([summary]), folder, "sensitivity")
    print_summary(console, summary)
    console.print(f"Picture: {picture}", soft_wrap=True)
    console.print(
        f"Records: {folder / SUMMARY}, {folder / SEARCH}, {folder / RUNS}",
        soft_wrap=True,
    )
    return folder


def compare_problems(
    number: str,
    scale: str,
    settings: Mapping[str, Setting],
    entries: Mapping[str, Sequence[Entry]],
    changes: Mapping[str, Any],
    *,
    seeds: Mapping[str, int],
    together: int | None,
    out: pathlib.Path | None,
    resume: bool,
    command: Sequence[str],
) -> None:
    """Trains the networks of a figure, each problem in a folder of its own.

    `settings`, `entries` and `seeds` are by problem; for the rest see `compare`.

    Raises:
      Stopped: if a stop was requested; the finished runs are on disk.
    """
    stem = f"figure-{number}"
    total = sum(
        images_of(setting, entries[name], seeds[name])
        for name, setting in settings.items()
    )
    record_name = f"{stem}.json"
    with output_folder(out, stem, record_name, *settings, resume=resume) as folder:
        with stop_signals(folder) as stop, progress_bar(stem, total) as bar:
            summaries = {
                name: run_comparison(
                    Grid(setting, folder / name / UNFINISHED, bar, stop, together),
                    entries[name],
                    seeds=range(seeds[name]),
                    folder=folder / name,
                )
                for name, setting in settings.items()
            }
        left_out = [x for x in COMPARISONS[number].problems if x not in summaries]
        for summary in summaries.values():
            summary["changes"] = dict(changes)
            summary["left_out"] = left_out  # of the figure: its pictures say so
        record = folder / record_name
        result = {"figure": number, "scale": scale, "problems": summaries}
        write_json(record, {**result, **provenance(command)})
        written = json.loads(record.read_text(encoding="utf-8"))
        shown_problems = list(written["problems"].values())
        draw = COMPARISONS[number].load().draw_comparisons
        paths = save(draw(shown_problems), folder, stem)
        paths += save(draw_sensitivity(shown_problems), folder, f"{stem}-sensitivity")
    console = Console()
    for summary in written["problems"].values():
        print_summary(console, summary)
    print_claims(console, record_name, written)
    for path in (*paths, record):
        console.print(str(path), soft_wrap=True)


def images_of(setting: Setting, entries: Sequence[Entry], seeds: int) -> int:
    """Of how many images a comparison computes gradients."""
    per_pass = setting.facts.train_examples // setting.batch_size
    total = 0
    for entry in entries:
        uses = setting.uses_per_batch(entry.optimizer)
        protocol = setting.problem.protocol
        search = search_epochs_for(protocol, setting.epochs, uses)
        searched = len(entry.grid) * min(protocol.search_seeds, seeds)
        passes = searched * search + seeds * epochs_for(setting.epochs, uses)
        total += passes * per_pass * uses * setting.batch_size
    return total


def run_comparison(
    grid: Grid,
    entries: Sequence[Entry],
    *,
    seeds: Sequence[int],
    folder: pathlib.Path,
) -> Summary:
    """Runs what is not in `folder` yet, and sums up all.

    Raises:
      Stopped: if a stop was requested; the finished runs are in `folder`.
      UserError: if a file in `folder` is of another comparison.
    """
    setting = grid.setting
    problem, (train, test) = setting.problem, setting.whole

    # One for all runs that differ in hyperparameters only: it compiles once.
    @functools.cache
    def program_of(optimizer: str, schedule: Schedule | None) -> Program:
        return program_for(setting, CONTENDERS[optimizer], schedule)

    optimizers = {}
    for entry in entries:
        grid.bar.describe(f"{setting.problem.name}: {entry.label}")
        optimizers[entry.name] = _run_entry(grid, entry, program_of, seeds, folder)
    return {
        "format": FORMAT,
        **setting.describe(),
        "title": _title(setting),
        "objective": problem.objective,
        "epochs": setting.epochs,
        "seeds": list(seeds),
        "each_batch_twice": setting.each_batch_twice,
        "published": {
            "epochs": problem.paper.epochs,
            "seeds": problem.paper.seeds,
            "train_examples": train,
            "test_examples": test,
            "batch_size": problem.batch_size,
        },
        "optimizers": optimizers,
    }


def _title(setting: Setting) -> str:
    problem = setting.problem
    number = f"({problem.name}) " if len(problem.name) == 1 else ""
    note = f" ({setting.data_note})" if setting.data_note else ""
    return f"{number}{setting.title}{note}\n{problem.title}"


def _run_entry(
    grid: Grid,
    entry: Entry,
    program_of: Callable[[str, Schedule | None], Program],
    seeds: Sequence[int],
    folder: pathlib.Path,
) -> dict[str, Any]:
    """The entry's part of the summary."""
    setting, protocol = grid.setting, grid.setting.problem.protocol
    uses = setting.uses_per_batch(entry.optimizer)
    search_epochs = search_epochs_for(protocol, setting.epochs, uses)
    epochs = epochs_for(setting.epochs, uses)

    def train(
        grid: Grid,
        points: Sequence[tuple[Mapping[str, float], int, pathlib.Path]],
        epochs: int,
    ) -> list[RunRecord]:
        schedule = entry.schedule and entry.schedule.over(epochs)
        program = program_of(entry.optimizer.name, schedule)
        runs = [
            Point(
                RunRecord(grid.setting, entry.optimizer, schedule, values, seed), path
            )
            for values, seed, path in points
        ]
        return train_points(grid, program, runs, epochs)

    values, search_seeds = entry.grid, seeds[: protocol.search_seeds]
    points = [
        (value, seed, folder / SEARCH / f"{entry.name}-{i:02d}-{seed}.json")
        for i, value in enumerate(values)
        for seed in search_seeds
    ]
    searched = train(grid._replace(setting=setting.for_search()), points, search_epochs)
    shape = (len(values), -1)
    losses = np.array([late_mean(run, "train_loss") for run in searched])
    losses = losses.reshape(shape)
    scores = np.array([score(run, protocol.judged_by) for run in searched])
    scores = scores.reshape(shape).mean(axis=1)
    accuracies = np.array([run.history[-1]["test_accuracy"] for run in searched])
    # A value with a run that diverged loses; it does not end the search.
    chosen = values[int(np.argmin(np.where(np.isfinite(scores), scores, np.inf)))]
    runs = train(
        grid,
        [(chosen, s, folder / RUNS / f"{entry.name}-{s}.json") for s in seeds],
        epochs,
    )
    finals = [run.history[-1] for run in ended(runs)]
    return {
        "label": entry.label,
        "optimizer": entry.optimizer.name,
        "hyperparameters": chosen,
        "decay": searched[0].identity()["decay"],
        "searched": entry.searched,
        **({"ranges": dict(entry.ranges)} if entry.ranges else {}),
        "judged_by": protocol.judged_by,
        "search": [
            {
                "hyperparameters": value,
                "train_loss": mean,
                "by_seed": by_seed,
                "score": value_of,
                "test_accuracy": accuracy,
            }
            for value, mean, by_seed, value_of, accuracy in zip(
                values,
                losses.mean(axis=1).tolist(),
                losses.tolist(),
                scores.tolist(),
                accuracies.reshape(losses.shape).tolist(),
                strict=True,
            )
        ],
        "search_epochs": search_epochs,
        "search_seeds": list(search_seeds),
        "epochs": epochs,
        "gradient_evaluations": max(
            run.history[-1]["gradient_evaluations"] for run in runs
        ),
        "diverged": len(runs) - len(finals),
        "final_train_loss": _spread(finals, "train_loss", min, max),
        "final_train_data_loss": _spread(finals, "train_data_loss", min, max),
        "final_test_loss": _spread(finals, "test_data_loss", min, max),
        "final_test_accuracy": _spread(finals, "test_accuracy", max, min),
        "seconds": sum(run.history[-1]["seconds"] for run in (*searched, *runs)),
        "curves": curves_of(runs),
    }


def score(run: RunRecord, judged_by: str) -> float:
    """What a search makes smallest: see `Protocol.judged_by`; infinite if diverged."""
    loss = late_mean(run, "train_loss")
    if judged_by == "training" or not np.isfinite(loss):
        return loss
    if run.history[-1]["test_accuracy"] is None:
        return late_mean(run, "test_data_loss")
    return 1 - late_mean(run, "test_accuracy")


def late_mean(run: RunRecord, metric: str) -> float:
    """The mean of a metric over the last tenth of a run's epochs, of one row at least.

    Infinite if the run diverged.
    """
    last = run.history[-1]["epoch"]
    late = [row[metric] for row in run.history if row["epoch"] > 0.9 * last]
    mean = float(np.mean(late))
    return mean if np.isfinite(mean) else np.inf


def ended(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs that did not diverge."""
    return [run for run in runs if not has_diverged(run.history)]


def _spread(
    finals: Sequence[Mapping[str, Any]],
    metric: str,
    best: Callable[[Any], Any],
    worst: Callable[[Any], Any],
) -> dict[str, Any] | None:
    """Mean, best and worst; None if there is no seed or the metric is not measured."""
    values = [row[metric] for row in finals]
    if not values or None in values:
        return None
    return {
        "mean": float(np.mean(values)),
        "best": best(values),
        "worst": worst(values),
        "by_seed": values,
    }


def curves_of(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Mean, smallest and largest value at each epoch, over the runs that ended.

    If none did: over all, at each epoch that every run reached.
    """
    rows = list(zip(*(run.history for run in ended(runs) or runs), strict=False))
    curves: dict[str, Any] = {
        "gradient_evaluations": [row[0]["gradient_evaluations"] for row in rows]
    }
    for metric in METRICS:
        if rows[0][0][metric] is None:
            continue
        values = np.array([[run[metric] for run in row] for row in rows], float)
        curves[metric] = {
            "mean": values.mean(axis=1),
            "smallest": values.min(axis=1),
            "largest": values.max(axis=1),
        }
    return curves


def print_summary(console: Console, summary: Summary) -> None:
    """Prints a comparison's table, who is ahead, and whose grid was too narrow."""
    console.print(summary_table(summary))
    for line in in_words(summary):
        console.print(line[0].upper() + line[1:], highlight=False)
    narrow = [
        entry["label"]
        for entry in summary["optimizers"].values()
        if is_at_the_edge(entry) and "ranges" not in entry
    ]
    if narrow:
        console.print(
            f"At the edge of the grid: {'; '.join(narrow)}. --rate-factor searches"
            " beyond it.",
            highlight=False,
        )


def summary_table(summary: Summary) -> Table:
    """One row an entry, as it is printed at the end."""
    caption = describe_scale(summary)
    table = Table(title=summary["title"], caption=caption, show_lines=True)
    table.add_column("optimizer")
    table.add_column("chosen")
    table.add_column("training loss\nbest - worst", justify="right", no_wrap=True)
    table.add_column("test accuracy\nbest - worst", justify="right", no_wrap=True)
    for entry in summary["optimizers"].values():
        table.add_row(
            entry["label"],
            describe_choice(entry),
            _cell(entry["final_train_loss"], ".4g"),
            _cell(entry["final_test_accuracy"], ".1%"),
        )
    return table


def _cell(spread: Mapping[str, Any] | None, form: str) -> str:
    if spread is None:
        return "-"
    best, worst = f"{spread['best']:{form}}", f"{spread['worst']:{form}}"
    return f"{spread['mean']:{form}}\n{best} - {worst}"
