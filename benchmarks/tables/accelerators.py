"""What an update costs on accelerators, counted in what XLA compiles."""

from collections.abc import Iterable

from .common import layout, read

CHIPS = ("H100", "v5e", "v6e")
NAMES = {"H100": "H100", "v5e": "TPU v5e", "v6e": "TPU v6e"}
FLOAT32, BFLOAT16 = "float32", "bfloat16"


def accelerators(leaves: int = 16) -> str:
    """Each optimizer's words and temporaries, and how long the words take."""
    record = read("accelerators")
    found = _rows(record, leaves, FLOAT32)
    columns = ["optimizer", *(NAMES[chip] for chip in CHIPS)]
    columns += [f"{NAMES[chip]}: time" for chip in CHIPS] + ["temporaries"]
    rows = []
    for name in _names(found):
        chosen = [found[chip, name] for chip in CHIPS]
        words = [f"{row['words']:.3g}" for row in chosen]
        times = [f"{row['microseconds'] / 1e3:.2f} ms" for row in chosen]
        temporaries = max(row["temporary_words"] for row in chosen)
        rows.append(" | ".join([f"`{name}`", *words, *times, f"{temporaries:.1f} P"]))
    return counted(" | ".join(columns), rows, record)


def kernels() -> str:
    """How many kernels a GPU starts for more and more leaves, and what they move."""
    record = read("accelerators")
    one, some, many = (_rows(record, n, FLOAT32) for n in (1, 16, 400))
    columns = (
        "optimizer | kernels: 1 leaf | 16 leaves | 400 leaves | words: 1 leaf"
        " | 400 leaves | 400 leaves on the TPU v5e"
    )
    rows = []
    for name in _names(one):
        cells = [f"`{name}`"]
        cells += [_cell(found, "H100", name, "kernels") for found in (one, some, many)]
        cells += [_cell(found, "H100", name, "words") for found in (one, many)]
        cells.append(_cell(many, "v5e", name, "words"))
        rows.append(" | ".join(cells))
    return counted(columns, rows, record)


def bfloat16() -> str:
    """Params in bfloat16, beside the same in float32: one leaf."""
    record = read("accelerators")
    narrow, wide = (_rows(record, 1, dtype) for dtype in (BFLOAT16, FLOAT32))
    columns = ["optimizer", *(NAMES[chip] for chip in CHIPS), "kernels on the H100"]
    rows = []
    for name in _names(narrow):
        words = [f"{narrow[chip, name]['words']:.3g}" for chip in CHIPS]
        kernels = f"{narrow['H100', name]['kernels']:.0f}"
        if ("H100", name) in wide:
            kernels += f" (float32: {wide['H100', name]['kernels']:.0f})"
        rows.append(" | ".join([f"`{name}`", *words, kernels]))
    return counted(" | ".join(columns), rows, record)


def counted(columns: str, rows: Iterable[str], record: dict) -> str:
    """A table with the origin of its record below it: what compiled, not where."""
    versions = ", ".join(f"{name} {v}" for name, v in record["versions"].items())
    # Options say only which part of the record was made last.
    command = record["command"].partition(" --")[0]
    origin = f"`{command}`, {record['date']}, compiled without the chips"
    return f"{layout(columns, rows)}\n\n{origin}; {versions}."


def _rows(record: dict, leaves: int, dtype: str) -> dict[tuple[str, str], dict]:
    return {
        (row["chip"], row["optimizer"]): row
        for row in record["results"]
        if row["leaves"] == leaves and row["dtype"] == dtype
    }


def _cell(found: dict, chip: str, name: str, key: str) -> str:
    row = found.get((chip, name))
    digits = {"words": 3, "kernels": 4}[key]
    return f"{row[key]:,.{digits}g}" if row else "-"


def _names(found: Iterable[tuple[str, str]]) -> list[str]:
    return [name for chip, name in found if chip == CHIPS[0]]
