"""The behaviour of DIN and INNA along one eigenvector of the Hessian.

Near a critical point DIN's flow and INNA's step act separately along each eigenvector
of the Hessian, through a 2x2 matrix.  These functions give its two eigenvalues.  The
thesis's matrices are in (theta, psi), which need beta > 0; those in (theta, velocity)
have the same eigenvalues, and at beta = 0 they are the heavy ball's with friction.
Equation numbers are those of chapter 3 of Castera's thesis
(https://theses.hal.science/tel-04186508).
"""

import math

import jax
import jax.numpy as jnp

from inna_optax.dynamics.arguments import as_float_array, check_number_or_array
from inna_optax.transforms._hyperparameters import check_hyperparameter


def is_gradient_like(
    alpha: float | jax.Array, beta: float | jax.Array
) -> bool | jax.Array:
    r"""Whether DIN descends without ever spiralling: :math:`\alpha\beta \ge 1`.

    Then the linearized flow has real eigenvalues at every curvature.  For
    :math:`\alpha\beta > 1` DIN is even equivalent to a gradient system (Remark 2.11).
    In the limiting case :math:`\alpha\beta = 1` it is critically damped at the
    curvature :math:`1/\beta^2`.

    Args:
      alpha: viscous friction, in [0, inf).
      beta: Newton-like damping, in [0, inf).

    Returns:
      A bool, or an array of bools if an argument is an array.

    Raises:
      TypeError: if ``alpha`` or ``beta`` is neither a number nor an array.
      ValueError: if ``alpha`` or ``beta`` is a number outside its range.

    Examples:
      >>> from inna_optax.dynamics import is_gradient_like
      >>> is_gradient_like(alpha=0.5, beta=0.1)
      False
      >>> is_gradient_like(alpha=2.0, beta=1.0)
      True
    """
    check_number_or_array("alpha", alpha, "[0, inf)")
    check_number_or_array("beta", beta, "[0, inf)")
    return alpha * beta >= 1


def oscillation_interval(alpha: float, beta: float) -> tuple[float, float] | None:
    r"""The curvatures at which DIN and INNA spiral (section 3.3.1.4).

    A solution spirals around a minimizer along exactly those eigenvectors of the
    Hessian whose eigenvalues lie between the two values

    .. math::
      \frac{2 - \alpha\beta \pm 2 \sqrt{1 - \alpha\beta}}{\beta^2}
      = \left( \frac{1 \pm \sqrt{1 - \alpha\beta}}{\beta} \right)^2

    At :math:`\beta = 0` these are :math:`\alpha^2 / 4` and infinity: the heavy ball
    with friction spirals along every steep eigenvector.

    Args:
      alpha: viscous friction, in [0, inf).
      beta: Newton-like damping, in [0, inf).

    Returns:
      The ends ``(low, high)`` of the open interval, or None if it is empty, that is, if
      :func:`is_gradient_like`.

    Raises:
      TypeError: if ``alpha`` or ``beta`` is not a number.
      ValueError: if ``alpha`` or ``beta`` is outside its range.

    Examples:
      >>> from inna_optax.dynamics import oscillation_interval
      >>> low, high = oscillation_interval(alpha=2.0, beta=0.1)
      >>> print(f'{low:.2f} to {high:.2f}')
      1.11 to 358.89
      >>> oscillation_interval(alpha=2.0, beta=1.0) is None
      True
      >>> oscillation_interval(alpha=2.0, beta=0.0)
      (1.0, inf)

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    check_hyperparameter("alpha", alpha, "[0, inf)")
    check_hyperparameter("beta", beta, "[0, inf)")
    if alpha * beta >= 1:
        return None
    root = math.sqrt(1 - alpha * beta)
    # 1 - root would cancel: (1 - root)(1 + root) = alpha beta.
    high = (1 + root) / beta if beta > 0 else math.inf
    return (alpha / (1 + root)) ** 2, high * high  # ** would raise if it overflows


def flow_eigenvalues(
    lam: float | jax.Array, alpha: float | jax.Array, beta: float | jax.Array
) -> jax.Array:
    r"""The eigenvalues of DIN's linearization where the Hessian has eigenvalue ``lam``.

    The thesis's :math:`\lambda_p` is ``lam``.  The pair (3.10), or (3.14) where it is
    complex, solves :math:`\sigma^2 + (\alpha + \beta\lambda) \sigma + \lambda = 0`:

    .. math::
      \sigma_\pm = \frac{-(\alpha + \beta\lambda)
        \pm \sqrt{(\alpha + \beta\lambda)^2 - 4\lambda}}{2}

    Real parts below 0 are rates of decay, above 0 of escape; imaginary parts are
    frequencies of oscillation.

    Args:
      lam: eigenvalue of the Hessian, in (-inf, inf).
      alpha: viscous friction, in [0, inf).
      beta: Newton-like damping, in [0, inf).

    Returns:
      A complex array of the arguments' broadcast shape and one more axis of size 2,
      for :math:`\sigma_+, \sigma_-`.

    Raises:
      TypeError: if an argument is neither a number nor an array.
      ValueError: if a number is outside its range.

    Examples:
      >>> from inna_optax.dynamics import flow_eigenvalues
      >>> plus, minus = flow_eigenvalues(2.0, alpha=2.0, beta=0.1)
      >>> print(f'{plus:.3f} {minus:.3f}')
      -1.100+0.889j -1.100-0.889j

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    lam = as_float_array("lam", lam, "(-inf, inf)")
    alpha = as_float_array("alpha", alpha, "[0, inf)")
    beta = as_float_array("beta", beta, "[0, inf)")
    friction = alpha + beta * lam
    discriminant = friction**2 - 4 * lam
    half, root = friction / 2, jnp.sqrt(jnp.abs(discriminant)) / 2
    # Of a real pair, the eigenvalue whose two terms have the same sign loses no digits.
    # The pair's product is lam, which gives the other one (0 where both are 0).
    sure = jnp.where(friction >= 0, -half - root, root - half)
    other = jnp.where(sure == 0, 0, lam / jnp.where(sure == 0, 1, sure))
    real = discriminant >= 0
    plus = jnp.where(real, jnp.maximum(sure, other), -half)
    minus = jnp.where(real, jnp.minimum(sure, other), -half)
    frequency = jnp.where(real, 0, root)
    return jnp.stack(
        [jax.lax.complex(plus, frequency), jax.lax.complex(minus, -frequency)], axis=-1
    )


def map_eigenvalues(
    lam: float | jax.Array,
    alpha: float | jax.Array,
    beta: float | jax.Array,
    step_size: float | jax.Array,
) -> jax.Array:
    r"""The eigenvalues of one step of INNA where the Hessian has eigenvalue ``lam``.

    The thesis's :math:`\lambda_p` is ``lam``, :math:`\gamma` is ``step_size``.  INNA is
    Euler's method for DIN, so the pair (3.26), or (3.29) where it is complex, is
    :math:`1 + \gamma \sigma_\pm` with the flow's :math:`\sigma_\pm`
    (:func:`flow_eigenvalues`).  INNA converges along this eigenvector if both are
    inside the unit disc.  It oscillates if they are complex, as the flow does, or
    negative, which has no counterpart in the flow.

    Args:
      lam: eigenvalue of the Hessian, in (-inf, inf).
      alpha: viscous friction, in [0, inf).
      beta: Newton-like damping, in [0, inf).
      step_size: INNA's learning rate, in [0, inf).

    Returns:
      A complex array of the arguments' broadcast shape and one more axis of size 2.

    Raises:
      TypeError: if an argument is neither a number nor an array.
      ValueError: if a number is outside its range.

    Examples:
      >>> import jax.numpy as jnp
      >>> from inna_optax.dynamics import map_eigenvalues
      >>> def radius(step_size):
      ...   pair = map_eigenvalues(50.0, alpha=0.5, beta=0.1, step_size=step_size)
      ...   return jnp.max(jnp.abs(pair))
      >>> print(f'{radius(0.105):.3f} {radius(0.115):.3f}')
      0.987 1.014

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    step_size = as_float_array("step_size", step_size, "[0, inf)")
    return 1 + step_size[..., None] * flow_eigenvalues(lam, alpha, beta)
