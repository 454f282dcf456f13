"""What many devices keep and send: devices.json."""

from .common import measured, read


def devices() -> str:
    record = read("devices")
    columns = (
        "problem | mesh | parameters and state | data | temporaries"
        " | an update's collectives"
    )
    rows = []
    for row in record["results"]:
        mesh = ", ".join(f"{axis}={size}" for axis, size in row["mesh"].items())
        sizes = [
            f"{row[key] / 2**20:.1f} MiB"
            for key in ("run_bytes", "data_bytes", "temporary_bytes")
        ]
        sent = "; ".join(
            f"{count} {kind}, {size / 2**20:.2f} MiB"
            for kind, (count, size) in row["collectives"].items()
        )
        rows.append(" | ".join([f"`{row['problem']}`", mesh, *sizes, sent or "none"]))
    paper = [
        "| optimizer | state at 1B | at 70B | sent a mini-batch at 1B | at 70B |",
        "|---|---|---|---|---|",
        *(
            f"| `{row['optimizer']}` | {row['state_bytes_1B'] / 1e9:.0f} GB"
            f" | {row['state_bytes_70B'] / 1e9:,.0f} GB"
            f" | {row['sent_bytes_1B'] / 1e9:.1f} GB"
            f" | {row['sent_bytes_70B'] / 1e9:,.0f} GB |"
            for row in record["on_paper"]
        ),
    ]
    return "\n".join(
        [
            measured(columns, rows, record),
            "",
            "On paper, for 1 and 70 billion float32 parameters: the state of all"
            " devices together, and what each of"
            f" {record['ring']} devices in a ring sends when the mini-batch is split"
            " over them, 2 (N - 1)/N times the gradient an evaluation (two a"
            " mini-batch for Step-Tuned SGD; half as much with bfloat16 gradients):",
            "",
            *paper,
        ]
    )
