"""What Figures 4.2 and 4.3 share: draws of the regression, and choosing settings.

Section 4.7 chooses each method's hyper-parameters by a criterion on the run itself, and
shows one draw of the problem.  Over many draws there are two ways to do as much:

- `tuned_per_draw`, the thesis's way repeated: each draw has its own best setting.  Runs
  are erratic, so the minimum over settings is partly luck, of which more is found the
  more settings are tried; every method gets the same number of them;
- `held_out`: for each method one setting for all draws, that of the best median over
  as many other draws of the problem, which serve for nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax.experiments.figures import style
from inna_optax.landscapes import RobustRegression, robust_regression

PROTOCOLS = ("held_out", "tuned_per_draw")


def draw_problems(
    key: jax.Array, draws: int, num_rows: int, dim: int
) -> tuple[RobustRegression, jax.Array]:
    """Independent problems of section 4.7, and for each a start drawn from N(0, I).

    Returns:
      The problems, stacked, and the starts, shape (draws, dim).
    """
    key_problems, key_starts = jax.random.split(key)
    problems = jax.vmap(lambda k: robust_regression(k, num_rows, dim))(
        jax.random.split(key_problems, draws)
    )
    return problems, jax.random.normal(key_starts, (draws, dim))


def grid(**axes: Any) -> dict[str, np.ndarray]:
    """Every combination of the values given, as flat arrays of equal length."""
    meshes = np.meshgrid(*axes.values(), indexing="ij")
    return {name: mesh.ravel() for name, mesh in zip(axes, meshes, strict=True)}


def for_each_draw(
    run: Callable[[Any, Mapping[str, jax.Array]], Any],
    draws: Any,
    settings: Mapping[str, np.ndarray],
) -> Any:
    """`run(draw, setting)` for all draws and all settings, in one compiled program.

    Args:
      run: returns arrays.
      draws: a pytree whose leaves are stacked draws.
      settings: arrays of shape (draws, settings), or (settings,) for all draws.

    Returns:
      What `run` returns, with leading axes (draws, settings), as NumPy arrays.
    """
    count = jax.tree.leaves(draws)[0].shape[0]
    arrays = {
        name: jnp.broadcast_to(jnp.asarray(values), (count, np.shape(values)[-1]))
        for name, values in settings.items()
    }

    def one_draw(inputs: tuple[Any, Mapping[str, jax.Array]]) -> Any:
        draw, values = inputs
        return jax.vmap(lambda setting: run(draw, setting))(values)

    # One draw at a time: over its settings, products with its rows are matrix products.
    outputs = jax.jit(lambda inputs: jax.lax.map(one_draw, inputs))((draws, arrays))
    return jax.tree.map(np.asarray, outputs)


def choose(scores: np.ndarray, draws: int) -> dict[str, np.ndarray]:
    """The setting that each protocol chooses for each draw; small scores are good.

    Args:
      scores: shape (all draws, settings); inf for a setting that failed.
      draws: how many draws are looked at; those after them are the tuning draws.

    Returns:
      By protocol, indices of shape (draws,).
    """
    best = np.argmin(np.median(scores[draws:], axis=0))
    return {
        "held_out": np.full(draws, best),
        "tuned_per_draw": np.argmin(scores[:draws], axis=1),
    }


def pick(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """`values[draw, chosen[draw]]` for the draws looked at, the first ones."""
    return values[np.arange(len(chosen)), chosen]


def setting_at(settings: Mapping[str, np.ndarray], index: int) -> dict[str, float]:
    """One setting of a grid."""
    return {name: float(values[index]) for name, values in settings.items()}


def quartiles(values: np.ndarray) -> dict[str, Any]:
    """Median and quartiles over the first axis (draws), JSON-ready."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    return {"low": rounded(low), "median": rounded(median), "high": rounded(high)}


def rounded(values: np.ndarray) -> Any:
    """As numbers of six significant digits, which no picture can tell from all."""
    return [float(f"{value:.6g}") for value in np.ravel(values)]


def draw_band(
    axis: Any, x: Any, band: Mapping[str, Any], label: str, colour: str, line: Any
) -> None:
    """A median line, shaded between the quartiles."""
    axis.plot(x, band["median"], color=colour, linestyle=line, label=label)
    axis.fill_between(
        x, band["low"], band["high"], color=colour, alpha=0.13, linewidth=0
    )


def draw_points(
    axis: Any, position: float, values: Any, colour: str, marker: str, digits: str
) -> None:
    """One point a draw around `position`, with a bar at their median and its value."""
    x = position + np.linspace(-0.09, 0.09, len(values))
    axis.plot(x, values, marker, color=colour, markersize=3.5, alpha=0.65, mew=0)
    middle = np.median(values)
    axis.plot([position - 0.13, position + 0.13], [middle] * 2, color=colour, lw=2.2)
    axis.annotate(
        f"{middle:{digits}}",
        (position, 1.0),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=8,
        color=style.BLACK,
    )
