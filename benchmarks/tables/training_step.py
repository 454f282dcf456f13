"""Training steps beside PyTorch: training_step.json, and on a GPU in two types."""

from .common import measured, read, spread

SPEEDS = ("JAX, alone", "JAX, in a scan", "PyTorch, torch.compile")
COLUMNS = (
    "network | parameters | JAX, alone | JAX, in a loop | torch.compile"
    " | images/s of PyTorch, eager"
)


def training_step() -> str:
    """Each network's speeds, and whether its target is met."""
    record = read("training_step")
    rows = []
    for result in record["results"]:
        target, verdict = result["target"], "-"
        if target:
            loop = result["rows"]["JAX, in a scan"]["speed_over_pytorch"][0]
            verdict = f"{target}: {'met' if loop >= target else 'not met'} in a loop"
        rows.append(" | ".join([*_cells(result, "failed"), verdict]))
    return measured(f"{COLUMNS} | target", rows, record)


def on_gpu(name: str) -> str:
    """The speeds of a record made on a GPU, for which there are no targets."""
    record = read(name)
    rows = (" | ".join(_cells(result, "-")) for result in record["results"])
    return measured(COLUMNS, rows, record)


def _cells(result: dict, missing: str) -> list[str]:
    """The network, its parameters, the speeds over PyTorch's, PyTorch's images/s."""
    found = result["rows"]
    speeds = [
        spread(found[name]["speed_over_pytorch"]) if name in found else missing
        for name in SPEEDS
    ]
    eager = f"{found['PyTorch, eager']['images_a_second']:,.0f}"
    return [f"`{result['network']}`", f"{result['params']:,}", *speeds, eager]
