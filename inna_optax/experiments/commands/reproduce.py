"""The figures and tables of the papers that train no network."""

import contextlib
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from rich.table import Table

from inna_optax.experiments.catalogue.figures import FIGURES, TABLES
from inna_optax.experiments.commands.verdicts import print_claims
from inna_optax.experiments.figures import style
from inna_optax.experiments.running.folders import output_folder
from inna_optax.experiments.running.provenance import provenance
from inna_optax.experiments.running.terminal import Console
from inna_optax.training import write_json


def figure(
    number: str, scale: str, out: pathlib.Path | None, command: Sequence[str]
) -> None:
    """Computes a figure in double precision, writes its numbers, then draws them."""
    stem = f"figure-{number}"
    module = FIGURES[number].load()
    with (
        output_folder(out, stem, f"{stem}.json") as folder,
        _double_precision(),
        # A spinner in ASCII, for every terminal.
        Console(stderr=True).status(
            f"figure {number}: {FIGURES[number].title}", spinner="line"
        ),
    ):
        record = folder / f"{stem}.json"
        result = {"figure": number, "scale": scale, **module.compute(scale)}
        write_json(record, result | provenance(command))
        # From the file: the picture shows what was written, and nothing else.
        written = json.loads(record.read_text(encoding="utf-8"))
        paths = style.save(module.draw(written), record.parent, stem)
    console = Console()
    table = Table("reading", "value", title=f"figure {number}: {FIGURES[number].title}")
    for name, value in written["readings"].items():
        table.add_row(name.replace("_", " "), _cell(value))
    console.print(table)
    print_claims(console, record.name, written)
    for path in (*paths, record):
        console.print(str(path), soft_wrap=True)


def table(number: str, out: pathlib.Path | None, command: Sequence[str]) -> None:
    """Computes a table in double precision, writes and prints it."""
    stem, module = f"table-{number}", TABLES[number].load()
    with output_folder(out, stem, f"{stem}.json") as folder, _double_precision():
        record = folder / f"{stem}.json"
        result: Mapping[str, Any] = module.compute()
        write_json(record, {**result, **provenance(command)})
    console = Console()
    headers = module.HEADERS
    shown = Table(*headers.values(), title=f"table {number}")
    for row in result["rows"]:
        cells = (_cell(row[name]) for name in headers)
        shown.add_row(*(c.replace("_", " ").replace("alpha*beta", "αβ") for c in cells))
    console.print(shown)
    console.print(f"{result['seconds']:.2f} s, escape: {result['escape']}")
    print_claims(console, record.name, dict(result))
    console.print(str(record), soft_wrap=True)


@contextlib.contextmanager
def _double_precision() -> Iterator[None]:
    before = jax.config.read("jax_enable_x64")
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str | bool | int):
        return str(value)
    return f"{value:.4g}"
