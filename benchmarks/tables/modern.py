"""What people use, tuned alike: figure "modern"."""

from inna_optax.experiments.claims.standing import in_words, ranked, test_metric
from inna_optax.experiments.figures.comparison import describe_choice

from .common import layout, provenance, read
from .dial import spread, training_loss


def modern(folder: str = "figure-modern") -> str:
    """What each optimizer's best trial reaches on each problem, the best first."""
    record = read(f"papers/{folder}/figure-modern")
    columns = "problem | optimizer | trials | test | training loss | chosen"
    rows, standings = [], []
    for name, summary in record["problems"].items():
        metric = test_metric(summary)
        form = ".1%" if "accuracy" in metric else ".3f"
        for key in ranked(summary, metric):
            entry = summary["optimizers"][key]
            cells = [
                f"`{name}`",
                entry["label"],
                str(len(entry["search"])),
                spread(entry[metric], form),
                training_loss(summary, entry, "final_train_data_loss"),
                describe_choice(entry),
            ]
            rows.append(" | ".join(cells))
        standings += [f"- `{name}`, {line}" for line in in_words(summary)]
    return "\n\n".join(
        [layout(columns, rows), "\n".join(standings), provenance(record)]
    )
