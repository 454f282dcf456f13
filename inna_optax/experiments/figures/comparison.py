"""Optimizers compared, in the form of Figures 2.2 to 2.4 and 4.4 to 4.6."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inna_optax.experiments.figures import style

Summary = Mapping[str, Any]

STYLES: Mapping[str, tuple[str, Any]] = {
    "inna": (style.VERMILLION, "-"),
    "step_tuned_sgd": (style.BLUE, "--"),
    "sgd": (style.BLACK, "-."),
    "adam": (style.GREEN, (0, (5, 1, 1, 1, 1, 1))),
    "rmsprop": (style.PURPLE, (0, (1, 1))),
    "adagrad": (style.SKY, (0, (1, 1))),
    "damped_momentum": (style.VERMILLION, "--"),
    "innaprop": (style.ORANGE, (0, (5, 1, 1, 1, 1, 1))),
    "momentum": (style.BLACK, ":"),
    "nesterov": (style.BLACK, "--"),
    "adamw": (style.GREEN, "-"),
    "lion": (style.PURPLE, "-"),
    "muon": (style.BLUE, (0, (1, 1))),
    "schedule_free_adamw": (style.GREEN, "--"),
}
# For several entries of one optimizer, in their order.
VARIANTS = (style.VERMILLION, style.BLUE, style.ORANGE, style.PURPLE)

PANELS = {"train_loss": "training loss J", "test_accuracy": "test accuracy"}
COLUMN_WIDTH = 5.2  # inches


def describe_choice(entry: Mapping[str, Any]) -> str:
    """What the search chose for an entry, short enough for a legend."""
    short = {"learning_rate": "lr", "nu": "ν", "b1": "β₁"}
    chosen = entry["hyperparameters"]
    return ", ".join(
        f"{short.get(name, name)} {chosen[name]:g}"
        + (edge_note(entry) if name == "learning_rate" else "")
        for name in entry["searched"]
    )


def effective_rate(hyperparameters: Mapping[str, float]) -> float:
    """How far a gradient moves the params in the end, over its size.

    In the nine digits that are left of a product with 1 - momentum.  Without friction
    it has no end: of an `alpha` of zero, the learning rate.
    """
    rate = hyperparameters["learning_rate"]
    if "momentum" in hyperparameters:
        rate /= 1 - hyperparameters["momentum"]
    elif alpha := hyperparameters.get("alpha"):  # gamma / alpha of INNA and INNAprop
        rate /= alpha
    return float(f"{rate:.9g}")


def is_at_the_edge(entry: Mapping[str, Any]) -> bool:
    """Whether the chosen rate is the smallest or the largest that was searched."""
    rates = [effective_rate(p["hyperparameters"]) for p in entry.get("search", ())]
    if not rates:
        return False
    return effective_rate(entry["hyperparameters"]) in (min(rates), max(rates))


def edge_note(entry: Mapping[str, Any]) -> str:
    """What follows a chosen rate that is at the edge, empty if it is not."""
    return " (edge of the grid)" if is_at_the_edge(entry) else ""


def line_styles(summary: Summary) -> list[tuple[Mapping[str, Any], tuple[str, Any]]]:
    """The entries of a summary, each with its colour and line style."""
    entries = summary["optimizers"].values()
    times = collections.Counter(entry["optimizer"] for entry in entries)
    return [
        (
            entry,
            STYLES[entry["optimizer"]]
            if times[entry["optimizer"]] == 1
            else (VARIANTS[n], style.LINE_STYLES[n]),
        )
        for n, entry in enumerate(entries)
    ]


def describe_scale(summary: Summary) -> str:
    """What was run of the published setting, and what the lines are."""
    lines = "lines: mean of the seeds, shaded: best to worst"
    return f"{describe_size(summary)}, {lines}{describe_left_out(summary)}"


def describe_left_out(summary: Summary) -> str:
    """Lines with the seeds that diverged and the problems that were not run, if any."""
    seeds = len(summary["seeds"])
    diverged = ", ".join(
        f"{entry['label']} ({entry['diverged']} of {seeds})"
        for entry in summary["optimizers"].values()
        if entry.get("diverged")
    )
    names = ", ".join(summary.get("left_out", ()))
    return (f"\nseeds that diverged, left out: {diverged}" if diverged else "") + (
        f"\nof the figure's problems not run: {names}" if names else ""
    )


def describe_size(summary: Summary) -> str:
    """What was run of the published setting, and the rest of the setting."""
    published = summary["published"]

    def of(count: int, key: str, unit: str) -> str:
        whole = published[key]
        return f"{count:,}{f' of {whole:,}' if count < whole else ''} {unit}"

    twice = "each mini-batch twice; " if summary["each_batch_twice"] else ""
    changes = "".join(
        f"{name.replace('_', ' ')} {value}; "
        for name, value in summary.get("changes", {}).items()
    )
    one_epoch = summary["epochs"] == published["epochs"] == 1
    text = summary.get("objective") == "bits per byte"
    examples = "windows of text" if text else "images"
    return (
        of(summary["train_examples"], "train_examples", f"training {examples}")
        + ", "
        + of(summary["test_examples"], "test_examples", f"test {examples}")
        + "\n"
        + of(summary["epochs"], "epochs", "epoch" if one_epoch else "epochs")
        + f" ({_gradients(summary)}), "
        + of(len(summary["seeds"]), "seeds", "seeds")
        + f"\n{changes}{twice}batch "
        + of(summary["batch_size"], "batch_size", "").rstrip()
        + (", no penalty" if summary.get("weight_decay") == 0 else "")
    )


def _gradients(summary: Summary) -> str:
    """How many all entries were given, and who was given others."""
    counts = {
        entry["label"]: entry["gradient_evaluations"]
        for entry in summary["optimizers"].values()
    }
    ((usual, _),) = collections.Counter(counts.values()).most_common(1)
    others = "".join(
        f"; {label} {count:,}" for label, count in counts.items() if count != usual
    )
    return f"{usual:,} gradients{others}"


def draw_comparisons(summaries: Sequence[Summary]) -> Any:
    """One column a summary: training loss and, where measured, test accuracy.

    A summary is what `summary.json` holds; the picture shows that and nothing else.
    A single summary has its panels side by side and says in the legend what the
    search chose.
    """
    single = len(summaries) == 1
    measured = [
        panel
        for panel in PANELS
        if any(
            panel in entry["curves"]
            for summary in summaries
            for entry in summary["optimizers"].values()
        )
    ]
    columns = len(measured) if single else len(summaries)
    rows = 1 if single else len(measured)
    figure = style.new_figure(COLUMN_WIDTH * columns, 1.4 + 3.4 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    legend: dict[str, Any] = {}
    for n, summary in enumerate(summaries):
        axes = grid[0] if single else grid[:, n]
        lines = _draw_column(axes, measured, summary, single)
        legend |= lines
        if single:
            figure.suptitle(summary["title"])
        else:
            axes[0].set_title(summary["title"], fontsize=10)
            lowest = [axis for axis in axes if axis.get_visible()][-1]
            lowest.annotate(
                describe_scale(summary),
                (0.5, -0.2),
                xycoords="axes fraction",
                ha="center",
                va="top",
                fontsize=7.5,
            )
    box = figure.legend(
        list(legend.values()),
        list(legend),
        loc="outside lower center",
        ncols=style.legend_columns(
            list(legend),
            COLUMN_WIDTH * columns,
            most=columns + 1 if single else 2 * columns + 1,
        ),
        frameon=False,
        fontsize=9 if columns > 1 else 8,
        title=describe_scale(summaries[0]) if single else None,
        title_fontsize=8,
    )
    box.get_title().set_multialignment("center")
    return figure


def _draw_column(
    axes: Sequence[Any], measured: Sequence[str], summary: Summary, choices: bool
) -> dict[str, Any]:
    """Draws a summary's panels; returns the lines by their labels."""
    legend: dict[str, Any] = {}
    entries = summary["optimizers"]
    for entry, (colour, line_style) in line_styles(summary):
        curves = entry["curves"]
        label = entry["label"] + (f" ({describe_choice(entry)})" if choices else "")
        for axis, metric in zip(axes, measured, strict=True):
            if metric not in curves:
                continue
            # A run that diverged has nulls.
            bands = {k: np.array(v, float) for k, v in curves[metric].items()}
            x = curves["gradient_evaluations"]
            (line,) = axis.plot(x, bands["mean"], color=colour, linestyle=line_style)
            axis.fill_between(
                x,
                bands["smallest"],
                bands["largest"],
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
            legend.setdefault(label, line)
    for axis, metric in zip(axes, measured, strict=True):
        style.tidy(axis)
        axis.set_xlabel("gradient evaluations")
        axis.set_ylabel(PANELS[metric])
        axis.margins(x=0)
        if metric == "train_loss":
            axis.set_yscale("log")
        elif not axis.lines:
            axis.set_visible(False)  # not a classification
        else:
            _zoom_on_the_end(axis, entries)
    return legend


def _zoom_on_the_end(axis: Any, entries: Mapping[str, Any]) -> None:
    """Shows where accuracies lie in the last half of training, but for rare dips."""
    values = [
        value
        for entry in entries.values()
        for edge in ("smallest", "largest")
        for value in entry["curves"]["test_accuracy"][edge][
            len(entry["curves"]["gradient_evaluations"]) // 2 :
        ]
    ]
    low, high = np.nanquantile(np.array(values, float), [0.02, 1.0])
    margin = max(0.02, high - low)
    axis.set_ylim(max(0, low - margin), min(1, high + 0.2 * margin))
