r"""How large INNA's learning rate may be.

Both limits come from the characteristic polynomial (3.25) of one step of INNA along
an eigenvector of the Hessian with eigenvalue :math:`\lambda`.  With
:math:`s = \alpha + \beta\lambda` and :math:`D = s^2 - 4 \lambda` it is

.. math::
  \chi(X) = X^2 - (2 - \gamma s) X + 1 - \gamma s + \gamma^2 \lambda

Equation numbers are those of chapter 3 of Castera's thesis
(https://theses.hal.science/tel-04186508).
"""

import jax
import jax.numpy as jnp

from inna_optax.dynamics.arguments import as_float_array


def saddle_avoiding_step_size(
    alpha: float | jax.Array, beta: float | jax.Array, lipschitz: float | jax.Array
) -> jax.Array:
    r"""The learning rate below which INNA avoids strict saddle points (Theorem 3.9).

    The thesis's :math:`L_{\nabla\mathcal J}` is ``lipschitz``.  Below this limit one
    step of INNA is a local diffeomorphism, and then almost no initialization leads to
    a saddle:

    .. math::
      \gamma < \min\left( \frac{(\alpha + \beta L)
        - \sqrt{(\alpha + \beta L)^2 - 4 L}}{2 L},\ \beta \right)

    This is (3.20), which is undefined where the square root is of a negative number:
    for :math:`L` inside :func:`oscillation_interval`.  There :math:`\gamma < \beta` is
    enough.  The proof (section 3.7) needs the determinant
    :math:`\chi(0) = 1 - \gamma s + \gamma^2 \lambda` to be nonzero for every
    :math:`\lambda \in [-L, L]`.  Below the interval, and for :math:`\lambda \le 0`, its
    roots :math:`\gamma` are not less than :math:`\beta` when
    :math:`\alpha\beta \le 1`.  Inside the interval there are none.  Above it the
    smaller root decreases with :math:`\lambda`.

    Args:
      alpha: viscous friction, in [0, inf) (the theorem is stated for alpha > 0).
      beta: Newton-like damping, in (0, inf).  At 0 the theorem holds for no rate.
      lipschitz: L, the Lipschitz constant of the gradient, in [0, inf).  Only positive
        eigenvalues of the Hessian limit the step, so the largest eigenvalue suffices.

    Returns:
      An array of the arguments' broadcast shape, in (0, beta].

    Raises:
      TypeError: if an argument is neither a number nor an array.
      ValueError: if a number is outside its range.

    Examples:
      >>> from inna_optax.dynamics import saddle_avoiding_step_size
      >>> print(f'{saddle_avoiding_step_size(0.5, 0.1, lipschitz=50.0):.4f}')
      0.1000
      >>> print(f'{saddle_avoiding_step_size(2.0, 1.0, lipschitz=50.0):.4f}')
      0.0196

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    beta = as_float_array(
        "beta, which Theorem 3.9's learning rates stay below,", beta, "(0, inf)"
    )
    friction, discriminant = _friction_and_discriminant(alpha, beta, lipschitz)
    # (s - sqrt(D)) / 2L = 2 / (s + sqrt(D)), which cancels no digits.
    root = 2 / (friction + _safe_sqrt(discriminant))
    return jnp.minimum(beta, jnp.where(discriminant >= 0, root, jnp.inf))


def stable_step_size(
    alpha: float | jax.Array, beta: float | jax.Array, lipschitz: float | jax.Array
) -> jax.Array:
    r"""The learning rate below which INNA is stable at every curvature up to L.

    The thesis's :math:`L_{\nabla\mathcal J}` is ``lipschitz``.  It is the supremum of
    the :math:`\gamma` for which both eigenvalues of INNA's step
    (:func:`map_eigenvalues`) are inside the unit disc for all
    :math:`0 < \lambda \le L`.  With :math:`s = \alpha + \beta L` and
    :math:`D = s^2 - 4 L`:

    .. math::
      \gamma < \min\left( \frac2\alpha,\ \begin{cases}
        (s - \sqrt{D}) / L & \text{if } D \ge 0 \\
        s / L & \text{if } D < 0
      \end{cases} \right)

    Both roots of :math:`\chi` are in the open unit disc if and only if
    :math:`\chi(1) > 0`, :math:`\chi(-1) > 0` and :math:`\chi(0) < 1` (Jury):

    - :math:`\chi(1) = \gamma^2 \lambda` is always positive;
    - :math:`\chi(0) < 1` reads :math:`\gamma < \beta + \alpha/\lambda`, which is most
      restrictive at :math:`\lambda = L`, where the bound is :math:`s / L`;
    - :math:`\chi(-1) = 4 - 2 \gamma\alpha + \gamma (\gamma - 2\beta) \lambda` is affine
      in :math:`\lambda`, so it need only be positive at both ends.  As
      :math:`\lambda \to 0` this reads :math:`\gamma < 2 / \alpha`.  At
      :math:`\lambda = L` it reads :math:`L \gamma^2 - 2 s \gamma + 4 > 0`, which holds
      for all :math:`\gamma` if :math:`D < 0`, and otherwise below the smaller root
      :math:`(s - \sqrt D) / L \le s / L` (above the larger root :math:`\chi(0) > 1`).

    Where the square root in (3.20) is real, the second bound is twice the first one of
    (3.20).  The limit is never below :func:`saddle_avoiding_step_size`.  For the heavy
    ball with friction, :math:`\beta = 0`, it is :math:`\min(2 / \alpha, \alpha / L)`.

    Args:
      alpha: viscous friction, in [0, inf).
      beta: Newton-like damping, in [0, inf).
      lipschitz: L, the largest eigenvalue of the Hessian, in [0, inf).

    Returns:
      An array of the arguments' broadcast shape, in [0, inf]; 0 only where both
      frictions are 0, and no learning rate is stable.  A loss without small
      curvatures may be stable beyond ``2 / alpha``, but :func:`inna_optax.inna` accepts
      only learning rates below ``1 / alpha``.

    Raises:
      TypeError: if an argument is neither a number nor an array.
      ValueError: if a number is outside its range.

    Examples:
      >>> from inna_optax.dynamics import stable_step_size
      >>> print(f'{stable_step_size(0.5, 0.1, lipschitz=50.0):.4f}')
      0.1100

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021 (the matrix of
      a step and its polynomial; the limit is derived above)
    """
    alpha = as_float_array("alpha", alpha, "[0, inf)")
    lipschitz = as_float_array("lipschitz", lipschitz, "[0, inf)")
    friction, discriminant = _friction_and_discriminant(alpha, beta, lipschitz)
    # (s - sqrt(D)) / L = 4 / (s + sqrt(D)), which cancels no digits.
    real = discriminant >= 0
    inverse = jnp.where(
        real,
        (friction + _safe_sqrt(discriminant)) / 4,
        lipschitz / jnp.where(real, 1, friction),
    )
    return 1 / jnp.maximum(alpha / 2, inverse)


def _friction_and_discriminant(
    alpha: float | jax.Array, beta: float | jax.Array, lam: float | jax.Array
) -> tuple[jax.Array, jax.Array]:
    r"""Returns :math:`s` and :math:`D` at the curvature ``lam``."""
    alpha = as_float_array("alpha", alpha, "[0, inf)")
    beta = as_float_array("beta", beta, "[0, inf)")
    lam = as_float_array("lipschitz", lam, "[0, inf)")
    friction = alpha + beta * lam
    return friction, friction**2 - 4 * lam


def _safe_sqrt(x: jax.Array) -> jax.Array:
    """The root where x is positive, else 0, with derivative 0."""
    return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0)
