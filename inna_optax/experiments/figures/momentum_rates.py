"""How fast and how stable momentum is, by its memory and its share of the gradient.

Not in the papers.  INNA in the units of momentum (`damped_momentum`) with momentum mu
has a memory of 1 / (1 - mu) steps; a share c of each step is the fresh gradient, and
the effective rate is a = learning_rate / (1 - mu).  On quadratic losses:

- the best rate of convergence over (memory, c) at three condition numbers, each with
  its own best effective rate;
- the largest stable effective rate;
- at a memory of 100 steps, how soon each curvature is damped.

At c = 1 the average has no part in a step, but its eigenvalue mu is counted here:
gradient descent is a memory of one step.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax import inna_from_momentum
from inna_optax.dynamics import fastest_settings, map_eigenvalues
from inna_optax.experiments.figures import style

CONDITIONS = (10, 100, 1000)
# The same spacing in both, so that the heavy ball's line goes through grid points.
MEMORIES = np.logspace(0.0, 2.5, 51)
SHARES = np.logspace(-2.5, 0.3, 57)
LONG = 0.99  # the momentum whose damping is drawn: a memory of 100 steps
PRODUCTS = np.logspace(-3.0, 2.8, 233)  # effective rates times curvatures
RULES = {"heavy_ball": "1 - mu", "nesterov": "1 - mu^2"}
DEFAULT = (0.9, 0.2)  # damped_momentum's momentum and damping
# What is drawn in colour, and its name in the readings.
DRAWN: dict[str | float, str] = {
    "heavy_ball": "heavy_ball",
    "nesterov": "nesterov",
    0.2: "share_0.2",
}
FIXED = (0.1, 0.2, 0.3, 0.5, 1)


def share(rule: str | float, mu: Any) -> Any:
    """The share of a method at the momentum `mu`, or the number `rule` itself."""
    if rule == "heavy_ball":
        return 1 - mu
    return 1 - mu**2 if rule == "nesterov" else rule + 0 * mu


@jax.jit
def curvature_interval(radius: Any, mu: Any, c: Any) -> tuple[jax.Array, jax.Array]:
    r"""The effective rates times curvatures that converge at `radius` or faster.

    With :math:`s = 1 - \mu` and :math:`x = a \lambda`, a step multiplies the error
    and the average by a matrix with the characteristic polynomial

    .. math::
      \chi(X) = X^2 - (1 + \mu - c x) X + \mu - (c - s) x

    Both roots are in the disc of radius :math:`\rho` if and only if
    :math:`\chi(\rho) \ge 0`, :math:`\chi(-\rho) \ge 0` and
    :math:`\chi(0) \le \rho^2` (Jury), three conditions :math:`p + q x \ge 0`:

    .. math::
      \begin{align*}
        -(1 - \rho)(\rho - \mu) + (s - c (1 - \rho)) x &\ge 0 \\
        (1 + \rho)(\rho + \mu) + (s - c (1 + \rho)) x &\ge 0 \\
        \rho^2 - \mu + (c - s) x &\ge 0
      \end{align*}

    So the products are an interval.  Of the curvatures between two, one of the two is
    the slowest.

    Args:
      radius: :math:`\rho` in (0, 1].
      mu: momentum in [0, 1).
      c: share of the fresh gradient, in [0, inf).

    Returns:
      The ends (low, high), of the arguments' broadcast shape; low > high if the
      interval is empty.
    """
    s = 1 - mu
    p = (-(1 - radius) * (radius - mu), (1 + radius) * (radius + mu), radius**2 - mu)
    q = (s - c * (1 - radius), s - c * (1 + radius), c - s)
    low, high = jnp.zeros(()), jnp.asarray(jnp.inf)
    for at_0, slope in zip(p, q, strict=True):
        root = -at_0 / jnp.where(slope == 0, 1, slope)
        never = jnp.where((slope == 0) & (at_0 < 0), jnp.inf, 0.0)
        low = jnp.maximum(low, jnp.where(slope > 0, root, never))
        high = jnp.minimum(high, jnp.where(slope < 0, root, jnp.inf))
    return low, high


def largest_stable_rate(mu: Any, c: Any) -> jax.Array:
    r"""The supremum of the stable effective rates, times the largest curvature.

    The end of :func:`curvature_interval` at radius 1, with :math:`s = 1 - \mu`:

    .. math::
      a L < \min\left( \frac{2 (1 + \mu)}{2 c - s} \text{ if } 2 c > s, \
        \frac{s}{s - c} \text{ if } c < s \right)

    The heavy ball, :math:`c = s`, bears :math:`2 (1 + \mu) / s`.  No share bears more
    than :math:`4 / s`, at :math:`c = s - s^2 / 4`.  A long memory with a fixed share
    bears :math:`2 / c`.
    """
    return curvature_interval(1.0, mu, c)[1]


@jax.jit
def best_rate(mu: Any, c: Any, condition: Any) -> tuple[jax.Array, jax.Array]:
    """The least spectral radius over effective rates, and a L that has it.

    A radius is reached if some rate puts the smallest and the largest curvature, which
    are the slowest, into :func:`curvature_interval`: if its ends are at least the
    condition number apart.  The least such radius is found by bisection.
    """

    def halve(_: Any, bounds: Any) -> Any:
        below, reached = bounds
        middle = (below + reached) / 2
        low, high = curvature_interval(middle, mu, c)
        enough = low * condition <= high
        return jnp.where(enough, below, middle), jnp.where(enough, middle, reached)

    shape = jnp.broadcast_shapes(*map(jnp.shape, (mu, c, condition)))
    bounds = (jnp.zeros(shape), jnp.ones(shape))
    _, rate = jax.lax.fori_loop(0, 55, halve, bounds)
    return rate, curvature_interval(rate, mu, c)[1]


def steps(rate: Any) -> Any:
    """Steps in which an error that falls by `rate` a step falls by a factor of e."""
    return -1 / np.log(np.asarray(rate))


def _methods(condition: float) -> dict[str, tuple[float, float]]:
    """The momentum and the share of the methods that are marked.

    Nesterov's is the best for quadratics, as in Lessard, Recht and Packard
    (https://doi.org/10.1137/15M1009597), Table 1.
    """
    polyak = fastest_settings(1 / condition, 1.0).momentum
    triple = fastest_settings(1 / condition, 1.0, "convex").momentum
    root = (3 * condition + 1) ** 0.5
    mu = (root - 2) / (root + 2)
    return {
        "heavy_ball": (float(polyak.momentum), float(polyak.damping)),
        "nesterov": (mu, 1 - mu**2),
        "triple_momentum": (float(triple.momentum), float(triple.damping)),
        "default": DEFAULT,
    }


def _map(condition: int) -> dict[str, Any]:
    """The map at one condition number, and the marked methods."""
    methods = {}
    for name, (mu, c) in _methods(condition).items():
        rate, effective_rate = map(float, best_rate(mu, c, condition))
        methods[name] = {
            "memory": 1 / (1 - mu),
            "share": c,
            "effective_rate": effective_rate,
            "rate": rate,
        }
    fastest = steps(methods["heavy_ball"]["rate"])
    for method in methods.values():
        method["relative_steps"] = steps(method["rate"]) / fastest
    rates = best_rate(1 - 1 / MEMORIES[:, None], SHARES, condition)[0]
    return {
        # By memory and by share, over the steps of the fastest method.
        "relative_steps": [_digits(row) for row in steps(rates) / fastest],
        "methods": methods,
    }


def _readings_of_map(condition: int, found: Mapping[str, Any]) -> dict[str, float]:
    relative = np.array(found["relative_steps"])
    i, j = np.unravel_index(np.argmin(relative), relative.shape)
    readings = {
        "gradient_descent_rate": float(best_rate(0.0, 1.0, condition)[0]),
        "least_relative_steps_on_the_map": relative[i, j],
        "their_memory": MEMORIES[i],
        "their_share": SHARES[j],
    }
    for name, method in found["methods"].items():
        readings |= {f"{name}_{key}": value for key, value in method.items()}
    fastest = steps(found["methods"]["heavy_ball"]["rate"])
    for rule, name in DRAWN.items():
        slow = steps(best_rate(LONG, share(rule, LONG), condition)[0]) / fastest
        readings[f"relative_steps_at_memory_100_{name}"] = float(slow)
    least = steps(best_rate(LONG, SHARES, condition)[0]).min() / fastest
    readings["least_relative_steps_at_memory_100"] = float(least)
    return {f"kappa_{condition}_{name}": value for name, value in readings.items()}


def _digits(x: Any) -> list[float]:
    """Four digits of each: a picture's."""
    return [float(f"{number:.3e}") for number in np.ravel(x)]


@jax.jit
def _spectral_radius(mu: Any, c: Any, product: Any) -> jax.Array:
    """Of a step, at this product of effective rate and curvature."""
    gamma, alpha, beta = inna_from_momentum((1 - mu) * product, mu, c)
    return jnp.abs(map_eigenvalues(1.0, alpha, beta, gamma)).max(axis=-1)


def _damping(rule: str | float, products: np.ndarray) -> np.ndarray:
    """Steps to fall by e with a long memory; NaN where the error grows."""
    radius = np.asarray(_spectral_radius(LONG, share(rule, LONG), products))
    return steps(np.where(radius < 1, radius, np.nan))


def compute(scale: str) -> dict[str, Any]:
    """The maps, the largest stable rates and the damping; any `scale` is the same."""
    del scale  # there is no published setting
    maps = {str(condition): _map(condition) for condition in CONDITIONS}
    readings: dict[str, float] = {}
    for condition in CONDITIONS:
        readings |= _readings_of_map(condition, maps[str(condition)])
    for rule, name in DRAWN.items():
        for memory in (10, 100):
            mu = 1 - 1 / memory
            bound = float(largest_stable_rate(mu, share(rule, mu)))
            readings[f"largest_stable_rate_at_memory_{memory}_{name}"] = bound
        damped = float(_damping(rule, np.array([5.0]))[0])
        readings[f"steps_to_damp_at_memory_100_and_rate_5_{name}"] = damped
    momenta = 1 - 1 / MEMORIES
    return {
        "settings": {
            "conditions": CONDITIONS,
            "shares_by_rule": RULES,
            "memory_of_the_damping": 1 / (1 - LONG),
        },
        "memories": _digits(MEMORIES),
        "shares": _digits(SHARES),
        "maps": maps,
        "largest_stable_rates": {
            str(rule): _digits(largest_stable_rate(momenta, share(rule, momenta)))
            for rule in DRAWN | dict.fromkeys(FIXED)
        },
        "products": _digits(PRODUCTS),
        "steps_to_damp": {
            str(rule): _digits(_damping(rule, PRODUCTS)) for rule in DRAWN
        },
        "readings": readings,
    }


LOOKS: dict[str, dict[str, Any]] = {
    "heavy_ball": {"color": style.VERMILLION, "linestyle": "-"},
    "nesterov": {"color": style.BLUE, "linestyle": "--"},
    "0.2": {"color": style.GREEN, "linestyle": "-."},
}
NAMES = {
    "heavy_ball": r"heavy ball, $c = 1 - \mu$",
    "nesterov": r"Nesterov, $c = 1 - \mu^2$",
}
# The marks of the methods, and the heights at which their names stand.
MARKS = {
    "heavy_ball": ("o", "Polyak", 0.95),
    "triple_momentum": ("^", "Triple Momentum", 0.88),
    "nesterov": ("s", "Nesterov", 0.81),
    "default": ("D", "default (0.9, 0.2)", 0.74),
}
LEVELS = (1, 1.5, 2, 3, 5, 10, 20)
MEMORY = r"memory $1 / (1 - \mu)$, steps"


def _name(rule: str) -> str:
    return NAMES.get(rule, f"$c = {rule}$")


def _draw_map(axis: Any, result: Mapping[str, Any], condition: str) -> Any:
    from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

    # Greys that end before the lines would be lost in them.
    greys = LinearSegmentedColormap.from_list("greys", ["1.0", "0.35"])
    found = result["maps"][condition]
    memories, shares = np.array(result["memories"]), np.array(result["shares"])
    slow = np.array(found["relative_steps"]).T
    norm = BoundaryNorm(LEVELS, greys.N, extend="max")
    filled = axis.contourf(
        memories, shares, slow, LEVELS, cmap=greys, norm=norm, extend="max"
    )
    lines = axis.contour(memories, shares, slow, LEVELS, colors="white", linewidths=0.6)
    axis.clabel(lines, [10, 20], fmt="×%g", fontsize=8, colors="white", zorder=2)
    mu = 1 - 1 / memories
    for rule, look in LOOKS.items():
        c = share(rule if rule in RULES else float(rule), mu)
        axis.plot(memories, c, **look, linewidth=1.8, label=_name(rule))
    for name, (marker, label, height) in MARKS.items():
        point = found["methods"][name]
        at = point["memory"], point["share"]
        axis.annotate(
            f"{label} ×{point['relative_steps']:.3g}",
            at,
            (0.5, height),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            zorder=4,
            arrowprops={"arrowstyle": "-", "linewidth": 0.7, "relpos": (0, 0.5)},
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "lw": 0},
        )
        axis.plot(
            *at, marker, color="white", markeredgecolor="black", markersize=6, zorder=5
        )
    axis.set(xscale="log", yscale="log", ylim=(shares[0], shares[-1]))
    axis.set_xlim(memories[0], memories[-1])
    axis.set_xlabel(MEMORY)
    return filled


def _draw_limits(axis: Any, result: Mapping[str, Any]) -> None:
    style.tidy(axis)
    memories = result["memories"]
    for rule, rates in result["largest_stable_rates"].items():
        look = LOOKS.get(rule, {"color": style.GREY, "linestyle": "-"})
        axis.plot(memories, rates, **look, linewidth=1.8 if rule in LOOKS else 1)
        axis.annotate(
            _name(rule),
            (memories[-1], rates[-1]),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=look["color"],
            fontsize=8,
            annotation_clip=False,
        )
    axis.set(xscale="log", yscale="log")
    axis.set_xlim(memories[0], memories[-1])
    axis.set_xlabel(MEMORY)
    axis.set_ylabel("largest stable effective rate, $a L$")
    axis.set_title(
        "(d) the price of a fixed share: a long memory bears $aL < 2 / c$",
        fontsize=10,
    )


def _draw_damping(axis: Any, result: Mapping[str, Any]) -> None:
    style.tidy(axis)
    products = np.array(result["products"])
    for rule, damped in result["steps_to_damp"].items():
        slow = np.array(damped, float)
        axis.plot(products, slow, **LOOKS[rule], linewidth=1.8)
        last = np.flatnonzero(np.isfinite(slow))[-1]
        axis.plot(
            products[last], slow[last], "x", color=LOOKS[rule]["color"], markersize=8
        )
    axis.set(xscale="log", yscale="log", ylim=(4, 1500))
    axis.set_xlim(products[0], products[-1])
    axis.set_xlabel(r"effective rate times curvature, $a \lambda$ (x: unstable beyond)")
    axis.set_ylabel("steps to fall by a factor of e")
    memory = result["settings"]["memory_of_the_damping"]
    axis.set_title(
        f"(e) what it buys, at a memory of {memory:.0f}: steep directions are damped",
        fontsize=10,
    )


def draw(result: Mapping[str, Any]) -> Any:
    """Above, the maps; below, the largest stable rates and the damping."""
    figure = style.new_figure(12, 8.8)
    above, below = figure.subfigures(2, 1, height_ratios=(1.2, 1))
    axes = above.subplots(1, len(result["maps"]), sharey=True)
    for axis, letter, condition in zip(axes, "abc", result["maps"], strict=True):
        filled = _draw_map(axis, result, condition)
        axis.set_title(rf"({letter}) condition number {condition}", fontsize=10)
    axes[0].set_ylabel("share $c$ of the fresh gradient")
    above.colorbar(filled, ax=axes, format="×{x:g}", pad=0.01)
    above.suptitle(
        "Steps to converge on quadratic losses, over those of Polyak's heavy ball, at"
        " the best effective rate for each memory and share",
        fontsize=11,
    )
    handles, labels = axes[0].get_legend_handles_labels()
    above.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    limits, damping = below.subplots(1, 2)
    _draw_limits(limits, result)
    _draw_damping(damping, result)
    return figure
