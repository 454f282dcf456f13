"""Damped momentum: INNA with constant alpha and beta, in the units of momentum.

INNA's velocity is the negative of an average ``m`` of the past gradients:
``v = -(1 - alpha beta) / alpha m``.  In terms of ``m`` INNA is a share of the fresh
gradient, a memory and a rate, and the momentum methods are settings of the three.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from inna_optax.transforms._arithmetic import (
    differentiable,
    rounding_error,
    update_dtypes,
    zeros_like,
)
from inna_optax.transforms._hyperparameters import (
    ScalarOrSchedule,
    check_hyperparameter,
    check_storage_dtype,
    value_at,
)
from inna_optax.transforms._inna import (
    VelocityCoefficients,
    away_from_zero,
    velocity_step,
)


class DampedMomentumState(NamedTuple):
    """State of the transformation returned by :func:`damped_momentum`."""

    # shape=(), dtype=jnp.int32: number of updates made.
    count: jax.Array  # type: ignore[assignment]
    average: optax.Updates  # m_k, shapes of the params, dtype velocity_dtype.


def damped_momentum(
    learning_rate: ScalarOrSchedule,
    momentum: ScalarOrSchedule = 0.9,
    damping: ScalarOrSchedule = 0.2,
    *,
    velocity_dtype: Any = None,
) -> optax.GradientTransformationExtraArgs:
    r"""Momentum with a share of the fresh gradient: INNA in the units of momentum.

    Start from a tuned ``optax.sgd(learning_rate, momentum, nesterov=True)``.  The
    third number, ``damping``, says how much of a step is the fresh gradient; the rest
    is the average of the past ones.  ``damping=1 - momentum**2`` is Nesterov momentum,
    ``damping=1 - momentum`` the heavy ball, both to rounding.  A larger share damps the
    oscillations of a long memory; the largest stable rate is smaller.

    ``init`` makes :math:`m_0 = 0`.  One ``update`` returns
    :math:`\theta_{k+1} - \theta_k` and advances the average; of the params, which may
    be left out, it takes only the types:

    .. math::
      \begin{align*}
        \theta_{k+1} &= \theta_k - \frac{\eta}{1 - \mu}
          \left[ c \, g_k + (1 - c) \, m_k \right] \\
        m_{k+1} &= \mu m_k + (1 - \mu) g_k
      \end{align*}

    :math:`\eta` is ``learning_rate``, :math:`\mu` is ``momentum``, :math:`c` is
    ``damping``.  With constant hyperparameters this is :func:`inna` from rest, equation
    (2.13), with :math:`\eta = \gamma^2`, :math:`\mu = 1 - \alpha\gamma` and
    :math:`c = \alpha\beta`; :func:`momentum_from_inna` and :func:`inna_from_momentum`
    convert.

    Args:
      learning_rate: :math:`\eta` as ``optax.sgd`` counts it, in [0, inf); a number or
        a schedule, which scales the update.  A step along a constant gradient tends to
        :math:`\eta / (1 - \mu)` times it, the effective rate.
      momentum: :math:`\mu` in [0, 1), a memory of some :math:`1 / (1 - \mu)` steps; a
        number or a schedule.  Values below :math:`4 \sqrt{\epsilon}` (0.0014 in
        float32) are replaced by that bound.
      damping: :math:`c` in [0, inf), the share of the fresh gradient; a number or a
        schedule.  At 1 the average has no part, which is gradient descent at the
        effective rate.  Beyond 1 the average is subtracted.
      velocity_dtype: type in which the average is stored; None for the params', but at
        least float32.

    Returns:
      An :class:`optax.GradientTransformationExtraArgs` whose state is a
      :class:`DampedMomentumState`.

    Raises:
      TypeError: if a hyperparameter is not a number or a schedule, or
        ``velocity_dtype`` is not a real floating-point type.
      ValueError: if a known number is outside its range.

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import damped_momentum
      >>> def f(x): return jnp.sum(x ** 2)
      >>> solver = damped_momentum(learning_rate=0.05, momentum=0.9, damping=0.3)
      >>> params = jnp.array([1., 2., 3.])
      >>> print(f'Objective function: {f(params):.3f}')
      Objective function: 14.000
      >>> opt_state = solver.init(params)
      >>> for _ in range(5):
      ...   grads = jax.grad(f)(params)
      ...   updates, opt_state = solver.update(grads, opt_state, params)
      ...   params = optax.apply_updates(params, updates)
      ...   print(f'Objective function: {f(params):.3f}')
      Objective function: 6.860
      Objective function: 2.470
      Objective function: 0.464
      Objective function: 0.000
      Objective function: 0.243

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    check_hyperparameter("learning_rate", learning_rate, "[0, inf)", schedule=True)
    check_hyperparameter("momentum", momentum, "[0, 1)", schedule=True)
    check_hyperparameter("damping", damping, "[0, inf)", schedule=True)
    check_storage_dtype("velocity_dtype", velocity_dtype)

    def init_fn(params: optax.Params) -> DampedMomentumState:
        return DampedMomentumState(
            count=jnp.zeros([], jnp.int32),
            average=zeros_like(params, velocity_dtype),
        )

    def update_fn(
        updates: optax.Updates,
        state: DampedMomentumState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, DampedMomentumState]:
        del extra_args
        updates = differentiable(updates)
        dtypes = update_dtypes(updates, params)
        mu = value_at("momentum", momentum, state.count)
        share = value_at("damping", damping, state.count)
        rate = value_at("learning_rate", learning_rate, state.count) / (1 - mu)
        keep = away_from_zero(mu, rounding_error(updates))
        coefficients = VelocityCoefficients(
            keep=keep, push=mu - 1, along=rate * (share - 1) / keep, pull=rate * share
        )
        updates, average = velocity_step(coefficients, state.average, updates, dtypes)
        return updates, DampedMomentumState(optax.safe_increment(state.count), average)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
