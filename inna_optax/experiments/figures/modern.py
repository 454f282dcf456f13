"""Figure "modern": what each optimizer reaches, tuned with as many trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.comparison import (
    COLUMN_WIDTH,
    Summary,
    describe_size,
)

# Drawn apart from the others.
OURS = ("inna", "damped_momentum", "step_tuned_sgd", "innaprop")
NEXT = 2  # how many of the next best trials are shown


def draw_comparisons(summaries: Sequence[Summary]) -> Any:
    """One column a problem: above the test set's metric, below the training loss.

    A line an optimizer, the best above: its seeds, their mean, and, in grey, what the
    search's next best settings reached on the held-out examples.
    """
    count = max(len(summary["optimizers"]) for summary in summaries)
    width = COLUMN_WIDTH * max(len(summaries), 1.3)
    figure = style.new_figure(width, 1.6 + 0.62 * count)
    grid = figure.subplots(2, len(summaries), squeeze=False)
    for (above, below), summary in zip(grid.T, summaries, strict=True):
        metric = test_metric(summary)
        _draw_dots(above, summary, metric)
        _draw_dots(below, summary, "final_train_data_loss")
        above.set_title(summary["title"], fontsize=10)
        below.annotate(
            describe(summary),
            (0.5, -0.2),
            xycoords="axes fraction",
            ha="center",
            va="top",
            fontsize=7.5,
        )
    return figure


def test_metric(summary: Summary) -> str:
    """The metric of the test set that matters: the accuracy where there is one."""
    entries = summary["optimizers"].values()
    measured = all(entry["final_test_accuracy"] for entry in entries)
    return "final_test_accuracy" if measured else "final_test_loss"


def ranked(summary: Summary, metric: str) -> list[Mapping[str, Any]]:
    """The entries, the best mean first; those whose seeds all diverged last."""

    def key(entry: Mapping[str, Any]) -> float:
        if entry[metric] is None:
            return np.inf
        return -entry[metric]["mean"] if "accuracy" in metric else entry[metric]["mean"]

    return sorted(summary["optimizers"].values(), key=key)


def next_best(entry: Mapping[str, Any]) -> list[float]:
    """The scores of the search's second and third best trials, over the best's.

    Added to a final value they show how much the choice matters.
    """
    scores = sorted(
        point["score"] for point in entry["search"] if point["score"] is not None
    )
    return [score - scores[0] for score in scores[1 : 1 + NEXT]]


def describe(summary: Summary) -> str:
    """What was run, and how it was tuned."""
    entries = summary["optimizers"].values()
    (trials,) = {len(entry["search"]) for entry in entries}
    held_out = f"{summary['validation_examples']:,} held-out examples"
    return (
        f"{describe_size(summary)}\n{trials} trials of each, judged on {held_out}\n"
        "dots: seeds of the best; grey: the next two trials"
    )


def _draw_dots(axis: Any, summary: Summary, metric: str) -> None:
    entries = ranked(summary, metric)
    sign = -1 if "accuracy" in metric else 1
    for y, entry in enumerate(entries):
        if entry[metric] is None:
            axis.annotate("diverged", (0.5, y), xycoords=("axes fraction", "data"))
            continue
        colour = style.VERMILLION if entry["optimizer"] in OURS else style.BLACK
        values = entry[metric]["by_seed"]
        if metric == test_metric(summary):
            grey = entry[metric]["mean"] + sign * np.array(next_best(entry))
            axis.plot(grey, [y] * len(grey), ".", color=style.GREY, alpha=0.7)
        axis.plot(values, [y] * len(values), "o", color=colour, alpha=0.5, markersize=4)
        axis.plot(entry[metric]["mean"], y, "|", color=colour, markersize=14)
    axis.set_yticks(range(len(entries)), [entry["label"] for entry in entries])
    for label, entry in zip(axis.get_yticklabels(), entries, strict=True):
        if entry["optimizer"] in OURS:
            label.set_color(style.VERMILLION)
    axis.invert_yaxis()
    style.tidy(axis)
    if metric == "final_train_data_loss":
        axis.set_xscale("log")
        axis.xaxis.set_minor_formatter("")
        axis.set_xlabel("final training loss")
    else:
        unit = f", {summary['objective']}" if sign > 0 else ""
        axis.set_xlabel(f"test {'accuracy' if sign < 0 else 'loss'}{unit}")
