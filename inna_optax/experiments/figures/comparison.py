"""Optimizers compared, in the form of Figures 4.4 to 4.6."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Okabe and Ito's colours, told apart by colour-blind readers; styles for grey print.
STYLES = {
    "inna": ("#D55E00", "-"),
    "step_tuned_sgd": ("#0072B2", "-"),
    "sgd": ("#000000", "--"),
    "adam": ("#009E73", "-."),
    "rmsprop": ("#CC79A7", (0, (1, 1))),
    "innaprop": ("#E69F00", (0, (5, 1, 1, 1, 1, 1))),
}
PANELS = {"train_loss": "training loss J", "test_accuracy": "test accuracy"}


def describe_choice(entry: Mapping[str, Any]) -> str:
    """What the search chose for an optimizer, short enough for a legend."""
    short = {"learning_rate": "lr", "nu": "ν", "b1": "β₁"}
    return ", ".join(
        f"{short.get(name, name)} {entry['hyperparameters'][name]:g}"
        for name in entry["searched"]
    )


def draw_comparison(
    title: str,
    caption: str,
    summary: Mapping[str, Mapping[str, Any]],
    records: Sequence[Mapping[str, Any]],
    path: pathlib.Path,
) -> None:
    """Draws mean lines, shaded from best to worst, against gradient evaluations.

    Args:
      title: stands above the panels.
      caption: stands below: what was run, and what was cut.
      summary: by optimizer, its entry in `summary.json`, in the legend's order.
      records: the runs, as written to `results.json`.
      path: the PNG to write.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    measured = [
        panel for panel in PANELS if records[0]["history"][0][panel] is not None
    ]
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False}):
        figure = Figure(figsize=(5.2 * len(measured), 4.6), layout="constrained")
        axes = np.atleast_1d(figure.subplots(1, len(measured)))
        for name, entry in summary.items():
            colour, style = STYLES[name]
            runs = [r["history"] for r in records if r["optimizer"] == name]
            x = [row["gradient_evaluations"] for row in runs[0]]
            label = f"{entry['label']} ({describe_choice(entry)})"
            for axis, metric in zip(axes, measured, strict=True):
                y = np.array([[row[metric] for row in run] for run in runs], float)
                axis.plot(x, y.mean(0), color=colour, linestyle=style, label=label)
                axis.fill_between(
                    x, y.min(0), y.max(0), color=colour, alpha=0.15, linewidth=0
                )
        for axis, metric in zip(axes, measured, strict=True):
            axis.set_xlabel("gradient evaluations")
            axis.set_ylabel(PANELS[metric])
            axis.spines["right"].set_visible(False)
            axis.grid(alpha=0.25)
            axis.margins(x=0)
            if metric == "train_loss":
                axis.set_yscale("log")
        if "test_accuracy" in measured:
            _zoom_on_the_end(axes[measured.index("test_accuracy")], records)
        figure.suptitle(title)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=3,
            frameon=False,
            fontsize=9,
            title=caption,
            title_fontsize=8,
        )
        figure.savefig(path, dpi=160)


def _zoom_on_the_end(axis: Any, records: Sequence[Mapping[str, Any]]) -> None:
    """Shows where accuracies lie in the last half of training, but for rare dips."""
    values = [
        row["test_accuracy"]
        for record in records
        for row in record["history"][len(record["history"]) // 2 :]
    ]
    low, high = np.nanquantile(np.array(values, float), [0.02, 1.0])
    margin = max(0.02, high - low)
    axis.set_ylim(max(0, low - margin), min(1, high + 0.2 * margin))
