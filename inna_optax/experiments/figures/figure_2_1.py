"""Figure 2.1: the role of alpha and beta in INNA (section 2.6.1 of Castera's thesis).

INNA on the full non-smooth Rosenbrock function `100 (theta_2 - |theta_1|)^2 +
|1 - theta_1|`, from (-1, 1.5), with constant steps of 1e-4, for 100,000 iterations and
(alpha, beta) = (0.5, 0.01), (0.5, 0.1), (1.3, 0.1).  The thesis leaves the initial
velocity out: it is 0 here (`initial_speed=beta`), since with the papers' psi_0
(`initial_speed=1`) the first setting throws the iterate beyond 100.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import optax

from inna_optax import inna
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import NONSMOOTH_ROSENBROCK

STEP = 1e-4
STEPS = 100_000
RUNS = {"a": (0.5, 0.01), "b": (0.5, 0.1), "c": (1.3, 0.1)}  # (alpha, beta)
# A swing is counted if it goes this far on both sides.  It lies between the swings of
# the flow and those of one step around the kink, which are about STEP * beta.
SWING = 1e-3


def _solver(values: Mapping[str, Any]) -> optax.GradientTransformation:
    alpha, beta = values["alpha"], values["beta"]
    return inna(STEP, alpha, beta, initial_speed=beta)


def count_swings(x: np.ndarray, threshold: float) -> int:
    """How often `x` goes from one side of [-threshold, threshold] to the other."""
    sides = np.sign(x[np.abs(x) > threshold])
    return int((sides[1:] != sides[:-1]).sum())


def _readings(theta: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """What is read off one run of full resolution."""
    transverse = theta[:, 1] - np.abs(theta[:, 0])
    longitudinal = theta[:, 0] - NONSMOOTH_ROSENBROCK.minimizers[0][0]
    return {
        "transverse_swings": count_swings(transverse, SWING),
        "longitudinal_swings": count_swings(longitudinal, SWING),
        "overshoot_past_the_minimizer": float(longitudinal.max()),
        # The sum of the increases of J: 0 for a method that only descends.
        "total_climb_of_J": float(np.maximum(np.diff(values), 0).sum()),
        "J_at_20000": float(values[20_000]),
        "J_at_40000": float(values[40_000]),
        "J_at_60000": float(values[60_000]),
        "J_at_80000": float(values[80_000]),
        "J_at_100000": float(values[100_000]),
        "greatest_J_in_the_last_10000": float(values[-10_000:].max()),
    }


def compute(scale: str) -> dict[str, Any]:
    """Runs INNA with the three settings; any `scale` is the paper's."""
    del scale
    alphas, betas = zip(*RUNS.values(), strict=True)
    start = NONSMOOTH_ROSENBROCK.inits[0]
    found = trajectories(
        _solver,
        NONSMOOTH_ROSENBROCK.objective,
        [start] * len(RUNS),
        {"alpha": alphas, "beta": betas},
        steps=STEPS,
    )
    paths, values = np.asarray(found.iterates), np.asarray(found.values)
    middle = values[:, 20_000:60_001]
    readings = {
        f"{name}_{reading}": number
        for name, path, value in zip(RUNS, paths, values, strict=True)
        for reading, number in _readings(path, value).items()
    } | {
        "share_of_20000_to_60000_with_c_above_a": float((middle[2] > middle[0]).mean()),
        "share_of_20000_to_60000_with_c_above_b": float((middle[2] > middle[1]).mean()),
    }
    kept = np.concatenate([np.arange(0, 2000, 10), np.arange(2000, STEPS + 1, 100)])
    return {
        "settings": {
            "objective": "100 (theta_2 - |theta_1|)^2 + |1 - theta_1|",
            "start": start,
            "initial_velocity": 0.0,
            "step": STEP,
            "iterations": STEPS,
            "swing_threshold": SWING,
        },
        "iterations": kept,
        "runs": {
            name: {
                "alpha": alpha,
                "beta": beta,
                "theta_1": np.round(path[kept, 0], 5),
                "theta_2": np.round(path[kept, 1], 5),
                "values": np.round(value[kept], 9),
            }
            for (name, (alpha, beta)), path, value in zip(
                RUNS.items(), paths, values, strict=True
            )
        },
        "readings": readings,
    }


LOOKS = {
    "a": (style.ORANGE, (0, (1, 1))),
    "b": (style.BLUE, "--"),
    "c": (style.VERMILLION, "-"),
}


def _draw_path(axis: Any, name: str, run: Mapping[str, Any], start: Any) -> None:
    levels = [0, 0.25, 0.5, 1, 1.5, 2, 5, 10, *range(20, 341, 20)]
    style.draw_contours(
        axis, NONSMOOTH_ROSENBROCK.objective, (-1.6, 1.6), (-0.25, 1.75), levels=levels
    )
    axis.plot(run["theta_1"], run["theta_2"], color=LOOKS[name][0], linewidth=1.2)
    axis.plot(*start, "x", color=style.BLACK, markersize=9, markeredgewidth=2)
    minimizer = NONSMOOTH_ROSENBROCK.minimizers[0]
    axis.plot(*minimizer, "*", color="white", markeredgecolor="black", markersize=13)
    axis.set_title(f"({name})  {_label(run)}")


def _label(run: Mapping[str, Any]) -> str:
    return rf"$\alpha = {run['alpha']:g}$, $\beta = {run['beta']:g}$"


def draw(result: Mapping[str, Any]) -> Any:
    """Panels a to c: the paths; d: the values of J."""
    settings = result["settings"]
    figure = style.new_figure(10, 8)
    axes = figure.subplots(2, 2).flat
    for axis, (name, run) in zip(axes, result["runs"].items(), strict=False):
        _draw_path(axis, name, run, settings["start"])
    values = axes[3]
    style.tidy(values)
    for name, run in result["runs"].items():
        colour, line = LOOKS[name]
        values.plot(
            result["iterations"],
            run["values"],
            color=colour,
            linestyle=line,
            linewidth=1.4,
            label=f"({name}) {_label(run)}",
        )
    values.set_yscale("log")
    values.set_xlim(0, settings["iterations"])
    values.xaxis.set_major_formatter("{x:,.0f}")
    values.set_xlabel("iteration")
    values.set_ylabel(r"$\mathcal{J}(\theta_1, \theta_2)$")
    values.set_title("(d)  values of the objective")
    values.legend(loc="lower left", frameon=False)
    figure.suptitle(
        r"INNA on $100\,(\theta_2 - |\theta_1|)^2 + |1 - \theta_1|$ from rest at"
        f" $({settings['start'][0]:g}, {settings['start'][1]:g})$ (cross),"
        rf" $\gamma = 10^{{{np.log10(settings['step']):g}}}$; star: the minimizer"
    )
    return figure
