"""The share of the fresh gradient beside Nesterov's method: figure "damping"."""

import statistics

from inna_optax.experiments.claims.networks import costs_of
from inna_optax.experiments.claims.order import order
from inna_optax.experiments.figures.damping import describe_rate

from .common import layout, provenance, read

METRICS = {"training loss": "final_train_loss", "test accuracy": "final_test_accuracy"}


def damping(folder: str = "figure-damping") -> str:
    """What each method's best setting reaches on each problem, and which is lower."""
    record = read(f"papers/{folder}/figure-damping")
    columns = (
        "problem | method | trials | chosen: μ, c, effective rate | training loss"
        " | test accuracy"
    )
    rows, verdicts = [], []
    for name, summary in record["problems"].items():
        for entry in summary["optimizers"].values():
            values = entry["hyperparameters"]
            chosen = (
                f"{values['momentum']:g}, {values['damping']:.2g},"
                f" {describe_rate(entry)}"
            )
            cells = [
                f"`{name}`",
                entry["label"],
                str(len(entry["search"])),
                chosen,
                training_loss(summary, entry, "final_train_loss"),
                spread(entry["final_test_accuracy"], ".1%"),
            ]
            rows.append(" | ".join(cells))
        verdicts.append(f"- `{name}`: {_verdict(summary)}.")
    return "\n\n".join([layout(columns, rows), "\n".join(verdicts), provenance(record)])


def training_loss(summary: dict, entry: dict, metric: str) -> str:
    """Over the seeds that ended, and how many of them did not."""
    text = spread(entry[metric], ".3g")
    if entry["diverged"]:
        text += f", {entry['diverged']} of {len(summary['seeds'])} seeds diverged"
    return text


def spread(spread: dict | None, form: str) -> str:
    """Mean and standard deviation over the seeds, of one seed its value."""
    if spread is None:
        return "-"
    values = spread["by_seed"]
    text = f"{statistics.mean(values):{form}}"
    if len(values) > 1:
        text += f" ± {statistics.stdev(values):{form}}"
    return text


def _verdict(summary: dict) -> str:
    """Whether INNA's share is better than Nesterov's method, by each metric."""
    texts = []
    for label, metric in METRICS.items():
        ours, nesterov = (
            costs_of(summary, name, metric) for name in ("damped_momentum", "nesterov")
        )
        better, seeds = order(ours, nesterov)
        word = {True: "better", False: "worse", None: "undecided"}[better]
        needed = f" (some {seeds} seeds would tell)" if seeds else ""
        texts.append(f"{label} {word}{needed}")
    return f"INNA's share beside Nesterov's method: {', '.join(texts)}"
