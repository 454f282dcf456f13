"""Figure 3.2: spirals of INNA on a quadratic (section 3.3.2.3 of Castera's thesis).

INNA on `theta_1^2 + 2 theta_2^2`, whose Hessian has the eigenvalues 2 and 4, from
(1, 1), with constant steps of 0.01, for 7,000 iterations; (alpha, beta) = (2, 0.1),
(2, 1), and the same with a vanishing viscous damping.  The thesis writes this damping
2 / t; its authors' script takes 2 / ((k + 1) sqrt(step)) = 20 / (k + 1) at iteration
k, as here, which is 0.2 / t in the time t = (k + 1) step of the flow.  The initial
velocity is that of the papers' psi_0, minus the gradient (`initial_speed=1`).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from inna_optax import inna
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import WIDE_QUADRATIC

STEP = 0.01
STEPS = 7000
HESSIAN = (2.0, 4.0)  # its eigenvalues.
TOLERANCE = 1e-6  # the distance at which iterations are counted.
ZOOMS = (8e-3, 1e-4)  # half widths of the lower left panels.

# alpha, beta, and whether alpha vanishes.
RUNS = {
    "alpha_beta_below_1": (2.0, 0.1, False),
    "alpha_beta_above_1": (2.0, 1.0, False),
    "vanishing_beta_0.1": (2.0, 0.1, True),
    "vanishing_beta_1": (2.0, 1.0, True),
}


def _solver(values: Mapping[str, Any]) -> optax.GradientTransformation:
    def alpha(count: jax.Array) -> jax.Array:
        vanishing = 1 / ((count + 1) * STEP**0.5)
        return values["alpha"] * jnp.where(values["vanishes"] > 0, vanishing, 1.0)

    return inna(STEP, alpha, values["beta"])


def sign_changes(x: np.ndarray) -> int:
    """How often a coordinate crosses 0.

    Without oscillations it is a sum of two decaying exponentials, which crosses 0 at
    most once: two crossings are a spiral.
    """
    return int((np.sign(x[1:]) != np.sign(x[:-1])).sum())


def _readings(name: str, path: np.ndarray, value: np.ndarray) -> dict[str, float]:
    """What is read off one run of full resolution."""
    distance = np.linalg.norm(path, axis=-1)
    changes = [sign_changes(x) for x in path.T]
    readings: dict[str, float] = {
        f"{name}_sign_changes_theta_1": changes[0],
        f"{name}_sign_changes_theta_2": changes[1],
        f"{name}_final_value": float(value[-1]),
        f"{name}_final_distance": float(distance[-1]),
    }
    if distance[-1] < TOLERANCE:
        near = int(np.nonzero(distance >= TOLERANCE)[0][-1]) + 1
        readings[f"{name}_distance_stays_below_1e-6_from_iteration"] = near
    return readings


def _theory() -> dict[str, float]:
    """Whether each eigenvalue lies in the oscillation interval (section 3.3.1.4)."""
    from inna_optax.dynamics import oscillation_interval

    inside: dict[str, float] = {}
    for name, (alpha, beta, vanishes) in RUNS.items():
        if not vanishes:
            low, high = oscillation_interval(alpha, beta) or (0.0, 0.0)
            for i, eigenvalue in enumerate(HESSIAN, start=1):
                key = f"{name}_theta_{i}_inside_the_interval"
                inside[key] = low < eigenvalue < high
    return inside


def compute(scale: str) -> dict[str, Any]:
    """Runs INNA with the four settings; any `scale` is the paper's."""
    del scale
    alphas, betas, vanishes = zip(*RUNS.values(), strict=True)
    start = WIDE_QUADRATIC.inits[0]
    found = trajectories(
        _solver,
        WIDE_QUADRATIC.objective,
        [start] * len(RUNS),
        {"alpha": alphas, "beta": betas, "vanishes": vanishes},
        steps=STEPS,
    )
    paths, values = np.asarray(found.iterates), np.asarray(found.values)
    kept = np.concatenate([np.arange(200), np.arange(200, STEPS + 1, 10)])
    readings = _theory()
    for name, path, value in zip(RUNS, paths, values, strict=True):
        readings |= _readings(name, path, value)
    return {
        "settings": {
            "objective": "theta_1^2 + 2 theta_2^2",
            "start": start,
            "initial_speed": 1.0,
            "step": STEP,
            "iterations": STEPS,
            "zooms": ZOOMS,
        },
        "iterations": kept,
        "runs": {
            name: {
                "alpha": alpha,
                "beta": beta,
                "vanishes": vanishing,
                "theta_1": _six_digits(path[kept, 0]),
                "theta_2": _six_digits(path[kept, 1]),
                "values": _six_digits(value[kept]),
                "distances": _six_digits(np.linalg.norm(path[kept], axis=-1)),
            }
            for (name, (alpha, beta, vanishing)), path, value in zip(
                RUNS.items(), paths, values, strict=True
            )
        },
        "readings": readings,
    }


def _six_digits(x: np.ndarray) -> list[float]:
    """Shorter numbers, which range over tens of powers of 10."""
    return [float(f"{number:.5e}") for number in x]


LOOKS: dict[str, dict[str, Any]] = {
    "alpha_beta_below_1": {"color": style.VERMILLION, "linestyle": "-", "zorder": 4},
    "alpha_beta_above_1": {"color": style.ORANGE, "linestyle": "--", "zorder": 3},
    "vanishing_beta_0.1": {"color": style.BLUE, "linestyle": (0, (1, 1))},
    "vanishing_beta_1": {"color": style.GREEN, "linestyle": "-.", "zorder": 3},
}


def _draw_paths(axis: Any, result: Mapping[str, Any], half_width: float) -> None:
    span = (-half_width, half_width)
    style.draw_contours(axis, WIDE_QUADRATIC.objective, span, span, levels=12)
    for name, run in result["runs"].items():
        width = 1.0 if name == "vanishing_beta_0.1" else 1.8
        axis.plot(run["theta_1"], run["theta_2"], **LOOKS[name], linewidth=width)
    axis.plot(0, 0, "x", color=style.BLACK, markersize=8, markeredgewidth=2, zorder=5)
    axis.set_aspect("equal")


def _label(run: Mapping[str, Any], step: float) -> str:
    beta = rf"$\beta = {run['beta']:g}$"
    if run["vanishes"]:
        return rf"$\alpha_k = {run['alpha'] / step**0.5:g} / (k + 1)$, {beta}"
    sign = "<" if run["alpha"] * run["beta"] < 1 else ">"
    return rf"$\alpha = {run['alpha']:g}$, {beta} ($\alpha\beta {sign} 1$)"


def draw(result: Mapping[str, Any]) -> Any:
    """Left: the paths, and two zooms on the minimizer; right: values and distances."""
    figure = style.new_figure(11, 8)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1))
    axes = left.subplot_mosaic([["paths", "paths"], [0, 1]], height_ratios=(1.7, 1))
    settings = result["settings"]
    _draw_paths(axes["paths"], result, 1.15)
    axes["paths"].plot(
        *settings["start"], "o", color=style.BLACK, markersize=7, zorder=5
    )
    axes["paths"].set_title("iterates (dot: start, cross: minimizer)")
    for i, half_width in enumerate(settings["zooms"]):
        _draw_paths(axes[i], result, half_width)
        axes[i].set(xticks=[], yticks=[])
        power = np.floor(np.log10(half_width))
        size = rf"{half_width / 10**power:.0f} \cdot 10^{{{power:.0f}}}"
        axes[i].set_title(rf"zoom: $|\theta_i| \leq {size}$")
    values, distances = right.subplots(2, 1, sharex=True)
    for axis, key, title, spacing in (
        (values, "values", r"$\mathcal{J}(\theta_k)$", 10),
        (distances, "distances", r"$\|\theta_k - \theta^\star\|$", 5),
    ):
        style.tidy(axis)
        for name, run in result["runs"].items():
            axis.plot(
                result["iterations"],
                run[key],
                **LOOKS[name],
                linewidth=1.4,
                label=_label(run, settings["step"]),
            )
        axis.set_yscale("log")
        axis.set_yticks([10.0 ** -(i * spacing) for i in range(8)])
        axis.set_ylabel(title)
    values.set_title("value")
    distances.set_title("distance to the minimizer")
    distances.set_xlabel("iteration")
    distances.set_xlim(0, settings["iterations"])
    handles, labels = values.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(
        r"INNA on $\theta_1^2 + 2\,\theta_2^2$ from"
        f" ({settings['start'][0]:g}, {settings['start'][1]:g}),"
        rf" $\gamma = {settings['step']:g}$,"
        r" initial velocity $-\nabla\mathcal{J}(\theta_0)$"
    )
    return figure
