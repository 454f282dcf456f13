"""Grids of runs together or one by one: sweep.json, and on a GPU sweep_gpu.json."""

from .common import measured, read, spread


def sweep() -> str:
    """The ratio of the times, for each network and number of runs at a time."""
    record = read("sweep")
    sizes = _sizes(record)
    columns = "network | runs | " + " | ".join(
        f"{size} at a time / one after another" for size in sizes
    )
    rows = (
        f"`{row['problem']}` | {row['runs']} | " + " | ".join(_ratios(row, sizes))
        for row in record["results"]
    )
    return measured(columns, rows, record)


def on_gpu() -> str:
    """The same on a GPU, with the length of the runs and how far the losses differ."""
    record = read("sweep_gpu")
    sizes = _sizes(record)
    columns = " | ".join(
        [
            "network | runs | updates of each | one after another",
            *(f"{size} at a time / one after another" for size in sizes),
            "largest relative difference of the losses",
        ]
    )
    rows = []
    for row in record["results"]:
        together = row["together"]
        apart = max(together[size]["largest_relative_difference"] for size in sizes)
        cells = [
            f"`{row['problem']}`",
            f"{row['runs']}",
            f"{row['updates']}",
            f"{together['1']['seconds']:.2f} s",
            *_ratios(row, sizes),
            f"{apart:.1%}",
        ]
        rows.append(" | ".join(cells))
    return measured(columns, rows, record)


def _sizes(record: dict) -> list[str]:
    """How many runs are trained at a time, where it is more than one."""
    return [size for size in record["results"][0]["together"] if size != "1"]


def _ratios(row: dict, sizes: list[str]) -> list[str]:
    return [spread(row["together"][size]["over_one_after_another"]) for size in sizes]
