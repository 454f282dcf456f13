"""What an update costs: step_cost.json, and on a GPU step_cost_gpu.json."""

from .common import measured, pytorch, read, spread


def step_cost() -> str:
    """The table at 10M parameters in one leaf, then a line on each other question."""
    record = read("step_cost")
    # A record from before there were leaves has one leaf.
    results = [{"leaves": 1, **result} for result in record["results"]]
    sizes = [result for result in results if result["leaves"] == 1]
    (chosen,) = (result for result in sizes if result["params"] == 10**7)
    columns = (
        "optimizer | time / nesterov | time / adam | words accessed | temporaries"
        " | state"
    )
    rows = []
    for name, row in chosen["rows"].items():
        times = [spread(row[key]) for key in ("over_nesterov", "over_adam")]
        words = [
            f"{row[key]:.0f} P" if key in row else "-"
            for key in ("words_accessed", "temporaries", "state")
        ]
        rows.append(" | ".join([f"`{name}`", *times, *words]))
    lines = [_sizes(sizes)]
    if record.get("growth"):
        lines += [_growth(record["growth"], sizes), _floor(chosen)]
    if version := pytorch(record):
        lines.append(_pytorch(version, sizes))
    if len(sizes) < len(results):
        lines.append(_leaves(results))
    table = measured(columns, rows, record)
    notes = "\n".join(f"- {line}" for line in lines)
    return f"10M float32 parameters in one leaf:\n\n{table}\n\n{notes}"


def on_gpu(sizes: tuple[int, ...] = (10**8, 10**9)) -> str:
    """The table of a GPU: at each size the time, and its ratio to two of optax's."""
    record = read("step_cost_gpu")
    chosen = [
        result
        for size in sizes
        for result in record["results"]
        if result["params"] == size and result["leaves"] == 1
    ]
    columns = ["optimizer"]
    for result in chosen:
        size = _millions(result)
        columns += [f"{size}: time", f"{size}: / nesterov", f"{size}: / adam"]
    names = dict.fromkeys(name for result in chosen for name in result["rows"])
    rows = []
    for name in names:
        cells = [f"`{name}`"]
        for result in chosen:
            cells += _gpu_cells(result["rows"].get(name))
        rows.append(" | ".join(cells))
    return measured(" | ".join(columns), rows, record)


def _gpu_cells(row: dict | None) -> list[str]:
    if row is None:
        return ["-"] * 3
    ratios = [spread(row[key]) for key in ("over_nesterov", "over_adam")]
    return [f"{row['milliseconds']:.2f} ms", *ratios]


def _sizes(sizes: list[dict]) -> str:
    inna = [(_millions(result), result["rows"]["inna"]) for result in sizes]
    nesterov = ", ".join(f"{row['over_nesterov'][0]:.2f} at {m}" for m, row in inna)
    adam = ", ".join(f"{row['over_adam'][0]:.2f}" for _, row in inna)
    return (
        f"Sizes: INNA over Nesterov momentum {nesterov} parameters; over Adam {adam}."
    )


def _growth(growth: dict, sizes: list[dict]) -> str:
    exponents = sorted(fit["exponent"] for fit in growth.values())
    largest = _millions(max(sizes, key=lambda result: result["params"]))
    return (
        f"Growth: from 1M to {largest} parameters INNA's time goes as"
        " P^{exponent:.2f} (R² {r2:.4f})".format(**growth["inna"])
        + f", that of all of them as P^{exponents[0]:.2f} to P^{exponents[-1]:.2f}."
    )


def _floor(result: dict) -> str:
    floor = result["inna_over_floor"]
    return (
        "Floor: INNA must move 5 words a parameter (read params, velocity, gradient;"
        " write params, velocity), and XLA's loops on CPU, which have one result each,"
        f" move 7. It takes {spread(floor['5'])} times what 5 words take, and"
        f" {spread(floor['7'])} times what 7 take, at the bandwidth of `optax.sgd`'s"
        " three words in the same rounds"
        f" ({result['gigabytes_per_second']:.0f} GB/s)."
    )


def _pytorch(version: str, sizes: list[dict]) -> str:
    slower = ", ".join(
        f"{1 / target['ratio'][0]:.1f} at {_millions(result)}"
        for result in sizes
        for target in result["targets"]
        if target["reference"] == "PyTorch INNA"
    )
    return (
        f"PyTorch {version}: INNA as its users would write it, in the papers' form"
        f" (`benchmarks/pytorch_inna.py`), takes {slower} times as"
        " long as `inna`."
    )


def _leaves(results: list[dict]) -> str:
    ratios = ", ".join(
        f"{result['rows']['inna']['over_nesterov'][0]:.2f} for {_millions(result)} in"
        f" {result['leaves']}"
        for result in results
        if result["leaves"] > 1
    )
    return f"Leaves: INNA over Nesterov momentum {ratios}."


def _millions(result: dict) -> str:
    return f"{result['params'] / 1e6:,g}M"
