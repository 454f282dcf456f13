r"""The settings with which INNA converges fastest, if the curvatures are known.

Both are settings of the three numbers that INNA has in the units of momentum
(:func:`inna_optax.damped_momentum`): a rate, a memory and a share of the fresh
gradient.
"""

from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp

from inna_optax._checks import nearest
from inna_optax.dynamics.arguments import as_float_array
from inna_optax.transforms import InnaSettings, MomentumSettings, inna_from_momentum

Loss = Literal["quadratic", "convex"]


class FastestSettings(NamedTuple):
    """What :func:`fastest_settings` returns."""

    momentum: MomentumSettings  # of damped_momentum
    inna: InnaSettings  # the same for inna, from rest: initial_speed=beta
    rate: jax.Array  # the factor of the error a step, in the end


def fastest_settings(
    smallest_curvature: float | jax.Array,
    largest_curvature: float | jax.Array,
    loss: Loss = "quadratic",
) -> FastestSettings:
    r"""INNA's fastest settings for curvatures between two positive bounds.

    With :math:`m` the smallest and :math:`L` the largest curvature,
    :math:`\kappa = L / m`:

    - On a quadratic loss, Polyak's heavy ball, whose share of the fresh gradient is
      :math:`1 - \mu`:

      .. math::
        \eta = \left( \frac{2}{\sqrt L + \sqrt m} \right)^2, \quad
        \mu = \rho^2, \quad c = 1 - \mu, \quad
        \rho = \frac{\sqrt\kappa - 1}{\sqrt\kappa + 1}

      No setting of INNA is faster for all such spectra, since no method is that
      combines past gradients: the largest value of a polynomial of degree k on
      [m, L] that is 1 at 0 is at least that of Chebyshev's, :math:`2 \rho^k / (1 +
      \rho^{2k})`.
    - On a smooth strongly convex loss the heavy ball may never converge.  The Triple
      Momentum method of Van Scoy, Freeman and Lynch does, with the best rate known of
      any method that has only gradients, and it is INNA at

      .. math::
        \rho = 1 - 1 / \sqrt\kappa, \quad \eta = \frac{1 + \rho}{L}, \quad
        \mu = \frac{\rho^2}{2 - \rho}, \quad
        c = (1 - \mu) \left( 1 + \frac{\rho^2}{(1 + \rho)(2 - \rho)} \right)

    Args:
      smallest_curvature: m, in (0, inf).
      largest_curvature: L, in (0, inf), at least m.
      loss: ``"quadratic"`` for quadratic losses, ``"convex"`` for all whose Hessian's
        eigenvalues stay between the bounds.

    Returns:
      A :class:`FastestSettings` of arrays of the arguments' broadcast shape.

    Raises:
      TypeError: if a curvature is neither a number nor an array.
      ValueError: if a number is outside its range, or ``loss`` is neither of the two.

    Examples:
      >>> from inna_optax.dynamics import fastest_settings
      >>> for loss in ("quadratic", "convex"):
      ...   momentum, inna, rate = fastest_settings(1.0, 100.0, loss)
      ...   print(*(f'{x:.4f}' for x in (*momentum, *inna, rate)))
      0.0331 0.6694 0.3306 0.1818 1.8182 0.1818 0.8182
      0.0190 0.7364 0.3658 0.1378 1.9126 0.1913 0.9000

    References:
      Polyak, `Some methods of speeding up the convergence of iteration methods
      <https://doi.org/10.1016/0041-5553(64)90137-5>`_, 1964

      Van Scoy, Freeman and Lynch, `The fastest known globally convergent first-order
      method for minimizing strongly convex functions
      <https://doi.org/10.1109/LCSYS.2017.2722406>`_, 2018
    """
    if loss not in get_args(Loss):
        raise ValueError(
            f"loss must be one of 'quadratic' and 'convex', got {loss!r}."
            f"{nearest(loss, get_args(Loss))}"
        )
    m = as_float_array("smallest_curvature", smallest_curvature, "(0, inf)")
    lipschitz = as_float_array("largest_curvature", largest_curvature, "(0, inf)")
    root = jnp.sqrt(m / lipschitz)
    if loss == "quadratic":
        rate = (1 - root) / (1 + root)
        eta = 4 / (lipschitz * (1 + root) ** 2)
        mu = rate**2
        damping = 1 - mu
    else:
        rate = 1 - root
        eta = (1 + rate) / lipschitz
        mu = rate**2 / (2 - rate)
        damping = (1 - mu) * (1 + mu / (1 + rate))
    momentum = MomentumSettings(eta, mu, damping)
    return FastestSettings(momentum, inna_from_momentum(*momentum), rate)
