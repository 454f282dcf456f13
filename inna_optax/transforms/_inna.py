"""INNA: an inertial Newton method that needs gradients only.

From "An Inertial Newton Algorithm for Deep Learning"
(https://jmlr.org/papers/v22/19-1024.html) by Camille Castera, Jerome Bolte,
Cedric Fevotte and Edouard Pauwels, and from chapters 2 and 3 of Castera's thesis
(https://theses.hal.science/tel-04186508), to which equation numbers refer.

The papers iterate on theta and a phase variable psi.  Here the second variable is the
velocity ``v = (1 / beta - alpha) theta - psi / beta`` of the same recursion.  It starts
from zeros, it needs no params, and it loses no digits to the subtraction of two numbers
of size ``|theta| / beta``.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from inna_optax.transforms._arithmetic import (
    Scalar,
    differentiable,
    rounding_error,
    update_dtypes,
    weighted_sum,
    zeros_like,
)
from inna_optax.transforms._hyperparameters import (
    ScalarOrSchedule,
    as_scalar,
    check_alpha_step,
    check_hyperparameter,
    check_storage_dtype,
    value_at,
)


class InnaState(NamedTuple):
    """State of the transformation returned by :func:`inna`."""

    # shape=(), dtype=jnp.int32: number of updates made.
    count: jax.Array  # type: ignore[assignment]
    velocity: optax.Updates  # v_k, shapes of the params, dtype velocity_dtype.


class VelocityCoefficients(NamedTuple):
    """The scalars of one velocity step, of INNA and of what builds on it.

    In the thesis's form both results read ``v``, so that XLA copies it, and a step
    takes four times as long on CPU.  Here the velocity is updated first,
    ``v_new = keep * v - push * g``.  The params' update is computed from the new
    velocity, by substituting ``v = (v_new + push * g) / keep``:
    ``gamma (v - beta g) = along * (v_new + push * g) - pull * g``.

    The two terms in ``g`` are not merged.  After merging, the remaining terms can be
    ``1 / keep`` times as large as their sum, and overflow although the sum does not.
    """

    keep: Scalar  # 1 - alpha gamma
    push: Scalar  # gamma (1 - alpha beta)
    along: Scalar  # gamma / keep
    pull: Scalar  # gamma beta


def velocity_coefficients(
    gamma: Scalar, alpha: Scalar, beta: Scalar, epsilon: float
) -> VelocityCoefficients:
    keep = away_from_zero(1 - alpha * gamma, epsilon)
    push = gamma * (1 - alpha * beta)
    return VelocityCoefficients(keep, push, gamma / keep, gamma * beta)


def away_from_zero(value: Scalar, epsilon: float) -> Scalar:
    """A velocity's factor, moved away from zero.

    Dividing by it loses about `epsilon / |value|` of the update.  Moving it by `margin`
    changes alpha by that fraction.  This margin makes both of order sqrt(epsilon).
    """
    margin = 4 * epsilon**0.5
    if isinstance(value, float):
        return value if abs(value) >= margin else math.copysign(margin, value)
    nearest = jnp.where(value < 0, -margin, margin)
    return jnp.where(jnp.abs(value) < margin, nearest, value)


def velocity_step(
    c: VelocityCoefficients,
    velocity: optax.Updates,
    gradients: optax.Updates,
    dtypes: Any,
    start: Scalar = 0.0,
) -> tuple[optax.Updates, optax.Updates]:
    """The updates, in the types `dtypes`, and the new velocity.

    `start` is added to the gradients' factor in the velocity: zeros are stored for the
    initial velocity, which is a multiple of the first gradient.
    """
    velocity = weighted_sum(
        (c.keep, start - c.push), (velocity, gradients), like=velocity
    )
    kept = weighted_sum((1.0, c.push), (velocity, gradients))
    return weighted_sum((c.along, -c.pull), (kept, gradients), like=dtypes), velocity


def inna(
    learning_rate: ScalarOrSchedule,
    alpha: ScalarOrSchedule = 0.5,
    beta: ScalarOrSchedule = 0.1,
    *,
    initial_speed: float | jax.Array = 1.0,
    velocity_dtype: Any = None,
) -> optax.GradientTransformationExtraArgs:
    r"""INNA, an inertial Newton algorithm that needs gradients only.

    INNA discretizes the differential equation DIN,
    :math:`\ddot\theta + \alpha \dot\theta + \beta \nabla^2 J(\theta) \dot\theta
    + \nabla J(\theta) = 0`.  This is a heavy ball with viscous friction and with a
    damping along the Hessian, which removes the oscillations of momentum in narrow
    valleys.  The Hessian is never formed: one update costs as much time and memory as
    one of Nesterov momentum.  INNA converges for non-smooth and non-convex losses with
    mini-batches if the learning rate decays (Theorem 2.1), and escapes strict saddle
    points (Theorem 3.9).

    The thesis's :math:`\gamma_k` is ``learning_rate``, :math:`\alpha` (viscous
    friction) is ``alpha``, :math:`\beta` (Newton-like damping) is ``beta``.

    ``init`` makes a velocity of zeros.  One ``update`` returns
    :math:`\theta_{k+1} - \theta_k` and advances the velocity; of the params, which may
    be left out, it takes only the types:

    .. math::
      \begin{align*}
        v_0 &= (\beta - s) g_0 \\
        \theta_{k+1} &= \theta_k + \gamma_k (v_k - \beta g_k) \\
        v_{k+1} &= (1 - \alpha \gamma_k) v_k - \gamma_k (1 - \alpha \beta) g_k
      \end{align*}

    With constant :math:`\alpha` and :math:`\beta` this is equation (2.13), Algorithm 1,
    with :math:`v_k = (1/\beta - \alpha) \theta_k - \psi_k / \beta`
    (see :func:`phase_variable`).

    Args:
      learning_rate: step size, in [0, 1 / alpha); a number or a schedule.  If
        :math:`|1 - \alpha \gamma_k|`, the size of the velocity's factor, is below
        :math:`4 \sqrt{\epsilon}` (0.0014 in float32), it is replaced by that bound.
      alpha: viscous friction, in [0, inf); a number or a schedule.  Small values
        give more inertia.
      beta: Newton-like damping, in [0, inf); a number or a schedule.  Large values
        damp oscillations, but the learning rate must then be smaller.  At 0 this is the
        heavy ball with friction (2.2).
      initial_speed: s in [0, inf): the initial velocity of the params is
        :math:`\dot\theta(0) = -s g_0`.  1 is the papers' initialization
        (:math:`\psi_0 = (1 - \alpha\beta) \theta_0 - (\beta^2 - \beta) g_0`); ``beta``
        is :math:`v_0 = 0`, the authors' PyTorch release.
      velocity_dtype: type in which the velocity is stored; None for the params',
        but at least float32.  In bfloat16 a velocity that changes by one part in a
        thousand per step stands still.

    Returns:
      An :class:`optax.GradientTransformationExtraArgs` whose state is an
      :class:`InnaState`.

    Raises:
      TypeError: if a hyperparameter is not a number (or, where allowed, a schedule),
        or ``velocity_dtype`` is not a real floating-point type.
      ValueError: if a known number is outside its range, or if
        ``alpha * learning_rate >= 1`` (outside Theorem 3.9).

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import inna
      >>> def f(x): return jnp.sum(x ** 2)
      >>> solver = inna(learning_rate=0.1)
      >>> params = jnp.array([1., 2., 3.])
      >>> print(f'Objective function: {f(params):.3f}')
      Objective function: 14.000
      >>> opt_state = solver.init(params)
      >>> for _ in range(5):
      ...   grads = jax.grad(f)(params)
      ...   updates, opt_state = solver.update(grads, opt_state)
      ...   params = optax.apply_updates(params, updates)
      ...   print(f'Objective function: {f(params):.3f}')
      Objective function: 8.960
      Objective function: 4.940
      Objective function: 2.090
      Objective function: 0.461
      Objective function: 0.004

      The thesis's weight decay is a term of the loss:

      >>> solver = optax.chain(optax.add_decayed_weights(1e-4), inna(0.1))

    References:
      Castera et al., `An Inertial Newton Algorithm for Deep Learning
      <https://jmlr.org/papers/v22/19-1024.html>`_, 2021

      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021

    .. note::
      If ``alpha`` or ``beta`` is a schedule, the velocity form discretizes DIN with
      :math:`\alpha(t)` and the damping :math:`\tfrac{d}{dt} (\beta(t) \nabla J)`; the
      papers' :math:`\psi` form would add a term :math:`-\dot\alpha(t) \theta`.
    """
    check_hyperparameter("learning_rate", learning_rate, "[0, inf)", schedule=True)
    check_hyperparameter("alpha", alpha, "[0, inf)", schedule=True)
    check_hyperparameter("beta", beta, "[0, inf)", schedule=True)
    check_hyperparameter("initial_speed", initial_speed, "[0, inf)")
    check_alpha_step(alpha, learning_rate)
    check_storage_dtype("velocity_dtype", velocity_dtype)
    initial_speed = as_scalar(initial_speed)

    def init_fn(params: optax.Params) -> InnaState:
        return InnaState(
            count=jnp.zeros([], jnp.int32),
            velocity=zeros_like(params, velocity_dtype),
        )

    def update_fn(
        updates: optax.Updates,
        state: InnaState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, InnaState]:
        del extra_args
        updates = differentiable(updates)
        dtypes = update_dtypes(updates, params)
        gamma = value_at("learning_rate", learning_rate, state.count)
        a = value_at("alpha", alpha, state.count)
        b = value_at("beta", beta, state.count)
        c = velocity_coefficients(gamma, a, b, rounding_error(updates))
        # v_0 is (beta - s) g_0.  Of the old count, which the new one overwrites, XLA
        # would make a copy.
        count = optax.safe_increment(state.count)
        start = jnp.where(count == 1, c.keep * (b - initial_speed), 0.0)
        updates, velocity = velocity_step(c, state.velocity, updates, dtypes, start)
        return updates, InnaState(count, velocity)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def phase_variable(
    params: optax.Params, state: Any, alpha: Scalar = 0.5, beta: Scalar = 0.1
) -> optax.Params:
    r"""The papers' phase variable :math:`\psi`, from the params and INNA's velocity.

    .. math::
      \psi_k = (1 - \alpha \beta) \theta_k - \beta v_k

    The thesis's :math:`\theta_k` is ``params``, :math:`v_k` is ``state``'s velocity.

    Args:
      params: the params after the update that returned ``state``.
      state: an :class:`InnaState` or :class:`InnapropState` after at least one
        update (before it the initial velocity, which depends on the first gradient,
        is not known), or a state that holds one, such as that of ``optax.chain``.
      alpha: the friction given to the optimizer, in [0, inf).
      beta: the damping given to the optimizer, in (0, inf): at 0 the papers'
        :math:`\psi` is not defined.

    Returns:
      A pytree of the params' structure, shapes and types.

    Raises:
      TypeError: if ``alpha`` or ``beta`` is not a number.
      ValueError: if ``alpha`` or ``beta`` is outside its range, or ``params`` has
        not as many leaves as the velocity.
      KeyError: if ``state`` holds no velocity, or several.

    Examples:
      >>> import jax.numpy as jnp, optax
      >>> from inna_optax import inna, phase_variable
      >>> solver = inna(0.1, alpha=0.5, beta=0.1)
      >>> params = jnp.array([1., 2.])
      >>> updates, state = solver.update(2 * params, solver.init(params))
      >>> params = optax.apply_updates(params, updates)
      >>> psi = phase_variable(params, state, alpha=0.5, beta=0.1)
      >>> [round(float(x), 4) for x in psi]
      [0.95, 1.9]
    """
    check_hyperparameter("alpha", alpha, "[0, inf)")
    check_hyperparameter("beta", beta, "(0, inf)")
    alpha, beta = as_scalar(alpha), as_scalar(beta)
    velocities = [v for _, v in optax.tree.get_all_with_path(state, "velocity")]
    if len(velocities) != 1:
        found = f"{len(velocities)} velocities" if velocities else "no velocity"
        raise KeyError(f"state holds {found}: pass the state of one inna or innaprop.")
    # Leaves and not trees: flax stores params and velocity in nodes of different types.
    leaves, structure = jax.tree.flatten(params)
    velocity = jax.tree.leaves(velocities[0])
    if len(leaves) != len(velocity):
        raise ValueError(
            f"params must have as many leaves as state's velocity, {len(velocity)}, got"
            f" {len(leaves)}."
        )
    psi = weighted_sum((1 - alpha * beta, -beta), (leaves, velocity), like=leaves)
    return jax.tree.unflatten(structure, psi)
