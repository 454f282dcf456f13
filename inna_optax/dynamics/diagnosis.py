"""What to expect of INNA on a given loss, at given params."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax

from inna_optax.dynamics.fastest import FastestSettings, fastest_settings
from inna_optax.dynamics.hessian import hessian_extremes
from inna_optax.dynamics.spectrum import oscillation_interval
from inna_optax.dynamics.step_size import saddle_avoiding_step_size, stable_step_size
from inna_optax.transforms._hyperparameters import check_hyperparameter


class Diagnosis(NamedTuple):
    """What :func:`diagnose` found; print it."""

    alpha: float  # as given.
    beta: float  # as given.
    smallest_curvature: float  # the Hessian's smallest eigenvalue.
    largest_curvature: float  # the Hessian's largest eigenvalue.
    curvature_error: float  # each of the two is at most this far from an eigenvalue.
    # The curvatures at which INNA oscillates; None if alpha beta >= 1, where none does.
    oscillation_interval: tuple[float, float] | None
    # "possibly" if the interval lies between the two curvatures and holds neither.
    spirals: Literal["yes", "no", "possibly"]
    stable_learning_rate: float  # INNA converges on the quadratic model below it.
    saddle_avoiding_learning_rate: float  # Theorem 3.9 holds below it.
    # On the quadratic model, in plain numbers; None unless all curvatures are positive.
    fastest: FastestSettings | None

    def __str__(self) -> str:
        if self.oscillation_interval is None:
            where = "alpha * beta >= 1 damps every curvature"
        else:
            low, high = self.oscillation_interval
            where = f"INNA oscillates at curvatures from {low:.4g} to {high:.4g}"
        return "\n".join(
            [
                f"INNA with alpha={self.alpha:g}, beta={self.beta:g}",
                f"  Hessian eigenvalues: {self.smallest_curvature:.4g} to"
                f" {self.largest_curvature:.4g}"
                f" (each to within {self.curvature_error:.1g})",
                f"  spirals: {self.spirals} ({where})",
                f"  stable learning rates: below {self.stable_learning_rate:.4g}",
                "  learning rates that avoid strict saddles: below"
                f" {self.saddle_avoiding_learning_rate:.4g}",
                *self._recommendation(),
            ]
        )

    def _recommendation(self) -> list[str]:
        if self.fastest is None:
            return []
        (gamma, alpha, beta), momentum = self.fastest.inna, self.fastest.momentum
        return [
            f"  fastest on the quadratic model: errors times {self.fastest.rate:.4g} a"
            " step, from rest, by",
            f"    inna({gamma:.4g}, alpha={alpha:.4g}, beta={beta:.4g},"
            f" initial_speed={beta:.4g})",
            f"    damped_momentum({momentum.learning_rate:.4g},"
            f" momentum={momentum.momentum:.4g}, damping={momentum.damping:.4g})",
        ]


def diagnose(
    loss_fn: Callable[[Any], jax.Array],
    params: Any,
    alpha: float = 0.5,
    beta: float = 0.1,
    *,
    iterations: int = 64,
    key: jax.Array | None = None,
) -> Diagnosis:
    """Tells whether INNA will spiral, which rates are safe and which settings fastest.

    Measures the extreme curvatures of the loss at ``params``, and reads the rest off
    the theory of the loss's quadratic model there: :func:`oscillation_interval`,
    :func:`stable_step_size`, :func:`saddle_avoiding_step_size` and
    :func:`fastest_settings`, with the largest curvature for L.  The two limits are at
    most ``1 / alpha``, since :func:`inna_optax.inna` accepts only smaller learning
    rates.

    Args:
      loss_fn: from params to the loss, an array of shape ().
      params: any pytree of real floating-point arrays.
      alpha: viscous friction, in [0, inf).
      beta: Newton-like damping, in (0, inf).
      iterations: number of Hessian-vector products, in [1, inf).
      key: a key of `jax.random`, as in :func:`hessian_extremes`.

    Returns:
      A :class:`Diagnosis` of plain numbers, whose ``str`` is a short report.

    Raises:
      TypeError: if ``alpha`` or ``beta`` is not a number, or from
        :func:`hessian_extremes`.
      ValueError: if a number is outside its range, or from :func:`hessian_extremes`.

    Examples:
      >>> import jax.numpy as jnp
      >>> from inna_optax.dynamics import diagnose
      >>> def loss(x): return 25 * x[0] ** 2 + x[1] ** 2
      >>> print(diagnose(loss, jnp.array([1.0, 1.0]), alpha=2.0, beta=0.1))
      INNA with alpha=2, beta=0.1
        Hessian eigenvalues: 2 to 50 (each to within 0)
        spirals: yes (INNA oscillates at curvatures from 1.115 to 358.9)
        stable learning rates: below 0.14
        learning rates that avoid strict saddles: below 0.1
        fastest on the quadratic model: errors times 0.6667 a step, from rest, by
          inna(0.2357, alpha=2.357, beta=0.2357, initial_speed=0.2357)
          damped_momentum(0.05556, momentum=0.4444, damping=0.5556)

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021

    .. note::
      Curvatures change during training: what is stable here may be unstable elsewhere.
      On a mini-batch, the curvatures are that mini-batch's.
    """
    # Before the Hessian: the last of the bounds refuses 0.
    check_hyperparameter("beta", beta, "(0, inf)")
    interval = oscillation_interval(alpha, beta)
    extremes = hessian_extremes(loss_fn, params, iterations=iterations, key=key)
    smallest, largest, error = map(float, extremes)
    lipschitz = max(largest, 0.0)
    accepted = 1 / alpha if alpha > 0 else float("inf")
    return Diagnosis(
        alpha=float(alpha),
        beta=float(beta),
        smallest_curvature=smallest,
        largest_curvature=largest,
        curvature_error=error,
        oscillation_interval=interval,
        spirals=_spirals(smallest, largest, interval),
        stable_learning_rate=min(
            float(stable_step_size(alpha, beta, lipschitz)), accepted
        ),
        saddle_avoiding_learning_rate=min(
            float(saddle_avoiding_step_size(alpha, beta, lipschitz)), accepted
        ),
        fastest=(
            jax.tree.map(float, fastest_settings(smallest, largest))
            if smallest > 0
            else None
        ),
    )


def _spirals(
    smallest: float, largest: float, interval: tuple[float, float] | None
) -> Literal["yes", "no", "possibly"]:
    if interval is None:
        return "no"
    low, high = interval
    if low < smallest < high or low < largest < high:
        return "yes"
    return "possibly" if smallest <= low and high <= largest else "no"
