"""What the tables share: records are read, rows are laid out, origins are told."""

import json
import pathlib
import re
from collections.abc import Iterable

RESULTS = pathlib.Path(__file__).parents[1] / "results"
PAPERS = RESULTS / "papers"


def read(name: str) -> dict:
    """The record `name`.json of benchmarks/results."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def spread(values: Iterable[float]) -> str:
    """A median with its quartiles."""
    return "{:.2f} ({:.2f} to {:.2f})".format(*values)


def layout(columns: str, rows: Iterable[str]) -> str:
    """A Markdown table; cells are separated by ` | `."""
    rule = "|" + "---|" * len(columns.split(" | "))
    return "\n".join([f"| {columns} |", rule, *(f"| {row} |" for row in rows)])


def measured(columns: str, rows: Iterable[str], record: dict) -> str:
    """A table with the origin of its record below it."""
    return f"{layout(columns, rows)}\n\n{provenance(record)}"


def provenance(record: dict) -> str:
    """The command, the day, the machine, the versions, and the record's own note."""
    known = dict(record["versions"])
    if version := pytorch(record):
        known["torch"] = version
    versions = ", ".join(f"{name} {version}" for name, version in known.items())
    command = re.sub(r"--data-dir \S+", "--data-dir DIR", record["command"])
    note = f" ({record['note']})" if "note" in record else ""
    return (
        f"`{command}`, {record['date']}, measured on {record['machine']}{note};"
        f" {versions}."
    )


def pytorch(record: dict) -> str | None:
    """The version of PyTorch that was measured, None if none was.

    It stands among the versions, in older records under a key of its own.
    """
    return record["versions"].get("torch") or record.get("pytorch")
