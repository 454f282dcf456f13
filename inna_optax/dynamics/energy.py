"""The Lyapunov energies of DIN: functions that never increase along its solutions.

Equation numbers are those of Castera's thesis
(https://theses.hal.science/tel-04186508).
"""

from typing import Any

import jax
import jax.numpy as jnp

from inna_optax.dynamics.arguments import as_float_array, check_number_or_nan
from inna_optax.transforms._arithmetic import real_vdot


def lyapunov(
    loss_value: float | jax.Array,
    velocity: Any,
    alpha: float | jax.Array = 0.5,
    beta: float | jax.Array = 0.1,
) -> jax.Array:
    r"""The Lyapunov energy of INNA, computed from the loss and the velocity alone.

    Along the solutions of DIN it never increases, and is constant only at critical
    points (Lemma 2.6).  Along INNA's iterates this holds up to terms in the learning
    rate.  Watch it beside the loss: the loss may rise while the iterates oscillate, the
    energy may not.

    The thesis's :math:`\mathcal J(\theta)` is ``loss_value``, and
    :math:`(\alpha - 1/\beta) \theta + \psi / \beta` is minus ``velocity``.

    .. math::
      E = E_{\min} + E_{\max} = 2 (1 + \alpha\beta) \mathcal J(\theta) + \|v\|^2

    Args:
      loss_value: the loss, a number or an array of shape (); it may be NaN or infinite,
        as in a run that diverged.
      velocity: :math:`v = \dot\theta + \beta \nabla \mathcal J(\theta)`, a pytree: the
        field ``velocity`` of INNA's state after at least one update, with the loss of
        the params after that update; or that of a :class:`DinSolution`.
      alpha: viscous friction, in [0, inf).
      beta: Newton-like damping, in (0, inf).

    Returns:
      An array of shape ().

    Raises:
      TypeError: if ``loss_value``, ``alpha`` or ``beta`` is neither a number nor an
        array.
      ValueError: if ``alpha`` or ``beta`` is outside its range.

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import inna
      >>> from inna_optax.dynamics import lyapunov
      >>> def loss(x): return jnp.sum(x ** 2)
      >>> solver = inna(0.05, alpha=0.5, beta=0.1)
      >>> params = jnp.array([1., 2., 3.])
      >>> state = solver.init(params)
      >>> for _ in range(3):
      ...   updates, state = solver.update(jax.grad(loss)(params), state)
      ...   params = optax.apply_updates(params, updates)
      ...   energy = lyapunov(loss(params), state.velocity, alpha=0.5, beta=0.1)
      ...   print(f'loss: {loss(params):.2f}, energy: {energy:.2f}')
      loss: 11.34, energy: 71.73
      loss: 8.93, energy: 68.72
      loss: 6.78, energy: 65.74

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    low = lyapunov_min(loss_value, velocity, alpha, beta)
    return low + lyapunov_max(loss_value, velocity, alpha, beta)


def lyapunov_min(
    loss_value: float | jax.Array,
    velocity: Any,
    alpha: float | jax.Array = 0.5,
    beta: float | jax.Array = 0.1,
) -> jax.Array:
    r"""The energy with the smallest weight of the loss that still never increases.

    .. math::
      E_{\min} = (1 - \sqrt{\alpha\beta})^2 \mathcal J(\theta) + \tfrac12 \|v\|^2,
      \qquad \dot E_{\min} = -\|\sqrt\alpha \dot\theta
        + \sqrt\beta \nabla \mathcal J(\theta)\|^2

    This is (2.17) and Lemma 2.5, which prints the derivatives of the two energies for
    each other; arguments, result and errors are those of :func:`lyapunov`.
    """
    return _energy(-1.0, loss_value, velocity, alpha, beta)


def lyapunov_max(
    loss_value: float | jax.Array,
    velocity: Any,
    alpha: float | jax.Array = 0.5,
    beta: float | jax.Array = 0.1,
) -> jax.Array:
    r"""The energy with the largest weight of the loss that still never increases.

    .. math::
      E_{\max} = (1 + \sqrt{\alpha\beta})^2 \mathcal J(\theta) + \tfrac12 \|v\|^2,
      \qquad \dot E_{\max} = -\|\sqrt\alpha \dot\theta
        - \sqrt\beta \nabla \mathcal J(\theta)\|^2

    This is (2.17) and Lemma 2.5, which prints the derivatives of the two energies for
    each other; arguments, result and errors are those of :func:`lyapunov`.
    """
    return _energy(1.0, loss_value, velocity, alpha, beta)


def _energy(
    sign: float,
    loss_value: float | jax.Array,
    velocity: Any,
    alpha: float | jax.Array,
    beta: float | jax.Array,
) -> jax.Array:
    check_number_or_nan("loss_value", loss_value)
    alpha = as_float_array("alpha", alpha, "[0, inf)")
    beta = as_float_array("beta", beta, "(0, inf)")
    weight = (1 + sign * jnp.sqrt(alpha * beta)) ** 2
    return weight * loss_value + real_vdot(velocity, velocity) / 2
