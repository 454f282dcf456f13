"""Figure "damping": final losses by the share of the fresh gradient.

Of each problem: the final training loss of the best rate by share, a line for each
memory, beside the best that Nesterov's method reaches with as many trials; the test
accuracy of the same runs; and the course of the best settings over several seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.comparison import (
    COLUMN_WIDTH,
    Summary,
    describe_scale,
    edge_note,
    effective_rate,
)

MEMORIES = (style.SKY, style.BLUE, style.PURPLE)
MARKERS = ("o", "s", "D")
COURSES = {
    "damped_momentum": (style.VERMILLION, "-"),
    "nesterov": (style.BLACK, "--"),
    "heavy_ball": (style.GREY, ":"),
}


def draw_comparisons(summaries: Sequence[Summary]) -> Any:
    """One row a problem."""
    figure = style.new_figure(2.9 * COLUMN_WIDTH, 0.8 + 4.9 * len(summaries))
    figure.get_layout_engine().set(h_pad=0.15)  # between the captions and the legend
    grid = figure.subplots(len(summaries), 3, squeeze=False)
    for axes, summary in zip(grid, summaries, strict=True):
        _draw_shares(axes[0], summary, "train_loss")
        _draw_shares(axes[1], summary, "test_accuracy")
        _draw_courses(axes[2], summary)
        axes[1].set_title(summary["title"], fontsize=11)
        axes[1].annotate(
            "\n".join([*outcomes(summary), describe_scale(summary)]),
            (0.5, 0.0),
            (0, -50),  # below the axis's label of two lines
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=9,
        )
    lines = {
        line.get_label(): line
        for axis in (*grid[:, 0], *grid[:, 2])
        for line in axis.get_lines()
        if not line.get_label().startswith("_")
    }
    figure.legend(
        list(lines.values()),
        list(lines),
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=9,
    )
    return figure


def best_runs(summary: Summary) -> dict[float, dict[float, Mapping[str, Any]]]:
    """By momentum and share: the searched point with the smallest training loss.

    A share is left out where the loss rose, or was lost, with each of its rates.
    """
    untrained = _untrained(summary)
    best: dict[float, dict[float, Mapping[str, Any]]] = {}
    shown = summary["optimizers"]["damped_momentum"]["search"]
    momenta = dict.fromkeys(point["hyperparameters"]["momentum"] for point in shown)
    for entry in summary["optimizers"].values():
        for point in entry["search"]:
            momentum, share = (
                point["hyperparameters"][name] for name in ("momentum", "damping")
            )
            if momentum not in momenta or _loss(point) >= untrained:
                continue
            of_momentum = best.setdefault(momentum, {})
            share = round(share, 12)  # Nesterov's is computed
            if _loss(point) < _loss(of_momentum.get(share)):
                of_momentum[share] = point
    return {
        momentum: dict(sorted(best[momentum].items()))
        for momentum in momenta
        if momentum in best
    }


def describe_rate(entry: Mapping[str, Any]) -> str:
    """The chosen effective rate, and whether it is at the edge of those searched."""
    return f"{effective_rate(entry['hyperparameters']):.3g}{edge_note(entry)}"


def outcomes(summary: Summary) -> list[str]:
    """What each of the best settings reaches over the seeds, a line each."""
    texts = []
    for entry in summary["optimizers"].values():
        chosen = entry["hyperparameters"]
        text = (
            f"{entry['label']} (best of {len(entry['search'])}):"
            f" μ {chosen['momentum']:g}, c {chosen['damping']:.2g},"
            f" rate {describe_rate(entry)}"
        )
        for name, metric, form in (
            ("loss", "final_train_loss", ".2g"),
            ("test", "final_test_accuracy", ".1%"),
        ):
            if entry[metric] is not None:
                values = entry[metric]["by_seed"]
                text += f", {name} {np.mean(values):{form}}"
                if len(values) > 1:
                    text += f" ± {np.std(values, ddof=1):{form}}"
        texts.append(text)
    return texts


def _loss(point: Mapping[str, Any] | None) -> float:
    """The point's loss: infinite if there is none or it diverged."""
    loss = None if point is None else point["train_loss"]
    return np.inf if loss is None else loss


def _untrained(summary: Summary) -> float:
    """The training loss at the start: the mean over the seeds of all entries."""
    curves = [entry["curves"] for entry in summary["optimizers"].values()]
    return float(np.mean([curve["train_loss"]["mean"][0] for curve in curves]))


def _draw_shares(axis: Any, summary: Summary, metric: str) -> None:
    """The metric of the best rate by share, a line for each momentum."""
    for (momentum, by_share), colour, marker in zip(
        best_runs(summary).items(), MEMORIES, MARKERS, strict=False
    ):
        shares = list(by_share)
        values = [np.mean(point[metric]) for point in by_share.values()]
        steps = 1 / (1 - momentum)
        axis.plot(
            shares,
            values,
            color=colour,
            marker=marker,
            markersize=4,
            label=f"memory of {steps:.0f} steps (μ = {momentum:g})",
        )
        # Where the dial stands in the two methods that have none.
        for share, name in ((1 - momentum, "|"), (1 - momentum**2, "x")):
            if (share := round(share, 12)) in by_share:
                value = np.mean(by_share[share][metric])
                axis.plot(
                    share, value, name, color=colour, markersize=12, label="_method"
                )
    nesterov = min(summary["optimizers"]["nesterov"]["search"], key=_loss)
    axis.axhline(
        np.mean(nesterov[metric]),
        color=style.BLACK,
        linestyle="--",
        linewidth=1,
        label="Nesterov's method, tuned with as many trials",
    )
    axis.set_xscale("log")
    style.tidy(axis)
    axis.set_xlabel("share of the fresh gradient, c\n( | heavy ball, x Nesterov )")
    if metric == "train_loss":
        axis.set_yscale("log")
        axis.set_ylabel("final training loss J, best rate")
    else:
        axis.set_ylabel("test accuracy of the same runs")


def _draw_courses(axis: Any, summary: Summary) -> None:
    """The training loss of the best settings, with their seeds."""
    for name, entry in summary["optimizers"].items():
        colour, line_style = COURSES[name]
        curves = entry["curves"]
        bands = {k: np.array(v, float) for k, v in curves["train_loss"].items()}
        x = curves["gradient_evaluations"]
        label = f"best of {entry['label']}"
        axis.plot(x, bands["mean"], color=colour, linestyle=line_style, label=label)
        edges = (bands["smallest"], bands["largest"])
        axis.fill_between(x, *edges, color=colour, alpha=0.15, linewidth=0)
    axis.set_yscale("log")
    axis.margins(x=0)
    style.tidy(axis)
    axis.set_xlabel("gradient evaluations")
    axis.set_ylabel("training loss J")
