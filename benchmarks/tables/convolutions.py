"""Convolutions beside PyTorch: convolutions.json."""

from .common import measured, pytorch, read


def convolutions() -> str:
    record = read("convolutions")
    columns = (
        "convolution | in a step | forward | by images | by kernel | floor of each"
    )
    rows = []
    for row in record["results"]:
        kind = (
            f"{row['network']}: {row['size']}x{row['size']}, {row['channels']} to"
            f" {row['features']}, {row['window']}x{row['window']}"
        )
        kind += f", stride {row['stride']}" if row["stride"] > 1 else ""
        times = [f"{t['jax']:.1f} / {t['torch']:.1f}" for t in row["parts"].values()]
        floor = f"{row['floor_milliseconds']:.1f}"
        rows.append(" | ".join([kind, str(row["count"]), *times, floor]))
    rate = record["operations_a_second"] / 1e9
    return (
        f"Milliseconds at batch {record['batch_size']}, the zoo's / PyTorch"
        f" {pytorch(record)}'s; the floor at {rate:.0f} GFLOP/s of a large product:"
        f"\n\n{measured(columns, rows, record)}"
    )
