"""Records: JSON and CSV files that are either whole or not there."""

import contextlib
import csv
import io
import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inna_optax.training.arguments import as_path, check_type


def plain(value: Any) -> Any:
    """`value` as JSON has it; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):  # NumPy and JAX arrays and scalars
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def first_difference(
    found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> tuple[str, Any, Any] | None:
    """The first of the wanted keys that `found` has otherwise; None if there is none.

    With both values; what else `found` holds is not looked at.
    """
    found, wanted = plain(found), plain(wanted)
    for key in wanted:
        if found.get(key) != wanted.get(key):
            return key, found.get(key), wanted.get(key)
    return None


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file beside `path` to write, which is then renamed: old or new after a kill.

    And a part of the new one at worst, where the next attempt writes again.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:  # which does not always name the file
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def _write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_json(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Writes `record` to `path`; numbers that are not finite become null.

    Raises:
      TypeError: if `path` is not a path, or `record` not a mapping to what JSON has.
      OSError: if it cannot be written.
    """
    path = as_path("path", path)
    check_type("record", record, Mapping)
    _write(path, json.dumps(plain(record), indent=2, allow_nan=False) + "\n")


def append_history(
    path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Appends rows to the history at `path`, which :func:`write_history` wrote.

    What was written survives the process, however it ends.

    Raises:
      TypeError: if `path` is not a path.
      ValueError: if there are no rows.
      OSError: if it cannot be written.
    """
    path = as_path("path", path)
    if not rows:
        raise ValueError(f"rows must be at least one, got {rows!r}.")
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(_csv(rows, header=False))


def _csv(rows: Sequence[Mapping[str, Any]], *, header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(plain(row) for row in rows)
    return text.getvalue()


def write_history(
    path: str | os.PathLike[str], history: Sequence[Mapping[str, Any]]
) -> None:
    """Writes a history, a list of rows with the same keys, as CSV to `path`.

    Raises:
      TypeError: if `path` is not a path.
      ValueError: if the history has no rows, or one has a key that the first has not.
      OSError: if it cannot be written.
    """
    path = as_path("path", path)
    if not history:
        raise ValueError(f"history must have at least one row, got {history!r}.")
    _write(path, _csv(history, header=True))
