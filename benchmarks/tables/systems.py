"""What whole systems of accelerators keep and send: systems.json."""

from .accelerators import counted
from .common import read


def training_steps() -> str:
    """The engine's training step on meshes."""
    record = read("systems")
    columns = (
        "problem | devices | mesh | batch | data | params and state"
        " | temporaries | an update's collectives"
    )
    rows = []
    for row in record["training_steps"]:
        mesh = ", ".join(f"{axis}={size}" for axis, size in row["mesh"].items())
        kept = row["argument_bytes"] - row["data_bytes"]
        cells = [
            f"`{row['problem']}`",
            f"{row['devices']} {row['chip']}",
            mesh,
            f"{row['batch_size']}",
            *map(_mib, (row["data_bytes"], kept, row["temporary_bytes"])),
            _sent(row),
        ]
        rows.append(" | ".join(cells))
    return counted(columns, rows, record)


def sharded_updates() -> str:
    """One update of billions of parameters, fully sharded."""
    record = read("systems")
    columns = (
        "optimizer | words | params, state and gradient | temporaries | collectives"
        " | compiles in"
    )
    rows = []
    for row in record["sharded_updates"]:
        cells = [
            f"`{row['optimizer']}`",
            f"{row['words']:.2f}",
            *map(_mib, (row["argument_bytes"], row["temporary_bytes"])),
            _sent(row),
            f"{row['compile_seconds']:.0f} s",
        ]
        rows.append(" | ".join(cells))
    first = record["sharded_updates"][0]
    what = (
        f"{first['params'] / 1e9:.1f} billion float32 parameters in"
        f" {first['leaves']} leaves on {first['devices']} {first['chip']} chips; bytes"
        " are those of a chip:"
    )
    return f"{what}\n\n{counted(columns, rows, record)}"


def together() -> str:
    """The training step of many runs as one program."""
    record = read("systems")
    columns = (
        "chip | runs | kernels of one update of all | moved for a run"
        " | operations for a run | temporaries for a run"
    )
    rows = []
    for row in record["together"]:
        operations = row["operations"]
        cells = [
            row["chip"],
            f"{row['runs']}",
            f"{row['kernels']:.0f}",
            _mib(row["bytes"]),
            f"{operations / 1e6:,.0f} million" if operations else "-",
            _mib(row["temporary_bytes"] / row["runs"]),
        ]
        rows.append(" | ".join(cells))
    return counted(columns, rows, record)


def transformer() -> str:
    """The training step of a transformer by several optimizers."""
    record = read("systems")
    columns = (
        "chip | optimizer | kernels of one update | moved | params and state"
        " | temporaries"
    )
    rows = []
    for row in record["transformer"]:
        cells = [
            row["chip"],
            f"`{row['optimizer']}`",
            f"{row['kernels']:.0f}",
            *map(_mib, (row["bytes"], row["in_place_bytes"], row["temporary_bytes"])),
        ]
        rows.append(" | ".join(cells))
    return counted(columns, rows, record)


def _mib(size: float) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _sent(row: dict) -> str:
    sent = (
        f"{count} {kind}, {size / 2**20:.2f} MiB"
        if size >= 2**12
        else f"{count} {kind}, {size} bytes"
        for kind, (count, size) in row["collectives"].items()
    )
    return "; ".join(sent) or "none"
