"""The command `inna-optax plot`: pictures of what is there already."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from inna_optax.experiments.catalogue.figures import COMPARISONS, FIGURES
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.figures.comparison import draw_comparisons
from inna_optax.experiments.figures.runs import draw_runs
from inna_optax.experiments.figures.sensitivity import draw_sensitivity
from inna_optax.experiments.figures.style import save
from inna_optax.experiments.running.folders import output_folder
from inna_optax.experiments.running.records import read_record
from inna_optax.experiments.running.stored import RECORD
from inna_optax.experiments.running.terminal import Console

SUMMARY = "summary.json"


def plot(folders: Sequence[pathlib.Path], out: pathlib.Path | None) -> None:
    """Draws each comparison and figure again, and all runs in one picture.

    Raises:
      UserError: if a folder holds no record that can be drawn.
    """
    pictures: dict[str, Any] = {}
    runs = []
    for folder in folders:
        if (folder / RECORD).exists():
            runs.append((folder.name, read_record(folder / RECORD)))
        else:
            pictures |= _pictures_of(folder)
    if runs:
        pictures["runs"] = draw_runs(runs)
    names = (f"{stem}.png" for stem in pictures)
    with output_folder(out, "plot", *names) as place:
        paths = [
            p for stem, drawn in pictures.items() for p in save(drawn, place, stem)
        ]
    console = Console()
    for path in paths:
        console.print(str(path), soft_wrap=True)


def _pictures_of(folder: pathlib.Path) -> dict[str, Any]:
    """The pictures of a comparison's or of figures' records, by their names."""
    if (folder / SUMMARY).exists():
        summary = _read(folder / SUMMARY)
        name = f"comparison-{summary['problem']}"
        drawn = {name: draw_comparisons([summary])}
        if _has_a_search(summary):
            drawn[f"{name}-sensitivity"] = draw_sensitivity([summary])
        return drawn
    drawn = {}
    for path in sorted(folder.glob("figure-*.json")):
        record = _read(path)
        number = record["figure"]
        if number in FIGURES:
            drawn[path.stem] = FIGURES[number].load().draw(record)
        elif number in COMPARISONS:
            draw = COMPARISONS[number].load().draw_comparisons
            summaries = list(record["problems"].values())
            drawn[path.stem] = draw(summaries)
            if all(map(_has_a_search, summaries)):
                drawn[f"{path.stem}-sensitivity"] = draw_sensitivity(summaries)
    if not drawn:
        raise UserError(
            f"{folder} holds no record that can be drawn: {RECORD}, {SUMMARY} or"
            " figure-NUMBER.json"
        )
    return drawn


def _has_a_search(summary: Mapping[str, Any]) -> bool:
    """Whether the search is recorded by seed, as it is since format 1."""
    return all("search_seeds" in entry for entry in summary["optimizers"].values())


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        record["figure" if path.stem.startswith("figure") else "optimizers"]  # is there
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a record that can be drawn.") from error
    return record
