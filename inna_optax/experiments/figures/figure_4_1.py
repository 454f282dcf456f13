r"""Figure 4.1: a step of negative curvature, then one of positive curvature.

In one dimension.  At each point the loss is replaced by its second-order model along
the negative gradient (4.2).  At :math:`\theta_0` the model :math:`q^-` is concave and
the step factor is the large :math:`\nu`; at :math:`\theta_1` the model :math:`q^+` is
convex, the step factor is that of (4.4), and :math:`\theta_2` is the model's minimizer.

The thesis does not say which function it drew.  Here it is
:math:`\phi(t) = t^2 / (1 + t^2)`, one term of the regression of Figures 4.2 and 4.3,
convex where :math:`|t| < 1/\sqrt 3`, with :math:`\theta_0 = 2` and :math:`\nu = 10.5`.
Gradients and curvatures are automatic derivatives, the step factors are the package's
`barzilai_borwein_ratio`.  Both scales are the same.

Source: Castera's thesis (https://theses.hal.science/tel-04186508), section 4.3.1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax.experiments.figures import style
from inna_optax.landscapes import RobustRegression
from inna_optax.transforms._curvature import barzilai_borwein_ratio

THETA_0 = 2.0
NU = 10.5
RANGE = (-1.3, 3.5)
MODEL_RANGES = ((0.1, 3.5), (-0.95, 0.85))


class Step(NamedTuple):
    """One step from theta along the negative gradient; arrays of shape ()."""

    theta: jax.Array
    value: jax.Array
    slope: jax.Array
    curvature: jax.Array  # the second derivative.
    gamma: jax.Array  # step factor.
    target: jax.Array  # theta - gamma * slope.


def one_row_loss(theta: jax.Array) -> jax.Array:
    """The loss of a regression with one row and one variable: phi(theta)."""
    row = RobustRegression(jnp.ones((1, 1)), jnp.zeros(1))
    return row.objective(theta[None])


def tuned_step(theta: jax.Array, nu: jax.Array) -> Step:
    """The step of (4.4), with the large factor nu where curvature is not positive."""
    value, slope = jax.value_and_grad(one_row_loss)(theta)
    hessian_gradient = jax.jvp(jax.grad(one_row_loss), (theta,), (slope,))[1]
    gamma = barzilai_borwein_ratio(slope**2, hessian_gradient * slope, nu)
    return Step(
        theta, value, slope, hessian_gradient / slope, gamma, theta - gamma * slope
    )


def model(step: Step, theta: np.ndarray) -> np.ndarray:
    r"""The model (4.2) at the step's start, at points :math:`\theta_k + \gamma d`."""
    move = theta - float(step.theta)
    slope, curvature = float(step.slope), float(step.curvature)
    return float(step.value) + slope * move + 0.5 * curvature * move**2


@jax.jit
def _two_steps(theta: jax.Array, nu: jax.Array) -> tuple[Step, Step, jax.Array]:
    first = tuned_step(theta, nu)
    second = tuned_step(first.target, nu)
    return first, second, one_row_loss(second.target)


def compute(scale: str) -> dict[str, Any]:
    """Makes both steps and tabulates the loss and its two models.

    Args:
      scale: "desk" or "paper", which are the same here.

    Returns:
      Plain data for :func:`draw`, with "settings" and "readings".
    """
    first, second, last_value = _two_steps(jnp.asarray(THETA_0), jnp.asarray(NU))
    thetas = np.linspace(*RANGE, 401)
    values = np.asarray(jax.jit(jax.vmap(one_row_loss))(jnp.asarray(thetas)))
    models = {}
    for name, step, limits in zip(
        ("minus", "plus"), (first, second), MODEL_RANGES, strict=True
    ):
        points = np.linspace(*limits, 101)
        models[name] = {
            "theta": points.tolist(),
            "value": model(step, points).tolist(),
        }
    path = [float(first.theta), float(second.theta), float(second.target)]
    heights = [float(first.value), float(second.value), float(last_value)]
    return {
        "settings": {
            "scale": scale,
            "function": "phi(theta) = theta^2 / (1 + theta^2)",
            "theta_0": THETA_0,
            "nu": NU,
            "learning_rate": 1.0,
            "cut": "none",
        },
        "readings": {
            "curvature_at_theta_0": float(first.curvature),
            "gamma_at_theta_0": float(first.gamma),
            "theta_1": path[1],
            "curvature_at_theta_1": float(second.curvature),
            "gamma_at_theta_1": float(second.gamma),
            "theta_2": path[2],
            "minimum_of_q_plus": float(model(second, np.asarray(path[2]))),
            "loss_at_theta_0": heights[0],
            "loss_at_theta_1": heights[1],
            "loss_at_theta_2": heights[2],
            "large_step_where_concave": bool(
                first.curvature < 0 and np.isclose(first.gamma, NU)
            ),
            "theta_2_minimizes_the_model": bool(
                second.curvature > 0
                and np.isclose(
                    path[2], path[1] - float(second.slope) / float(second.curvature)
                )
            ),
            "loss_decreases": heights[0] > heights[1] > heights[2],
        },
        "loss": {"theta": thetas.tolist(), "value": values.tolist()},
        "models": models,
        "path": {"theta": path, "value": heights},
        "inflections": [-1 / np.sqrt(3.0), 1 / np.sqrt(3.0)],
    }


def draw(result: dict[str, Any]) -> Any:
    """Draws the loss, the two models and the two steps."""
    figure = style.new_figure(7.2, 4.4)
    axis = figure.subplots()
    low, high = result["inflections"]
    axis.axvspan(low, high, color=style.GREY, alpha=0.13, linewidth=0)
    axis.text(low + 0.04, 1.08, "convex", color="#555555", va="top")
    axis.text(high + 0.04, 1.08, "concave", color="#555555", va="top")
    axis.plot(*_line(result["loss"]), color=style.BLACK, label=r"loss $\mathcal{J}$")
    axis.plot(
        *_line(result["models"]["minus"]),
        color=style.VERMILLION,
        linestyle="--",
        label=r"$q^-$: model at $\theta_0$, negative curvature",
    )
    axis.plot(
        *_line(result["models"]["plus"]),
        color=style.BLUE,
        linestyle="-.",
        label=r"$q^+$: model at $\theta_1$, positive curvature",
    )
    _draw_steps(axis, result)
    axis.plot(
        result["path"]["theta"][2],
        result["readings"]["minimum_of_q_plus"],
        "o",
        color=style.BLUE,
        markerfacecolor="white",
        markersize=6,
        zorder=3,
    )
    axis.annotate(
        "minimum of $q^+$",
        (result["path"]["theta"][2], result["readings"]["minimum_of_q_plus"]),
        (-8, -6),
        textcoords="offset points",
        color=style.BLUE,
        fontsize=8,
        ha="right",
        va="top",
    )
    axis.set_xlim(RANGE)
    axis.set_ylim(-0.3, 1.1)
    axis.set_xlabel(r"$\theta$")
    axis.set_ylabel("value")
    style.tidy(axis)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle("Steps of negative and of positive curvature", fontsize=12)
    return figure


def _line(curve: dict[str, Any]) -> tuple[Any, Any]:
    return curve["theta"], curve["value"]


def _draw_steps(axis: Any, result: dict[str, Any]) -> None:
    """Points on the loss, and below them the two steps as arrows on one level."""
    thetas, values = result["path"]["theta"], result["path"]["value"]
    labels = (r"$\theta_0$", r"$\theta_1$", r"$\theta_2$")
    offsets = ((6, -15), (10, -6), (3, 8))
    level = -0.17
    for theta, value, label, offset in zip(
        thetas, values, labels, offsets, strict=True
    ):
        axis.plot([theta, theta], [level, value], color=style.GREY, lw=0.8, ls=":")
        axis.plot(theta, value, "o", color=style.BLACK, markersize=6, zorder=3)
        axis.annotate(
            label, (theta, value), offset, textcoords="offset points", fontsize=13
        )
    texts = (
        rf"large step, $\gamma = \nu = {result['settings']['nu']:g}$",
        rf"$\gamma = {result['readings']['gamma_at_theta_1']:.2f}$",
    )
    colours = (style.VERMILLION, style.BLUE)
    for start, end, text, colour in zip(
        thetas[:-1], thetas[1:], texts, colours, strict=True
    ):
        axis.annotate(
            "",
            (end, level),
            (start, level),
            arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.6},
        )
        axis.text(
            0.5 * (start + end), level - 0.03, text, color=colour, ha="center", va="top"
        )
