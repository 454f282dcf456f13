"""What grows in a long process: soak.json."""

from .common import measured, read


def soak() -> str:
    record = read("soak")
    run, calls, library = record["run"], record["calls"], record["library"]
    # Older runs stored a checkpoint after each epoch.
    checkpoints = run.get("checkpoints", run["epochs"])
    by_checkpoint = (
        run["slopes_per_1000_updates"]["resident_kib"]
        * run["updates"]
        / checkpoints
        / 1000
    )
    cases = (
        (
            f"one run: {run['updates']:,} updates, {checkpoints:,} checkpoints",
            run["samples"][0],
            run["samples"][-1],
            f"{by_checkpoint:.0f} KiB a checkpoint",
        ),
        (
            f"{calls['calls']} runs in one process",
            calls["first"],
            calls["last"],
            f"{calls['slopes_per_call']['resident_kib']:.0f} KiB a run",
        ),
        (
            f"{library['calls']} optimizers, each in a step compiled anew",
            library["first"],
            library["last"],
            f"{library['slopes_per_call']['resident_kib']:.0f} KiB an optimizer",
        ),
    )
    counted = ("arrays", "executables", "threads", "open_files", "objects")
    rows = []
    for what, first, last, slope in cases:
        memory, final = (x["resident_kib"] / 2**10 for x in (first, last))
        held = [f"{first[name]:,}, {last[name]:,}" for name in counted]
        rows.append(" | ".join([what, f"{memory:.0f}, {final:.0f} MiB", slope, *held]))
    columns = (
        "what | memory, first and last | grows by | arrays | executables | threads"
        " | open files | Python's objects"
    )
    return measured(columns, rows, record)
