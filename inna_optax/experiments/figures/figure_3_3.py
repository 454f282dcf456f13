"""Figure 3.3: INNA near a strict saddle (section 3.4.4 of Castera's thesis).

INNA on `theta_1^4 - 4 theta_1^2 + theta_2^2`, with constant steps of 0.02, for 1,000
iterations.  On the saddle's stable manifold, theta_1 = 0: (alpha, beta) = (2, 1) from
(0, 1.9) and (0.5, 1) from (0, -1.9).  Beside it: (1, 1.3) from (-0.05, 1.9) and
(0.3, 0.9) from (0.05, -1.9).  The initial velocity is that of the papers' psi_0, minus
the gradient (`initial_speed=1`); from rest the end points are the same.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from inna_optax import inna
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import DOUBLE_WELL

STEP = 0.02
STEPS = 1000
# alpha, beta, the number of the start in DOUBLE_WELL.inits, and the panel.
RUNS = {
    "on_manifold_2_1": (2.0, 1.0, 0, "on"),
    "on_manifold_0.5_1": (0.5, 1.0, 1, "on"),
    "off_manifold_1_1.3": (1.0, 1.3, 2, "off"),
    "off_manifold_0.3_0.9": (0.3, 0.9, 3, "off"),
}
# J is locally concave (along theta_1) between these two.
INFLECTION = math.sqrt(2 / 3)


def _solver(values: Mapping[str, Any]) -> optax.GradientTransformation:
    return inna(STEP, values["alpha"], values["beta"])


def _readings(name: str, path: np.ndarray) -> dict[str, float]:
    """Where one run ends: near which critical point, and how near."""
    critical = np.array([*DOUBLE_WELL.saddles, *DOUBLE_WELL.minimizers])
    distances = np.linalg.norm(critical - path[-1], axis=-1)
    nearest = int(distances.argmin())
    return {
        f"{name}_end_theta_1": float(path[-1, 0]),
        f"{name}_end_theta_2": float(path[-1, 1]),
        f"{name}_converges_to_saddle": nearest < len(DOUBLE_WELL.saddles),
        f"{name}_limit_theta_1": float(critical[nearest, 0]),
        f"{name}_distance_to_limit": float(distances[nearest]),
        f"{name}_greatest_abs_theta_1": float(np.abs(path[:, 0]).max()),
    }


def compute(scale: str) -> dict[str, Any]:
    """Runs INNA from the four starts; any `scale` is the paper's."""
    del scale
    alphas, betas, starts, panels = zip(*RUNS.values(), strict=True)
    found = trajectories(
        _solver,
        DOUBLE_WELL.objective,
        [DOUBLE_WELL.inits[start] for start in starts],
        {"alpha": alphas, "beta": betas},
        steps=STEPS,
    )
    paths, values = np.asarray(found.iterates), np.asarray(found.values)
    kept = np.concatenate([np.arange(0, 200, 2), np.arange(200, STEPS + 1, 10)])
    readings: dict[str, float] = {}
    for name, path in zip(RUNS, paths, strict=True):
        readings |= _readings(name, path)
    return {
        "settings": {
            "objective": "theta_1^4 - 4 theta_1^2 + theta_2^2",
            "initial_speed": 1.0,
            "step": STEP,
            "iterations": STEPS,
        },
        "iterations": kept,
        "runs": {
            name: {
                "alpha": alpha,
                "beta": beta,
                "panel": panel,
                "theta_1": path[kept, 0],
                "theta_2": path[kept, 1],
                "values": value[kept],
            }
            for name, alpha, beta, panel, path, value in zip(
                RUNS, alphas, betas, panels, paths, values, strict=True
            )
        },
        "readings": readings,
    }


TITLES = {
    "on": "started on the stable manifold",
    "off": "started beside the stable manifold",
}
# Line and marker of the start: no other colour stays legible on this surface.
LOOKS = (("-", "o"), ("--", "s"))
WIDTH, DEPTH = 1.85, 2.0  # half widths of the surface.
RED = "#D62F2F"  # stands out from SKY in grey print too.


def _height(theta_1: np.ndarray, theta_2: np.ndarray) -> np.ndarray:
    objective = jax.vmap(jax.vmap(DOUBLE_WELL.objective))
    return np.asarray(objective(jnp.stack([theta_1, theta_2], axis=-1)))


def _draw_surface(axis: Any) -> Any:
    """The convex parts in blue, the concave part in red, the manifold in grey."""
    theta_2 = np.linspace(-DEPTH, DEPTH, 31)
    for low, high, colour in (
        (-WIDTH, -INFLECTION, style.SKY),
        (INFLECTION, WIDTH, style.SKY),
        (-INFLECTION, INFLECTION, RED),
    ):
        grid = np.meshgrid(np.linspace(low, high, 17), theta_2)
        axis.plot_surface(*grid, _height(*grid), color=colour, alpha=0.7, linewidth=0)
    (manifold,) = axis.plot(
        np.zeros_like(theta_2),
        theta_2,
        theta_2**2,
        color="#B0B0B0",
        linewidth=6,
        label="stable manifold",
    )
    return manifold


def _draw_points(axis: Any) -> list[Any]:
    """The critical points."""
    drawn = []
    for points, marker, label in (
        (DOUBLE_WELL.saddles, "X", "strict saddle"),
        (DOUBLE_WELL.minimizers, "*", "minimizers"),
    ):
        x, y = np.array(points).T
        drawn += axis.plot(
            x,
            y,
            _height(x[None], y[None])[0],
            marker,
            linestyle="none",
            color="white",
            markeredgecolor="black",
            markersize=12,
            label=label,
        )
    return drawn


def draw(result: Mapping[str, Any]) -> Any:
    """Left: starts on the stable manifold; right: beside it."""
    figure = style.new_figure(12, 6.6)
    axes = figure.subplots(
        1, 2, subplot_kw={"projection": "3d", "computed_zorder": False}
    )
    for axis, panel in zip(axes, TITLES, strict=True):
        fixed = [_draw_surface(axis)]
        runs = [run for run in result["runs"].values() if run["panel"] == panel]
        lines = []
        for run, (line, marker) in zip(runs, LOOKS, strict=True):
            path = run["theta_1"], run["theta_2"], run["values"]
            sign = "<" if run["alpha"] * run["beta"] < 1 else ">"
            label = (
                rf"$\alpha = {run['alpha']:g}$, $\beta = {run['beta']:g}$"
                rf" ($\alpha\beta {sign} 1$)"
            )
            lines += axis.plot(
                *path, color=style.BLACK, linestyle=line, linewidth=2, label=label
            )
            axis.plot(*([x[0]] for x in path), marker, color=style.BLACK, markersize=8)
        fixed += _draw_points(axis)
        axis.view_init(elev=52, azim=-78)
        axis.set_box_aspect((1.1, 1.1, 0.7), zoom=1.0)
        axis.set_xlabel(r"$\theta_1$")
        axis.set_ylabel(r"$\theta_2$")
        axis.set_zlabel(r"$\mathcal{J}$")
        axis.set_title(TITLES[panel], pad=16)
        axis.legend(
            handles=lines,
            loc="upper center",
            bbox_to_anchor=(0.5, 1.03),
            ncols=2,
            frameon=False,
        )
    figure.legend(handles=fixed, loc="outside lower center", ncols=3, frameon=False)
    settings = result["settings"]
    figure.suptitle(
        r"INNA on $\theta_1^4 - 4\,\theta_1^2 + \theta_2^2$ (red: locally concave,"
        rf" blue: convex), $\gamma = {settings['step']:g}$, {settings['iterations']:,}"
        r" iterations, initial velocity $-\nabla\mathcal{J}(\theta_0)$"
    )
    return figure
