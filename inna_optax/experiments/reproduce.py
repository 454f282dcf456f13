"""The commands `inna-optax figure` and `inna-optax table`."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from rich.console import Console
from rich.table import Table

from inna_optax.experiments.compare import images_of, run_comparison, summary_table
from inna_optax.experiments.experiment import Setting, provenance
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.comparison import draw_comparisons
from inna_optax.experiments.figures.registry import COMPARISONS, FIGURES
from inna_optax.experiments.folders import new_folder
from inna_optax.experiments.problems import PROBLEMS
from inna_optax.experiments.progress import progress_bar
from inna_optax.experiments.stopping import stop_signals
from inna_optax.experiments.tables import table_3_1
from inna_optax.training import write_json

TABLES = {"3.1": table_3_1}


def figure(
    number: str, scale: str, out: pathlib.Path | None, command: Sequence[str]
) -> None:
    """Computes a figure in double precision, writes its numbers, then draws them."""
    stem = f"figure-{number}"
    record = new_folder(out, stem, f"{stem}.json") / f"{stem}.json"
    jax.config.update("jax_enable_x64", True)
    module = FIGURES[number].load()
    with Console(stderr=True).status(f"figure {number}: {FIGURES[number].title}"):
        result = {"figure": number, "scale": scale, **module.compute(scale)}
        write_json(record, result | provenance(command))
        # From the file: the picture shows what was written, and nothing else.
        written = json.loads(record.read_text())
        paths = style.save(module.draw(written), record.parent, stem)
    console = Console()
    table = Table("reading", "value", title=f"figure {number}: {FIGURES[number].title}")
    for name, value in written["readings"].items():
        table.add_row(name.replace("_", " "), _cell(value))
    console.print(table)
    for path in (*paths, record):
        console.print(str(path), soft_wrap=True)


def comparison(
    number: str,
    scale: str,
    settings: Mapping[str, Setting],
    out: pathlib.Path | None,
    resume: bool,
    command: Sequence[str],
) -> None:
    """Trains the networks of a figure, each problem in a folder of its own.

    With `resume` the runs that are in `out` are not made again.

    Raises:
      Stopped: if an end was asked for; the finished runs are on disk.
    """
    shown, stem = COMPARISONS[number], f"figure-{number}"
    seeds = {name: getattr(PROBLEMS[name], scale).seeds for name in settings}
    entries = {name: shown.entries(PROBLEMS[name].protocol) for name in settings}
    folder = out if resume and out else new_folder(out, stem, f"{stem}.json", *settings)
    total = sum(
        images_of(setting, entries[name], seeds[name])
        for name, setting in settings.items()
    )
    with stop_signals(folder) as stop, progress_bar(stem, total) as bar:
        summaries = {
            name: run_comparison(
                setting,
                entries[name],
                seeds=range(seeds[name]),
                folder=folder / name,
                bar=bar,
                stop=stop,
            )
            for name, setting in settings.items()
        }
    record = folder / f"{stem}.json"
    result = {"figure": number, "scale": scale, "problems": summaries}
    write_json(record, {**result, **provenance(command)})
    written = json.loads(record.read_text())
    paths = style.save(
        draw_comparisons(list(written["problems"].values())), folder, stem
    )
    console = Console()
    for summary in written["problems"].values():
        console.print(summary_table(summary))
    for path in (*paths, record):
        console.print(str(path), soft_wrap=True)


def table(number: str, out: pathlib.Path | None, command: Sequence[str]) -> None:
    """Computes a table in double precision, writes and prints it."""
    stem = f"table-{number}"
    record = new_folder(out, stem, f"{stem}.json") / f"{stem}.json"
    jax.config.update("jax_enable_x64", True)
    result: Mapping[str, Any] = TABLES[number].compute()
    write_json(record, {**result, **provenance(command)})
    console = Console()
    headers = TABLES[number].HEADERS
    shown = Table(*headers.values(), title=f"table {number}")
    for row in result["rows"]:
        cells = (_cell(row[name]) for name in headers)
        shown.add_row(*(c.replace("_", " ").replace("alpha*beta", "αβ") for c in cells))
    console.print(shown)
    console.print(f"{result['seconds']:.2f} s, escape: {result['escape']}")
    console.print(str(record), soft_wrap=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str | bool | int):
        return str(value)
    return f"{value:.4g}"
