"""How much the learning rate matters: what the search of a comparison measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.comparison import (
    COLUMN_WIDTH,
    Summary,
    line_styles,
)


def draw_sensitivity(summaries: Sequence[Summary]) -> Any:
    """One panel a summary: the training loss after the search, by learning rate.

    At each learning rate the other hyperparameters are the best that were tried with
    it.  A gap in a line is a learning rate at which a run diverged.
    """
    figure = style.new_figure(COLUMN_WIDTH * len(summaries), 4.6)
    axes = figure.subplots(1, len(summaries), squeeze=False)[0]
    legend: dict[str, Any] = {}
    for axis, summary in zip(axes, summaries, strict=True):
        for entry, (colour, line_style) in line_styles(summary):
            rates, losses = losses_by_rate(entry)
            (line,) = axis.plot(
                rates,
                losses.mean(axis=1),
                color=colour,
                linestyle=line_style,
                marker="o",
                markersize=3,
            )
            edges = (losses.min(axis=1), losses.max(axis=1))
            axis.fill_between(rates, *edges, color=colour, alpha=0.15, linewidth=0)
            legend.setdefault(entry["label"], line)
        axis.set_title(summary["title"], fontsize=10)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("learning rate")
        axis.set_ylabel(f"training loss J\n{_when(summary)}")
        style.tidy(axis)
    figure.legend(
        list(legend.values()),
        list(legend),
        loc="outside lower center",
        ncols=style.legend_columns(
            list(legend), COLUMN_WIDTH * len(summaries), most=3 * len(summaries)
        ),
        frameon=False,
        fontsize=9,
    )
    return figure


def losses_by_rate(entry: Mapping[str, Any]) -> tuple[list[float], np.ndarray]:
    """The learning rates of a search, and of each the losses of its best point.

    The losses have the shape (rates, seeds); NaN where a run diverged.
    """
    best: dict[float, list[float]] = {}
    for point in entry["search"]:
        rate = point["hyperparameters"]["learning_rate"]
        # Null in a record, and infinite in the summary, where a run diverged.
        losses = [np.inf if x is None else x for x in point["by_seed"]]
        if rate not in best or np.mean(losses) < np.mean(best[rate]):
            best[rate] = losses
    rates = sorted(best)
    found = np.array([best[rate] for rate in rates], float)
    found[~np.isfinite(found).all(axis=1)] = np.nan
    return rates, found


def _when(summary: Summary) -> str:
    epochs = {entry["search_epochs"] for entry in summary["optimizers"].values()}
    seeds = {len(entry["search_seeds"]) for entry in summary["optimizers"].values()}
    shortest, longest, (count,) = min(epochs), max(epochs), seeds
    span = f"{longest}" if shortest == longest else f"{shortest} or {longest}"
    return f"after {span} epochs, {count} seed{'s' if count > 1 else ''}"
