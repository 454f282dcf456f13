"""INNA's hyperparameters in the units of momentum, and back.

With constant hyperparameters INNA is :func:`damped_momentum`, and so are the heavy
ball, Nesterov momentum and quasi-hyperbolic momentum (Ma and Yarats,
https://arxiv.org/abs/1810.06801).  These functions are the dictionary between the three
ways to write it.  They take numbers and arrays, which broadcast, and each undoes its
partner.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from inna_optax._checks import check_number


class MomentumSettings(NamedTuple):
    """The arguments of :func:`damped_momentum`, in their order."""

    learning_rate: Any  # eta
    momentum: Any  # mu
    damping: Any  # c


class InnaSettings(NamedTuple):
    """The arguments of :func:`inna`, in their order."""

    learning_rate: Any  # gamma
    alpha: Any  # viscous friction
    beta: Any  # Newton-like damping


class QuasiHyperbolicSettings(NamedTuple):
    """The hyperparameters of quasi-hyperbolic momentum."""

    learning_rate: Any  # a
    beta: Any  # b
    nu: Any  # weight of the average


def momentum_from_inna(
    learning_rate: Any, alpha: Any = 0.5, beta: Any = 0.1
) -> MomentumSettings:
    r"""What INNA's hyperparameters are for :func:`damped_momentum`.

    .. math::
      \eta = \gamma^2, \quad \mu = 1 - \alpha\gamma, \quad c = \alpha\beta

    The effective rate :math:`\eta / (1 - \mu)` is :math:`\gamma / \alpha`, the memory
    :math:`1 / (1 - \mu)` is :math:`1 / (\alpha\gamma)` steps.

    Args:
      learning_rate: :math:`\gamma` in (0, 1 / alpha].
      alpha: in (0, inf).  At 0 the memory has no end, which no momentum has.
      beta: in [0, inf).

    Returns:
      A :class:`MomentumSettings`, of the arguments' broadcast shape.

    Raises:
      TypeError: if an argument is not a number or an array of numbers.
      ValueError: if a known number is outside its range.

    Examples:
      >>> from inna_optax import momentum_from_inna
      >>> [round(x, 6) for x in momentum_from_inna(0.1, alpha=0.5, beta=0.1)]
      [0.01, 0.95, 0.05]
    """
    _check("learning_rate", learning_rate, "(0, inf)")
    _check("alpha", alpha, "(0, inf)")
    _check("beta", beta, "[0, inf)")
    _check("alpha * learning_rate", alpha * learning_rate, "(0, 1]")
    return MomentumSettings(
        learning_rate * learning_rate, 1 - alpha * learning_rate, alpha * beta
    )


def inna_from_momentum(
    learning_rate: Any, momentum: Any = 0.9, damping: Any = 0.2
) -> InnaSettings:
    r"""What the hyperparameters of :func:`damped_momentum` are for INNA.

    .. math::
      \gamma = \sqrt\eta, \quad \alpha = (1 - \mu) / \sqrt\eta, \quad
      \beta = c \sqrt\eta / (1 - \mu)

    INNA starts like it from rest: pass ``initial_speed=beta``.

    Args:
      learning_rate: :math:`\eta` in (0, inf), as ``optax.sgd`` counts it.
      momentum: :math:`\mu` in [0, 1).
      damping: :math:`c` in [0, inf); :math:`1 - \mu` for ``optax.sgd``'s momentum,
        :math:`1 - \mu^2` with ``nesterov=True``.

    Returns:
      An :class:`InnaSettings`, of the arguments' broadcast shape.

    Raises:
      TypeError: if an argument is not a number or an array of numbers.
      ValueError: if a known number is outside its range.

    Examples:
      A tuned Nesterov momentum as INNA:

      >>> from inna_optax import inna, inna_from_momentum
      >>> settings = inna_from_momentum(0.01, momentum=0.9, damping=1 - 0.9**2)
      >>> [round(x, 6) for x in settings]
      [0.1, 1.0, 0.19]
      >>> solver = inna(*settings, initial_speed=settings.beta)
    """
    _check("learning_rate", learning_rate, "(0, inf)")
    _check("momentum", momentum, "[0, 1)")
    _check("damping", damping, "[0, inf)")
    gamma = learning_rate**0.5
    return InnaSettings(gamma, (1 - momentum) / gamma, damping * gamma / (1 - momentum))


def momentum_from_quasi_hyperbolic(
    learning_rate: Any, beta: Any = 0.9, nu: Any = 0.7
) -> MomentumSettings:
    r"""What quasi-hyperbolic momentum is for :func:`damped_momentum`.

    .. math::
      \eta = a (1 - b), \quad \mu = b, \quad c = 1 - \nu b

    Args:
      learning_rate: :math:`a` in (0, inf), the effective rate.
      beta: :math:`b` in [0, 1).
      nu: :math:`\nu` in [0, 1].

    Returns:
      A :class:`MomentumSettings`, of the arguments' broadcast shape.

    Raises:
      TypeError: if an argument is not a number or an array of numbers.
      ValueError: if a known number is outside its range.

    Examples:
      >>> from inna_optax import momentum_from_quasi_hyperbolic
      >>> [round(x, 6) for x in momentum_from_quasi_hyperbolic(1.0, 0.9, nu=0.7)]
      [0.1, 0.9, 0.37]
    """
    _check("learning_rate", learning_rate, "(0, inf)")
    _check("beta", beta, "[0, 1)")
    _check("nu", nu, "[0, 1]")
    return MomentumSettings(learning_rate * (1 - beta), beta, 1 - nu * beta)


def quasi_hyperbolic_from_momentum(
    learning_rate: Any, momentum: Any = 0.9, damping: Any = 0.2
) -> QuasiHyperbolicSettings:
    r"""What :func:`damped_momentum` is in the units of quasi-hyperbolic momentum.

    .. math::
      a = \eta / (1 - \mu), \quad b = \mu, \quad \nu = (1 - c) / \mu

    Args:
      learning_rate: :math:`\eta` in (0, inf).
      momentum: :math:`\mu` in (0, 1).
      damping: :math:`c` in :math:`[1 - \mu, 1]`, from the heavy ball's share to that of
        gradient descent, where :math:`\nu` is in [0, 1].

    Returns:
      A :class:`QuasiHyperbolicSettings`, of the arguments' broadcast shape.

    Raises:
      TypeError: if an argument is not a number or an array of numbers.
      ValueError: if a known number is outside its range.

    Examples:
      >>> from inna_optax import quasi_hyperbolic_from_momentum
      >>> [round(x, 6) for x in quasi_hyperbolic_from_momentum(0.1, 0.9, damping=0.37)]
      [1.0, 0.9, 0.7]
    """
    _check("learning_rate", learning_rate, "(0, inf)")
    _check("momentum", momentum, "(0, 1)")
    _check("damping", damping, "[0, 1]")
    # Zero for the heavy ball, whose nu is then 1 to the last digit.
    beyond = damping - (1 - momentum)
    _check("damping - (1 - momentum)", beyond, "[0, inf)")
    return QuasiHyperbolicSettings(
        learning_rate / (1 - momentum), momentum, 1 - beyond / momentum
    )


def _check(name: str, value: Any, interval: str) -> None:
    """Checks a number, or the least and the largest of an array, if Python knows it."""
    if isinstance(value, jax.core.Tracer):
        return
    if isinstance(value, jax.Array):
        value = np.asarray(value)
    several = isinstance(value, np.ndarray) and value.ndim > 0 and value.size > 0
    for element in (value.min(), value.max()) if several else (value,):
        check_number(name, element, interval)
