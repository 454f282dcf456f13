"""The curvature measurements that Step-Tuned SGD and its relatives share.

Equation numbers are those of chapter 4 of Castera's thesis
(https://theses.hal.science/tel-04186508).
"""

from typing import Literal

import jax
import jax.numpy as jnp

from inna_optax.transforms._arithmetic import Scalar
from inna_optax.transforms._schedules import step_power

NegativeCurvature = Literal["nu", "absolute"]


def debiased_average_weight(beta: Scalar, count: jax.Array) -> jax.Array:
    r"""The factor that debiases the average of gradient differences.

    It turns :math:`G_k` into :math:`\hat G_k = G_k / (1 - \beta^{k+1})` (Algorithm 3,
    line 11).

    Args:
      beta: decay of the moving average, in [0, 1).
      count: k, the number of times that the average was updated before.

    Returns:
      A float array of shape ().

    Examples:
      >>> round(float(debiased_average_weight(0.9, 0)), 4)
      10.0
    """
    return 1 / (1 - jnp.power(beta, jnp.asarray(count).astype(float) + 1))


def barzilai_borwein_ratio(
    squared_length: Scalar,
    curvature: Scalar,
    nu: Scalar,
    negative_curvature: NegativeCurvature = "nu",
) -> jax.Array:
    r"""The Barzilai-Borwein step size, or ``nu`` where it is undefined (4.8).

    .. math::
      \gamma = \begin{cases}
        \|\Delta\theta\|^2 / \langle \Delta\theta, \Delta g \rangle
          & \text{if } \langle \Delta\theta, \Delta g \rangle > 0 \\
        \nu & \text{otherwise}
      \end{cases}

    ``nu`` also replaces a ratio that is not finite: after zero gradients, a NaN or an
    overflow.

    Args:
      squared_length: :math:`\|\Delta\theta\|^2`, in [0, inf), or a positive
        multiple of it.
      curvature: :math:`\langle \Delta\theta, \Delta g \rangle`, or the same positive
        multiple of it.
      nu: the step size where the curvature is not positive, in (0, inf).
      negative_curvature: ``"nu"``, or ``"absolute"`` for the absolute value of a
        negative ratio (the classical variant of Figure 4.2).

    Returns:
      A positive, finite float array of shape ().

    Examples:
      >>> float(barzilai_borwein_ratio(1.0, 4.0, nu=2.0))
      0.25
      >>> float(barzilai_borwein_ratio(1.0, -4.0, nu=2.0))
      2.0
      >>> float(barzilai_borwein_ratio(1.0, -4.0, 2.0, negative_curvature="absolute"))
      0.25
      >>> float(barzilai_borwein_ratio(0.0, 0.0, nu=2.0))
      2.0
    """
    if negative_curvature == "absolute":
        curvature = jnp.abs(curvature)
    positive = (curvature > 0) & (squared_length > 0)
    ratio = squared_length / jnp.where(positive, curvature, 1.0)
    return jnp.where(positive & jnp.isfinite(ratio) & (ratio > 0), ratio, nu)


def clip_step(gamma: Scalar, gamma_min: Scalar, gamma_max: Scalar) -> jax.Array:
    r"""Keeps a step size in :math:`[\tilde m, \tilde M]` (Algorithm 3, line 17).

    Args:
      gamma: the step size.
      gamma_min: :math:`\tilde m`, in (0, gamma_max].
      gamma_max: :math:`\tilde M`, in [gamma_min, inf).

    Returns:
      :math:`\min(\max(\gamma, \tilde m), \tilde M)`, a float array of shape ().

    Examples:
      >>> [float(clip_step(gamma, 0.5, 2.0)) for gamma in (0.1, 1.0, 5.0)]
      [0.5, 1.0, 2.0]
    """
    return jnp.minimum(jnp.maximum(gamma, gamma_min), gamma_max)


def decay_factor(count: jax.Array, delta: Scalar | None) -> Scalar:
    r"""The decay :math:`1 / (k+1)^{1/2+\delta}` of Theorem 4.2, or 1 without delta.

    Args:
      count: k, the number of mini-batches used before this one.
      delta: in (0, 1/2), or None for no decay.

    Returns:
      A number in (0, 1].

    Examples:
      >>> round(float(decay_factor(3, delta=0.001)), 4)
      0.4993
    """
    if delta is None:
        return 1.0
    return step_power(count, -(0.5 + delta))
