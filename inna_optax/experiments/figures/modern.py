"""Figure "modern": what each optimizer reaches, tuned with as many trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inna_optax.experiments.claims.networks import sign_of
from inna_optax.experiments.claims.standing import ranked, test_metric
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.comparison import (
    COLUMN_WIDTH,
    Summary,
    describe_left_out,
    describe_size,
)

# Drawn apart from the others.
OURS = ("inna", "damped_momentum", "step_tuned_sgd", "innaprop")
NEXT = 2  # how many of the next best trials are shown


def draw_comparisons(summaries: Sequence[Summary]) -> Any:
    """One row a problem: the test set's metric, then the training loss.

    A line an optimizer, the best above: its seeds, their mean, and, in grey, what the
    search's next best settings reached on the held-out examples.
    """
    count = max(len(summary["optimizers"]) for summary in summaries)
    height = (1.6 + 0.3 * count) * len(summaries)
    figure = style.new_figure(2.4 * COLUMN_WIDTH, height)
    grid = figure.subplots(len(summaries), 2, squeeze=False)
    for (left, right), summary in zip(grid, summaries, strict=True):
        metric = test_metric(summary)
        _draw_dots(left, summary, metric)
        _draw_dots(right, summary, "final_train_data_loss")
        left.set_title(summary["title"], fontsize=10)
        right.set_title(describe(summary), fontsize=8)
    return figure


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
        f"{describe_left_out(summary)}"
    )


def _draw_dots(axis: Any, summary: Summary, metric: str) -> None:
    entries = [summary["optimizers"][name] for name in ranked(summary, metric)]
    sign = sign_of(metric)
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
    if sign < 0:
        _cut(axis, [entry[metric] for entry in entries])
    if metric == "final_train_data_loss":
        axis.set_xscale("log")
        axis.xaxis.set_minor_formatter("")
        axis.set_xlabel("final training loss")
    else:
        unit = f", {summary['objective']}" if sign > 0 else ""
        axis.set_xlabel(f"test {'accuracy' if sign < 0 else 'loss'}{unit}")


def _cut(axis: Any, spreads: Sequence[Mapping[str, Any] | None]) -> None:
    """Leaves out accuracies that are far below the others, and says what they are."""
    seeds = [spread["by_seed"] if spread else [] for spread in spreads]
    low, high = np.quantile(np.concatenate(seeds), [0.25, 1.0])
    edge = low - (high - low) - 0.005
    axis.set_xlim(edge, high + 0.1 * (high - edge))
    for y, values in enumerate(seeds):
        below = sorted(value for value in values if value < edge)
        if below:
            axis.plot(edge, y, "<", color=style.VERMILLION, clip_on=False)
            shown = ", ".join(f"{value:.0%}" for value in below)
            axis.annotate(
                f"seeds at {shown}",
                (edge, y),
                (8, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
