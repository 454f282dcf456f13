"""Figure 1.7: why SGD needs vanishing steps (section 1.3.4 of Castera's thesis).

GD, SGD with constant steps and SGD with vanishing steps minimize
`theta_1^2 + 10 theta_2^2`.  The thesis shows three paths and does not print their
settings; those here are ours: start (-1.7, 0.9), 1,000 iterations, steps of 0.03,
vanishing ones 0.03 / (floor(k / 10) + 1)^0.6, which meet the Robbins-Monro condition
(1.22).  Mini-batches are modelled by (1.21): a zero-mean noise is added to the
gradient, here Gaussian, N(0, 2.5^2) for each coordinate, the same for both SGDs.  One
draw of the noise gives one path, so the distance to the minimizer is also shown for
200 draws.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import optax

from inna_optax import inverse_power_schedule
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import NARROW_QUADRATIC

START = (-1.7, 0.9)
STEP = 0.03
POWER = 0.6  # of the vanishing steps, in (1/2, 1] as (1.22) asks.
PERIOD = 10
NOISE = 2.5  # standard deviation of each coordinate of the gradient's noise.
STEPS = 1000
DRAWN = 500  # iterations of the paths that are drawn.
DRAWS = 200
HESSIAN = (2.0, 20.0)  # its eigenvalues.

# What tells the runs apart, and the label in the legend.
RUNS = {
    "gd": (0.0, 0.0, "GD"),
    "constant": (NOISE, 0.0, "SGD, constant steps"),
    "vanishing": (NOISE, POWER, "SGD, vanishing steps"),
}


def _solver(values: Mapping[str, Any]) -> optax.GradientTransformation:
    """SGD whose gradients are noisy, as those of mini-batches are."""
    key = jax.random.key(values["draw"].astype(int))
    return optax.chain(
        optax.add_noise(values["noise"] ** 2, 0.0, key),
        optax.sgd(inverse_power_schedule(STEP, values["power"], PERIOD)),
    )


def stationary_distance(step: float, noise: float) -> float:
    """The root mean square distance at which constant steps stop approaching.

    SGD multiplies a coordinate by `1 - step * lam` and adds `step * noise` times a
    standard normal number, so its variance tends to
    `step * noise^2 / (lam * (2 - step * lam))`.
    """
    return sum(step * noise**2 / (lam * (2 - step * lam)) for lam in HESSIAN) ** 0.5


def compute(scale: str) -> dict[str, Any]:
    """Runs the three methods, each with `DRAWS` draws of the noise; any `scale`."""
    del scale
    noise, power, labels = zip(*RUNS.values(), strict=True)
    found = trajectories(
        _solver,
        NARROW_QUADRATIC.objective,
        [START] * (len(RUNS) * DRAWS),
        {
            "noise": np.repeat(noise, DRAWS),
            "power": np.repeat(power, DRAWS),
            "draw": np.tile(np.arange(DRAWS), len(RUNS)),
        },
        steps=STEPS,
    )
    paths = np.asarray(found.iterates).reshape(len(RUNS), DRAWS, STEPS + 1, 2)
    distances = np.linalg.norm(paths, axis=-1)
    kept = np.unique(np.geomspace(1, STEPS + 1, 150).astype(int)) - 1
    return {
        "settings": {
            "objective": "theta_1^2 + 10 theta_2^2",
            "start": START,
            "iterations": STEPS,
            "iterations_drawn": DRAWN,
            "step": STEP,
            "vanishing_power": POWER,
            "vanishing_period": PERIOD,
            "noise_standard_deviation": NOISE,
            "noise_draws": DRAWS,
        },
        "iterations": kept,
        "runs": {
            name: {
                "label": label,
                "theta_1": np.round(path[0, : DRAWN + 1, 0], 4),
                "theta_2": np.round(path[0, : DRAWN + 1, 1], 4),
                "mean_distance": distance.mean(0)[kept],
                "low_distance": np.quantile(distance, 0.05, axis=0)[kept],
                "high_distance": np.quantile(distance, 0.95, axis=0)[kept],
            }
            for name, label, path, distance in zip(
                RUNS, labels, paths, distances, strict=True
            )
        },
        "readings": _readings(dict(zip(RUNS, distances, strict=True))),
    }


def _readings(distances: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Distances to the minimizer, over all draws of the noise, in two periods."""
    third, last = slice(STEPS // 2, 3 * STEPS // 4), slice(3 * STEPS // 4, None)
    readings = {"gd_final_distance": float(distances["gd"][0, -1])}
    for name in ("constant", "vanishing"):
        for period, when in (("third", third), ("last", last)):
            mean = distances[name][:, when].mean()
            readings[f"{name}_mean_distance_{period}_quarter"] = float(mean)
    rms = np.sqrt((distances["constant"][:, last] ** 2).mean())
    readings["constant_rms_distance_last_quarter"] = float(rms)
    readings["constant_rms_distance_in_theory"] = stationary_distance(STEP, NOISE)
    return readings


LOOKS: dict[str, dict[str, Any]] = {
    "gd": {"color": style.BLACK, "linestyle": "--", "linewidth": 1.8, "zorder": 4},
    "constant": {
        "color": style.PURPLE,
        "marker": ".",
        "markersize": 5,
        "linewidth": 0.8,
    },
    "vanishing": {"color": style.GREEN, "linewidth": 1.8},
}


def draw(result: Mapping[str, Any]) -> Any:
    """The paths of one draw of the noise, and the distances of all."""
    figure = style.new_figure(11, 5)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    style.draw_contours(
        left, NARROW_QUADRATIC.objective, (-2, 1), (-0.75, 1.05), levels=18
    )
    style.tidy(right)
    for name, run in result["runs"].items():
        look = LOOKS[name]
        left.plot(run["theta_1"], run["theta_2"], **look, label=run["label"])
        x = np.asarray(result["iterations"]) + 1
        right.plot(x, run["mean_distance"], **look)
        right.fill_between(
            x,
            run["low_distance"],
            run["high_distance"],
            color=look["color"],
            alpha=0.2,
            linewidth=0,
        )
    start, minimizer = result["settings"]["start"], NARROW_QUADRATIC.minimizers[0]
    left.plot(*start, "o", color=style.BLACK, markersize=7, label="start")
    left.plot(
        *minimizer,
        "x",
        color=style.BLACK,
        markersize=12,
        markeredgewidth=3,
        linestyle="none",
        zorder=5,
        label="minimizer",
    )
    settings = result["settings"]
    left.set_title(f"first {settings['iterations_drawn']} iterates, one draw of noise")
    right.set_title(f"{settings['noise_draws']} draws: mean, and 5% to 95%")
    right.set(xscale="log", yscale="log", ylim=(1e-3, 3))
    right.set_xlabel("iteration + 1")
    right.set_ylabel("distance to the minimizer")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    figure.suptitle(
        r"SGD on $\theta_1^2 + 10\,\theta_2^2$: steps $\gamma$ ="
        f" {settings['step']:g}, or vanishing ones"
        rf" $\gamma / (\lfloor k/{settings['vanishing_period']}\rfloor + 1)"
        rf"^{{{settings['vanishing_power']:g}}}$; gradient noise"
        rf" $\mathcal{{N}}(0, {settings['noise_standard_deviation']:g}^2 I)$"
    )
    return figure
