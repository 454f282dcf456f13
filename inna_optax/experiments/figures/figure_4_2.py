r"""Figure 4.2: Barzilai-Borwein steps on a non-convex regression, full batch.

The robust regression of section 4.7 with N = 500 rows and P = 30 variables, 250
iterations of one gradient each, of three methods: Algorithm 2; the classical
Barzilai-Borwein method, which takes the absolute value of a negative step and has the
same scaling factor :math:`\alpha`; and gradient descent with Armijo's line search
(optax's), whose further evaluations of the loss the thesis's axis does not count.

Of each method 96 settings are run, and those are chosen that reach
:math:`|\mathcal J - \mathcal J^*| < 0.1` in the fewest iterations: for each draw of the
problem its own, and one for all draws, tuned on 20 others (`regression_search`).

- Algorithm 2: 12 values of :math:`\alpha` up to 1.2 times 8 of :math:`\nu` up to 3000;
- absolute values: 96 values of :math:`\alpha` over the same range, which contain the
  12 (its :math:`\nu` stands only for a ratio that is not a number);
- Armijo: 24 first step sizes up to 10^4 times 4 slopes of the condition; each iteration
  starts from the first step size and halves it until the condition holds, at most 20
  times.

:math:`\mathcal J^*` is the smallest value found by any run of 250 iterations, or by the
three methods, each with the setting of its smallest last value, in `long_iterations`
(the caption's :math:`10^5` at scale "paper", :math:`10^4` at "desk").

The runs are erratic, and the best of 96 is partly luck.  The reading
`absolute_median_tuned_per_draw_on_algorithm_2_alphas` shows how much: it is the count
of the absolute-value method when it may choose among 12 settings only.  Settings tuned
on other draws leave that luck out.  A run that does not reach the threshold counts as
one iteration more than were made.

The thesis does not give the initial point: it is drawn from N(0, I), and the readings
that end in `from_zero` start from zero instead.  The thesis shows one draw of the
problem; here are 20, of which the picture's left panel shows the first.

Source: Castera's thesis (https://theses.hal.science/tel-04186508), sections 4.3.1, 4.7.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from inna_optax import barzilai_borwein
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.regression_search import (
    PROTOCOLS,
    choose,
    draw_points,
    draw_problems,
    for_each_draw,
    grid,
    pick,
    rounded,
    setting_at,
)
from inna_optax.landscapes import RobustRegression

THRESHOLD = 0.1
SEED = 0


class Method(NamedTuple):
    """A method compared: how to make it, how it looks."""

    label: str
    make: Callable[[Mapping[str, Any]], optax.GradientTransformation]
    colour: str
    line: Any
    marker: str


class Sizes(NamedTuple):
    """How much is run."""

    draws: int = 20  # and as many for tuning.
    num_rows: int = 500
    dim: int = 30
    iterations: int = 250
    long_iterations: int = 10_000
    alphas: int = 12  # Algorithm 2's; every method has `8 * alphas` settings.


SCALES = {"desk": Sizes(), "paper": Sizes(long_iterations=100_000)}


def _algorithm_2(setting: Mapping[str, Any]) -> optax.GradientTransformation:
    return barzilai_borwein(setting["alpha"], setting["nu"])


def _absolute(setting: Mapping[str, Any]) -> optax.GradientTransformation:
    return barzilai_borwein(setting["alpha"], negative_curvature="absolute")


def _armijo(setting: Mapping[str, Any]) -> optax.GradientTransformation:
    return optax.chain(
        optax.sgd(1.0),
        optax.scale_by_backtracking_linesearch(
            max_backtracking_steps=20,
            slope_rtol=setting["slope"],
            decrease_factor=0.5,
            increase_factor=jnp.inf,
            max_learning_rate=setting["first_step"],
        ),
    )


METHODS = {
    "algorithm_2": Method("Algorithm 2", _algorithm_2, style.BLUE, "-", "o"),
    "absolute": Method("BB, absolute values", _absolute, style.VERMILLION, "--", "s"),
    "armijo": Method("GD, Armijo's line search", _armijo, style.BLACK, "-.", "^"),
}


def grids(alphas: int) -> dict[str, dict[str, np.ndarray]]:
    """The settings tried, `8 * alphas` for each method."""
    all_alphas = 1.2 * np.arange(1, 8 * alphas + 1) / (8 * alphas)
    return {
        "algorithm_2": grid(alpha=all_alphas[7::8], nu=np.geomspace(1, 3000, 8)),
        "absolute": grid(alpha=all_alphas),
        "armijo": grid(
            first_step=np.geomspace(10, 10_000, 2 * alphas),
            slope=np.array([1e-4, 0.1, 0.3, 0.5]),
        ),
    }


def descend(
    make: Callable[[Mapping[str, Any]], optax.GradientTransformation],
    iterations: int,
) -> Callable[[Any, Mapping[str, jax.Array]], tuple[jax.Array, jax.Array]]:
    """A run of one method on full gradients.

    Returns:
      A function of (problem, start) and a setting, that returns the losses at
      theta_0 ... theta_iterations, and the line search's evaluations of the loss at
      each iteration (zeros without one).
    """

    def run(
        draw: tuple[RobustRegression, jax.Array], setting: Mapping[str, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        problem, start = draw
        solver = optax.with_extra_args_support(make(setting))

        def iterate(carry: Any, _: Any) -> Any:
            theta, state = carry
            value, grads = jax.value_and_grad(problem.objective)(theta)
            updates, state = solver.update(
                grads, state, theta, value=value, grad=grads, value_fn=problem.objective
            )
            trials = optax.tree.get(state, "num_linesearch_steps", 0)
            return (optax.apply_updates(theta, updates), state), (value, trials)

        (theta, _), (values, trials) = jax.lax.scan(
            iterate, (start, solver.init(start)), length=iterations
        )
        return jnp.append(values, problem.objective(theta)), trials

    return run


def first_below(values: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """The first iteration whose loss is below its draw's threshold, or inf.

    Args:
      values: shape (draws, settings, iterations + 1).
      threshold: shape (draws,).

    Returns:
      Floats of shape (draws, settings).
    """
    below = values < threshold[:, None, None]
    return np.where(below.any(-1), below.argmax(-1), np.inf)


def best_values(
    problems: RobustRegression,
    starts: jax.Array,
    searches: Mapping[str, np.ndarray],
    settings: Mapping[str, Mapping[str, np.ndarray]],
    long_iterations: int,
) -> np.ndarray:
    """The estimate of J* that the caption describes, shape (draws,).

    `searches` are the losses of the short runs, by method, of shape (draws, settings,
    iterations + 1).
    """
    lowest = np.min([v.min(axis=(1, 2)) for v in searches.values()], axis=0)
    for name, values in searches.items():
        chosen = np.argmin(values[:, :, -1], axis=1)
        own = {key: grid[chosen][:, None] for key, grid in settings[name].items()}
        run = descend(METHODS[name].make, long_iterations)
        long_values, _ = for_each_draw(run, (problems, starts), own)
        lowest = np.minimum(lowest, long_values.min(axis=(1, 2)))
    return lowest


def measure(sizes: Sizes) -> dict[str, Any]:
    """Runs everything: see :func:`compute`."""
    problems, starts = draw_problems(
        jax.random.key(SEED), 2 * sizes.draws, sizes.num_rows, sizes.dim
    )
    settings = grids(sizes.alphas)
    searches, zero_searches, trials = {}, {}, {}
    for name, method in METHODS.items():
        run = descend(method.make, sizes.iterations)
        searches[name], trials[name] = for_each_draw(
            run, (problems, starts), settings[name]
        )
        zero_searches[name], _ = for_each_draw(
            run, (problems, jnp.zeros_like(starts)), settings[name]
        )
    lowest = best_values(problems, starts, searches, settings, sizes.long_iterations)
    for values in zero_searches.values():
        lowest = np.minimum(lowest, values.min(axis=(1, 2)))

    threshold, never = lowest + THRESHOLD, sizes.iterations + 1
    counts = {name: first_below(v, threshold) for name, v in searches.items()}
    chosen = {name: choose(c, sizes.draws) for name, c in counts.items()}
    from_zero = {name: first_below(v, threshold) for name, v in zero_searches.items()}
    chosen_from_zero = {name: choose(c, sizes.draws) for name, c in from_zero.items()}
    same = np.isin(settings["absolute"]["alpha"], settings["algorithm_2"]["alpha"])
    few = counts["absolute"][: sizes.draws, same].min(axis=1)
    return {
        "readings": {
            **read(counts, chosen, never),
            **read(from_zero, chosen_from_zero, never, "_from_zero"),
            "absolute_median_tuned_per_draw_on_algorithm_2_alphas": float(
                np.median(np.minimum(few, never))
            ),
            "armijo_loss_evaluations_per_iteration": float(
                pick(trials["armijo"], chosen["armijo"]["held_out"]).mean()
            ),
            "median_lowest_loss": float(np.median(lowest)),
        },
        "methods": {
            name: _curves(
                searches[name], counts[name], chosen[name], settings[name], lowest
            )
            for name in METHODS
        },
    }


def read(
    counts: Mapping[str, np.ndarray],
    chosen: Mapping[str, Mapping[str, np.ndarray]],
    never: int,
    suffix: str = "",
) -> dict[str, Any]:
    """Iterations to the threshold: medians, quartiles, and draws won by Algorithm 2.

    `never` is the count of a run that did not reach it.
    """
    readings: dict[str, Any] = {}
    for protocol in PROTOCOLS:
        reached = {name: pick(c, chosen[name][protocol]) for name, c in counts.items()}
        end = f"{protocol}{suffix}"
        for name, own in reached.items():
            low, middle, high = np.quantile(np.minimum(own, never), [0.25, 0.5, 0.75])
            readings[f"{name}_median_{end}"] = float(middle)
            readings[f"{name}_lower_quartile_{end}"] = float(low)
            readings[f"{name}_upper_quartile_{end}"] = float(high)
            readings[f"{name}_draws_that_failed_{end}"] = int(np.isinf(own).sum())
        ours = reached["algorithm_2"]
        for name in ("absolute", "armijo"):
            wins, losses = ours < reached[name], ours > reached[name]
            readings[f"draws_faster_than_{name}_{end}"] = int(wins.sum())
            readings[f"draws_slower_than_{name}_{end}"] = int(losses.sum())
            readings[f"algorithm_2_beats_{name}_{end}"] = bool(
                np.median(ours) < np.median(reached[name])
            )
    return readings


def _curves(
    values: np.ndarray,
    counts: np.ndarray,
    chosen: Mapping[str, np.ndarray],
    settings: Mapping[str, np.ndarray],
    lowest: np.ndarray,
) -> dict[str, Any]:
    """What is drawn of one method."""
    gaps = values - lowest[:, None, None]
    own = chosen["tuned_per_draw"]
    return {
        "first_draw_setting": setting_at(settings, own[0]),
        "first_draw_gap": rounded(pick(gaps, own)[0]),
        "held_out_setting": setting_at(settings, chosen["held_out"][0]),
        "held_out_median_gap": rounded(
            np.median(pick(gaps, chosen["held_out"]), axis=0)
        ),
        "iterations": {
            protocol: [
                float(count) if np.isfinite(count) else None
                for count in pick(counts, chosen[protocol])
            ]
            for protocol in PROTOCOLS
        },
    }


def compute(scale: str) -> dict[str, Any]:
    """Searches the settings of the three methods on 20 draws of the problem.

    Args:
      scale: "paper" for 10^5 iterations behind J*, "desk" for 10^4.

    Returns:
      Plain data for :func:`draw`, with "settings" and "readings".
    """
    sizes = SCALES[scale]
    cut = "none" if scale == "paper" else "J* from 10,000 iterations, not 100,000"
    return result_of(sizes, {"scale": scale, "cut": cut})


def result_of(sizes: Sizes, notes: Mapping[str, str]) -> dict[str, Any]:
    """The result at the given sizes."""
    return {
        "settings": {
            **notes,
            **sizes._asdict(),
            "settings_per_method": 8 * sizes.alphas,
            "threshold": THRESHOLD,
            "initial_point": "N(0, I)",
            "seed": SEED,
            "grids": {
                method: {
                    name: rounded(np.unique(values)) for name, values in own.items()
                }
                for method, own in grids(sizes.alphas).items()
            },
        },
        **measure(sizes),
    }


def draw(result: dict[str, Any]) -> Any:
    """One draw as in the thesis, the median of all, and the counts of all."""
    settings, methods = result["settings"], result["methods"]
    figure = style.new_figure(11.5, 4.6)
    one, many, counts = figure.subplots(1, 3, width_ratios=(1, 1, 1.05))
    x = np.arange(settings["iterations"] + 1)
    for name, own in methods.items():
        method = METHODS[name]
        one.plot(
            x,
            own["first_draw_gap"],
            color=method.colour,
            linestyle=method.line,
            label=method.label,
        )
        many.plot(
            x, own["held_out_median_gap"], color=method.colour, linestyle=method.line
        )
    one.set_title("The first draw, settings tuned on it\n", fontsize=10)
    many.set_title(
        f"Median of {settings['draws']} draws,\none setting tuned on other draws",
        fontsize=10,
    )
    for axis in (one, many):
        axis.axhline(settings["threshold"], color=style.GREY, linewidth=0.9)
        axis.set_yscale("log")
        axis.set_ylim(5e-3, 0.5)
        axis.set_xlim(0, settings["iterations"])
        axis.set_xlabel("iterations (gradients)")
        axis.set_ylabel(r"$\mathcal{J}(\theta) - \mathcal{J}^*$")
        style.tidy(axis)
    _draw_counts(counts, result)
    handles, labels = one.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=3,
        frameon=False,
        title=_caption(settings),
        title_fontsize=8,
    )
    figure.suptitle("Barzilai-Borwein steps on a non-convex regression", fontsize=12)
    return figure


def _draw_counts(axis: Any, result: dict[str, Any]) -> None:
    limit = result["settings"]["iterations"]
    for group, protocol in enumerate(PROTOCOLS):
        for place, (name, own) in enumerate(result["methods"].items()):
            values = [
                limit if count is None else count
                for count in own["iterations"][protocol]
            ]
            method = METHODS[name]
            draw_points(
                axis,
                group + 0.3 * (place - 1),
                values,
                method.colour,
                method.marker,
                ".4g",
            )
    axis.set_xticks(
        [0, 1], ["one setting, tuned\non other draws", "settings tuned\non each draw"]
    )
    axis.set_ylim(0, limit * 1.02)
    axis.set_ylabel(f"iterations to threshold ({limit}: never)")
    axis.set_title("Every draw, and the median\n", fontsize=10)
    style.tidy(axis)


def _caption(settings: dict[str, Any]) -> str:
    text = (
        f"N = {settings['num_rows']}, P = {settings['dim']}, "
        f"{settings['settings_per_method']} settings a method, start N(0, I); "
        f"threshold {settings['threshold']:g} (grey line)"
    )
    return text if settings["cut"] == "none" else f"{text}; cut: {settings['cut']}"
