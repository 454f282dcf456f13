"""How the pictures look, and how they are kept.

Colours are Okabe and Ito's, told apart by colour-blind readers; line styles and
markers tell them apart in grey print.
"""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
GREY = "#7F7F7F"

LINE_STYLES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))


def new_figure(width: float, height: float) -> Any:
    """An empty figure of that size in inches, laid out so that nothing overlaps."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def tidy(axis: Any) -> None:
    """Light grid, no box."""
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def draw_contours(
    axis: Any,
    objective: Callable[[jax.Array], jax.Array],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    *,
    levels: Any = 20,
    points: int = 201,
) -> None:
    """Filled grey contours of a function of two variables, over the given ranges.

    `levels` are those of `Axes.contourf`: a number, or the values themselves.
    """
    x, y = np.linspace(*x_range, points), np.linspace(*y_range, points)
    grid = jnp.stack(jnp.meshgrid(jnp.asarray(x), jnp.asarray(y)), axis=-1)
    values = np.asarray(jax.vmap(jax.vmap(objective))(grid))
    axis.contourf(x, y, values, levels=levels, cmap="Greys", alpha=0.45, extend="both")
    axis.contour(x, y, values, levels=levels, colors=GREY, linewidths=0.4, alpha=0.6)
    axis.set_xlim(x_range)
    axis.set_ylim(y_range)
    axis.set_xlabel(r"$\theta_1$")
    axis.set_ylabel(r"$\theta_2$")


def legend_columns(labels: Sequence[str], width: float, most: int) -> int:
    """How many columns of a legend fit into that many inches, `most` at most.

    A letter of 9 points is some 0.07 inches wide, a line's sample with its margins 0.6.
    """
    longest = max(map(len, labels))
    return max(1, min(most, len(labels), int(width / (0.07 * longest + 0.6))))


def _plain_ticks(side: Any) -> None:
    """Ticks of a logarithmic axis as decimals, if none of them is long."""
    from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation

    low, high = sorted(side.get_view_interval())
    if low < 3e-5 or high > 1e5:
        return
    # It knows where there is room for a label.
    powers = LogFormatterSciNotation(minor_thresholds=(1.3, 0.6))
    powers.set_axis(side)
    powers.set_locs()
    decimals = FuncFormatter(lambda x, at: f"{x:g}" if powers(x, at) else "")
    side.set_major_formatter(decimals)
    side.set_minor_formatter(decimals)


def save(figure: Any, folder: pathlib.Path, stem: str) -> list[pathlib.Path]:
    """Writes the figure as PNG and PDF; returns their paths."""
    paths = [folder / f"{stem}.png", folder / f"{stem}.pdf"]
    for axis in figure.axes:
        for side in (axis.xaxis, axis.yaxis):
            if side.get_scale() == "log":
                _plain_ticks(side)
    for path in paths:
        figure.savefig(path, dpi=160)
        figure.set_layout_engine("none")  # which would do the same again
    return paths
