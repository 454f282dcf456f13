"""Figure 3.1: two functions with singular Hessians (section 3.2 of Castera's thesis).

The Hessians of `theta_1^2 / 2 + theta_2^2 / 2 + theta_1 theta_2` and of
`theta_1^3 + theta_2^2` have the eigenvalues 0 and 2 at the critical point (0, 0), which
is a minimizer of the first and no extremum of the second.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax.experiments.figures import style
from inna_optax.landscapes import CUBIC_SADDLE, FLAT_VALLEY, Landscape

FUNCTIONS = {"valley": FLAT_VALLEY, "cubic": CUBIC_SADDLE}
FORMULAS = {
    "valley": r"$\frac{1}{2}\theta_1^2 + \frac{1}{2}\theta_2^2 + \theta_1\theta_2$",
    "cubic": r"$\theta_1^3 + \theta_2^2$",
}
KINDS = {"valley": "a minimizer", "cubic": "no extremum"}
HALF_WIDTH = 1.0
POINTS = 41
RADIUS = 0.1  # of the circle around (0, 0) on which J is looked at.


def _surface(landscape: Landscape) -> np.ndarray:
    """J on the grid."""
    x = jnp.linspace(-HALF_WIDTH, HALF_WIDTH, POINTS)
    grid = jnp.stack(jnp.meshgrid(x, x), axis=-1)
    return np.asarray(jax.vmap(jax.vmap(landscape.objective))(grid))


def _readings(landscape: Landscape) -> dict[str, float]:
    """The derivatives at (0, 0), and the least and greatest J near it."""
    origin = jnp.zeros(2)
    angles = jnp.linspace(0, 2 * jnp.pi, 720, endpoint=False)
    circle = RADIUS * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    around = jax.vmap(landscape.objective)(circle) - landscape.objective(origin)
    low, high = jnp.linalg.eigvalsh(jax.hessian(landscape.objective)(origin))
    return {
        "gradient_norm": float(jnp.linalg.norm(jax.grad(landscape.objective)(origin))),
        "smallest_eigenvalue": float(low),
        "largest_eigenvalue": float(high),
        "least_increase_around": float(around.min()),
        "greatest_increase_around": float(around.max()),
    }


def compute(scale: str) -> dict[str, Any]:
    """Evaluates both functions; any `scale`."""
    del scale
    return {
        "settings": {"half_width": HALF_WIDTH, "points": POINTS, "radius": RADIUS},
        "surfaces": {
            name: np.round(_surface(landscape), 6)
            for name, landscape in FUNCTIONS.items()
        },
        "readings": {
            f"{name}_{reading}": number
            for name, landscape in FUNCTIONS.items()
            for reading, number in _readings(landscape).items()
        },
    }


def draw(result: Mapping[str, Any]) -> Any:
    """Both surfaces, the critical point in red."""
    figure = style.new_figure(10, 4.8)
    axes = figure.subplots(
        1, 2, subplot_kw={"projection": "3d", "computed_zorder": False}
    )
    width = result["settings"]["half_width"]
    x = np.linspace(-width, width, result["settings"]["points"])
    for axis, (name, surface) in zip(axes, result["surfaces"].items(), strict=True):
        axis.plot_surface(
            *np.meshgrid(x, x),
            np.asarray(surface),
            cmap="cividis",
            alpha=0.8,
            linewidth=0.3,
            edgecolor=(0, 0, 0, 0.4),
            rstride=2,
            cstride=2,
        )
        axis.plot(
            *(0, 0, 0),
            "o",
            color="red",
            markeredgecolor="black",
            markersize=9,
            label="critical point (0, 0)",
            zorder=5,
        )
        axis.view_init(elev=35, azim=-56)
        axis.set(xlabel=r"$\theta_1$", ylabel=r"$\theta_2$", zlabel=r"$\mathcal{J}$")
        axis.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1), zticks=(-1, 0, 1, 2))
        axis.set_title(f"{FORMULAS[name]}: {KINDS[name]}")
        axis.set_box_aspect((1, 1, 0.8), zoom=0.95)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False)
    figure.suptitle(
        r"Two functions $\mathcal{J}(\theta_1, \theta_2)$ whose Hessians at (0, 0) have"
        " the eigenvalues 0 and 2"
    )
    return figure
