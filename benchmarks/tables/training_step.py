"""Training steps beside PyTorch: training_step.json, and on a GPU in two types."""

from .common import measured, read, spread

SPEEDS = ("JAX, alone", "JAX, in a scan", "PyTorch, torch.compile")
COLUMNS = (
    "network | parameters | JAX, alone | JAX, in a loop | torch.compile"
    " | images/s of PyTorch, eager"
)


def training_step() -> str:
    """Each network's speeds."""
    record = read("training_step")
    rows = (" | ".join(_cells(result, "failed")) for result in record["results"])
    return measured(COLUMNS, rows, record)


def on_gpu(name: str) -> str:
    """The speeds of a record made on a GPU."""
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
