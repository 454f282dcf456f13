"""What alpha and beta do: maps over a grid of (alpha, beta), at one learning rate.

Not in the papers.  On the quadratic theta_1^2 + 10 theta_2^2 (curvatures 2 and 20),
INNA with learning rate 0.02 from rest: how far it has come after 500 iterations, and
how often it has crossed the axes; the borders are the theory's: alpha beta = 1, the
curvatures that spiral, and stability.  On the non-smooth function of Figure 2.1,
learning rate 5e-4: how far it has come after 20,000 iterations.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from inna_optax import inna
from inna_optax.dynamics import flow_eigenvalues, map_eigenvalues
from inna_optax.experiments.figures import style
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import NARROW_QUADRATIC, NONSMOOTH_ROSENBROCK

ALPHAS = np.logspace(-1.5, 1.0, 36)
BETAS = np.logspace(-2.0, 1.0, 40)
CURVATURES = (2.0, 20.0)
QUADRATIC: dict[str, Any] = {"step_size": 0.02, "steps": 500, "start": (1.0, 0.6)}
ROSENBROCK: dict[str, Any] = {"step_size": 5e-4, "steps": 20_000, "start": (-1.0, 1.5)}
# Settings whose paths are drawn: (alpha, beta) and what they show.
MARKED = {
    "A": (0.1, 0.03, "little of both: spirals"),
    "B": (0.1, 0.4, "beta alone: the steep spiral is gone"),
    "C": (4.0, 0.03, "alpha alone: the steep one is left"),
    "D": (2.0, 0.4, "both: damped"),
}
FLOOR = 1e-10  # of the start's coordinates: crossings below it are rounding


def _run(landscape: Any, setting: dict[str, Any], pairs: np.ndarray, every: int) -> Any:
    """Paths for all pairs (alpha, beta), shape (pairs, 2), from rest."""
    return trajectories(
        lambda h: inna(
            setting["step_size"], h["alpha"], h["beta"], initial_speed=h["beta"]
        ),
        landscape.objective,
        np.broadcast_to(setting["start"], (len(pairs), 2)),
        {"alpha": pairs[:, 0], "beta": pairs[:, 1]},
        steps=setting["steps"],
        every=every,
    )


def _crossings(paths: np.ndarray, start: tuple[float, float]) -> np.ndarray:
    """Number of sign changes of each coordinate, shape (pairs, variables)."""
    signs = np.sign(paths) * (np.abs(paths) > FLOOR * np.abs(np.array(start)))
    return (signs[:, 1:] * signs[:, :-1] < 0).sum(axis=1)


def compute(scale: str) -> dict[str, Any]:
    """The maps, rows by alpha and columns by beta, and the marked paths."""
    del scale  # there is no published setting
    grid = np.stack(np.meshgrid(ALPHAS, BETAS, indexing="ij"), axis=-1).reshape(-1, 2)
    shape = (len(ALPHAS), len(BETAS))
    quadratic = _run(NARROW_QUADRATIC, QUADRATIC, grid, every=1)
    rosenbrock = _run(NONSMOOTH_ROSENBROCK, ROSENBROCK, grid, every=ROSENBROCK["steps"])
    marked = np.array([pair[:2] for pair in MARKED.values()])
    paths = _run(NARROW_QUADRATIC, QUADRATIC, marked, every=1)

    values = np.asarray(quadratic.values[:, -1])
    crossings = _crossings(np.asarray(quadratic.iterates), QUADRATIC["start"])
    # The theory, for the same grid: where the map is unstable, where the flow spirals.
    alphas, betas = jnp.asarray(grid[:, :1]), jnp.asarray(grid[:, 1:])
    lam = jnp.asarray(CURVATURES)
    pairs = map_eigenvalues(lam, alphas, betas, QUADRATIC["step_size"])
    radius = np.asarray(jnp.abs(pairs).max(axis=(-1, -2)))
    spirals = np.asarray(flow_eigenvalues(lam, alphas, betas)[..., 0].imag > 0)
    stable = radius < 1
    damped = (
        stable & ~spirals.any(axis=-1) & np.asarray((pairs.real > 0).all(axis=(-1, -2)))
    )
    ends = np.asarray(rosenbrock.values[:, -1])
    best, best_rosenbrock = np.nanargmin(values), np.nanargmin(ends)
    return {
        "alphas": ALPHAS,
        "betas": BETAS,
        "quadratic_values": values.reshape(shape),
        "quadratic_crossings": crossings.sum(axis=-1).reshape(shape),
        "quadratic_spectral_radius": radius.reshape(shape),
        "rosenbrock_values": ends.reshape(shape),
        "marked": {
            name: {
                "alpha": pair[0],
                "beta": pair[1],
                "says": pair[2],
                "path": np.asarray(path),
            }
            for (name, pair), path in zip(MARKED.items(), paths.iterates, strict=True)
        },
        "settings": {"quadratic": QUADRATIC, "rosenbrock": ROSENBROCK},
        "readings": {
            "quadratic_best_value": values[best],
            "quadratic_best_alpha": grid[best, 0],
            "quadratic_best_beta": grid[best, 1],
            "rosenbrock_best_value": ends[best_rosenbrock],
            "rosenbrock_best_alpha": grid[best_rosenbrock, 0],
            "rosenbrock_best_beta": grid[best_rosenbrock, 1],
            # By theory both coordinates decay without oscillating: one crossing each
            # at the most, as an overdamped spring may.
            "most_crossings_where_theory_damps": int(crossings[damped].max()),
            # By theory a coordinate spirals; it may die out before it crosses.
            "share_of_spirals_in_theory_that_cross": float(
                (crossings[stable] > 0)[spirals[stable]].mean()
            ),
            "least_value_where_theory_diverges": float(
                np.nan_to_num(values[radius > 1.05], nan=np.inf).min()
            ),
            "value_at_start": float(
                NARROW_QUADRATIC.objective(jnp.asarray(QUADRATIC["start"]))
            ),
        },
    }


def draw(result: dict[str, Any]) -> Any:
    """Four panels: two maps of the quadratic, its marked paths, the non-smooth map."""
    figure = style.new_figure(11.5, 9.2)
    (values, crossings), (paths, rosenbrock) = figure.subplots(2, 2)
    alphas, betas = np.array(result["alphas"]), np.array(result["betas"])

    def grid(name: str) -> np.ndarray:
        return np.array(result[name], float)

    def show(axis: Any, z: np.ndarray, low: float, high: float, label: str) -> None:
        z = np.where(np.isfinite(z), z, high)
        mesh = axis.pcolormesh(
            alphas, betas, z.T, vmin=low, vmax=high, cmap="viridis", rasterized=True
        )
        figure.colorbar(mesh, ax=axis, label=label, extend="both")
        axis.set(xscale="log", yscale="log")
        axis.set_xlabel(r"$\alpha$, viscous friction")
        axis.set_ylabel(r"$\beta$, Newton-like damping")
        axis.plot(alphas, 1 / alphas, color="white", linestyle="--", linewidth=1.5)
        axis.set_xlim(alphas[0], alphas[-1])
        axis.set_ylim(betas[0], betas[-1])

    quadratic = result["settings"]["quadratic"]
    setting = f"$\\gamma$ = {quadratic['step_size']:g}, {quadratic['steps']} iterations"
    with np.errstate(divide="ignore"):
        show(
            values,
            np.log10(grid("quadratic_values")),
            -12.0,
            1.0,
            r"$\log_{10}$ of the last value",
        )
        show(
            rosenbrock,
            np.log10(grid("rosenbrock_values")),
            -4.0,
            0.5,
            r"$\log_{10}$ of the last value",
        )
    values.set_title(
        rf"(a) $\theta_1^2 + 10\,\theta_2^2$: final value, {setting}", fontsize=10
    )
    show(crossings, grid("quadratic_crossings"), 0, 20, "crossings of the two axes")
    crossings.set_title("(b) the same runs: how often they oscillate", fontsize=10)
    for axis in (values, crossings):
        axis.contour(
            alphas,
            betas,
            grid("quadratic_spectral_radius").T,
            levels=[1.0],
            colors=style.VERMILLION,
            linewidths=1.5,
        )
        for name, entry in result["marked"].items():
            axis.annotate(
                name,
                (entry["alpha"], entry["beta"]),
                ha="center",
                va="center",
                fontsize=9,
                bbox={"boxstyle": "circle,pad=0.2", "fc": "white", "lw": 0.6},
            )
    for dashes, curvature in zip(("-", ":"), CURVATURES, strict=True):
        _draw_interval(crossings, alphas, betas, curvature, dashes)
    values.plot([], [], color="white", linestyle="--", label=r"$\alpha\beta = 1$")
    values.plot([], [], color=style.VERMILLION, label="limit of stability")
    values.legend(loc="upper right", fontsize=8, facecolor="0.35", labelcolor="white")
    crossings.legend(
        loc="upper right", fontsize=8, facecolor="0.35", labelcolor="white"
    )

    style.draw_contours(
        paths, NARROW_QUADRATIC.objective, (-1.1, 1.1), (-1.0, 0.75), levels=16
    )
    colours = (style.VERMILLION, style.BLUE, style.GREEN, style.BLACK)
    for (name, entry), colour, linestyle in zip(
        result["marked"].items(), colours, style.LINE_STYLES[:4], strict=True
    ):
        path = np.array(entry["path"])
        paths.plot(
            *path.T,
            color=colour,
            linestyle=linestyle,
            linewidth=1.3,
            label=rf"{name}: $\alpha$ {entry['alpha']:g}, $\beta$ {entry['beta']:g};"
            f" {entry['says']}",
        )
    paths.plot(*path[0], "kx", markersize=8)
    paths.set_title("(c) four of the runs, from the cross", fontsize=10)
    paths.legend(loc="lower left", fontsize=8)

    nonsmooth = result["settings"]["rosenbrock"]
    rosenbrock.set_title(
        r"(d) $100(\theta_2 - |\theta_1|)^2 + |1 - \theta_1|$: final value,"
        f" $\\gamma$ = {nonsmooth['step_size']:g}, {nonsmooth['steps']:,} iterations",
        fontsize=10,
    )
    return figure


def _draw_interval(
    axis: Any, alphas: np.ndarray, betas: np.ndarray, curvature: float, dashes: str
) -> None:
    """Where the flow stops spiralling: alpha + beta lam = 2 sqrt(lam)."""
    end = 2 * np.sqrt(curvature)
    # At the points of both axes: on logarithmic ones the border is steep at both ends.
    beta = np.sort(np.concatenate([betas, (end - alphas) / curvature]))
    alpha = end - beta * curvature
    inside = (beta > 0) & (alpha > 0)
    axis.plot(
        alpha[inside],
        beta[inside],
        color=style.ORANGE,
        linestyle=dashes,
        linewidth=1.5,
        label=f"curvature {curvature:g} spirals below",
    )
