"""Who is ahead in a comparison, and of whom it can be told."""

from typing import NamedTuple

from inna_optax.experiments.claims.claim import Record
from inna_optax.experiments.claims.networks import (
    ACCURACY,
    LOSS,
    costs_of,
    label,
    sign_of,
)
from inna_optax.experiments.claims.order import order

TEST_LOSS = "final_test_loss"


class Standing(NamedTuple):
    """Entries by their names: the best mean first, and each beside the best."""

    best: str
    level: list[str]  # cannot be told from the best
    behind: list[str]


def test_metric(summary: Record) -> str:
    """The metric of the test set that matters: the accuracy where there is one."""
    entries = summary["optimizers"].values()
    measured = all(entry[ACCURACY] for entry in entries)
    return ACCURACY if measured else TEST_LOSS


def ranked(summary: Record, metric: str) -> list[str]:
    """The names of the entries, the best mean first; those with diverged seeds last."""

    def key(name: str) -> tuple[int, float]:
        entry = summary["optimizers"][name]
        spread = entry[metric] or {"mean": 0.0}
        return entry.get("diverged", 0), sign_of(metric) * spread["mean"]

    return sorted(summary["optimizers"], key=key)


def standing(summary: Record, metric: str) -> Standing:
    """Orders the entries by a metric, as far as their seeds tell."""
    best, *others = ranked(summary, metric)
    costs = costs_of(summary, best, metric)
    behind = [
        name for name in others if order(costs, costs_of(summary, name, metric)).below
    ]
    return Standing(best, [name for name in others if name not in behind], behind)


def in_words(summary: Record) -> list[str]:
    """Two lines: who is ahead on the test set, and in training."""
    of_test = test_metric(summary)
    named = "test accuracy" if of_test == ACCURACY else "test loss"
    return [
        f"{text}: {_names(summary, standing(summary, metric))}"
        for text, metric in ((named, of_test), ("training loss", LOSS))
    ]


def _names(summary: Record, found: Standing) -> str:
    def listed(names: list[str]) -> str:
        # Labels may have commas.
        return "; ".join(label(summary, name) for name in names)

    text = f"{label(summary, found.best)} is best."
    if found.level:
        text += f" Not told apart from it: {listed(found.level)}."
    if found.behind:
        text += f" Behind: {listed(found.behind)}."
    return text
