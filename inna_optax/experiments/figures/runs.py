"""Single runs, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from inna_optax.experiments.figures import style

COLOURS = (
    style.VERMILLION,
    style.BLUE,
    style.GREEN,
    style.BLACK,
    style.PURPLE,
    style.ORANGE,
    style.SKY,
)
PANELS = {
    "train_loss": "training loss J",
    "test_data_loss": "test loss",
    "test_accuracy": "test accuracy",
}


def draw_runs(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> Any:
    """The course of each run; a panel for each metric that all have measured.

    Args:
      runs: the name of each run, and its record.
    """
    measured = [
        name
        for name in PANELS
        if all(row.get(name) is not None for _, run in runs for row in run["history"])
    ]
    figure = style.new_figure(4.6 * len(measured), 4.6)
    axes = figure.subplots(1, len(measured), squeeze=False)[0]
    for n, (name, run) in enumerate(runs):
        x = [row["gradient_evaluations"] for row in run["history"]]
        label = f"{name}: {run['problem']}, {run['optimizer']}, seed {run['seed']}"
        for axis, metric in zip(axes, measured, strict=True):
            axis.plot(
                x,
                [row[metric] for row in run["history"]],
                color=COLOURS[n % len(COLOURS)],
                linestyle=style.LINE_STYLES[n % len(style.LINE_STYLES)],
                label=label,
            )
    for axis, metric in zip(axes, measured, strict=True):
        style.tidy(axis)
        axis.set_xlabel("gradient evaluations")
        axis.set_ylabel(PANELS[metric])
        axis.margins(x=0)
        if metric.endswith("loss"):
            axis.set_yscale("log")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=1, frameon=False, fontsize=8
    )
    return figure
