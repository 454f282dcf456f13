"""The gradient-variation family: Barzilai-Borwein steps, and why they fail on batches.

Algorithms 2, 4, 5 and 6 of Castera's thesis
(https://theses.hal.science/tel-04186508): the full-batch method from which
Step-Tuned SGD comes (section 4.3.1), and the three heuristics that led to it
(sections 4.3.3 and 4.9).  They differ in the gradient variation that they put
into the Barzilai-Borwein step.
"""

from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import optax

from inna_optax._checks import nearest
from inna_optax.transforms._arithmetic import (
    AxisName,
    Scalar,
    differentiable,
    map_leaves,
    placed_as,
    real_vdot,
    update_dtypes,
    weighted_sum,
    zero_vdot,
    zeros_like,
)
from inna_optax.transforms._curvature import (
    NegativeCurvature,
    barzilai_borwein_ratio,
    clip_step,
    decay_factor,
)
from inna_optax.transforms._hyperparameters import (
    ScalarOrSchedule,
    as_scalar,
    check_axis_name,
    check_hyperparameter,
    check_ordered,
    value_at,
)


class GradientVariationState(NamedTuple):
    """State of the gradient-variation transformations."""

    # shape=(), dtype=jnp.int32: number of updates made.
    count: jax.Array  # type: ignore[assignment]
    gamma: jax.Array  # shape=(): gamma of the last update (Expected-GV: of the next).
    step_size: jax.Array  # shape=(): the step that the last update took.
    last_gradient: optax.Updates | None  # the gradient of the last update.
    last_full_gradient: optax.Updates | None  # the full loss's, in Exact-GV only.


def _difference(gradient: Any, last: jax.Array) -> jax.Array | None:
    return None if gradient is None else jnp.asarray(gradient, last.dtype) - last


def _difference_method(
    learning_rate: ScalarOrSchedule,
    nu: Scalar,
    bounds: tuple[Scalar, Scalar] | None,
    delta: Scalar | None,
    axis_name: AxisName | None,
    negative_curvature: NegativeCurvature = "nu",
    *,
    full_loss: bool = False,
) -> optax.GradientTransformationExtraArgs:
    """Algorithms 2, 4 and 5: the gradient variation is a difference of gradients.

    `bounds` clip gamma (None in Algorithm 2); `full_loss` says whether the
    difference is of the full loss's gradients (Algorithm 5) or of the updates.
    """
    check_axis_name(axis_name)

    def bounded(gamma: Scalar) -> Scalar:
        return gamma if bounds is None else clip_step(gamma, *bounds)

    def init_fn(params: optax.Params) -> GradientVariationState:
        zero = zero_vdot(params, axis_name)
        return GradientVariationState(
            count=jnp.zeros([], jnp.int32),
            gamma=jnp.asarray(bounded(1.0), zero.dtype) + zero,
            step_size=zero,
            last_gradient=zeros_like(params),
            last_full_gradient=zeros_like(params) if full_loss else None,
        )

    def update_fn(
        updates: optax.Updates,
        state: GradientVariationState,
        params: optax.Params | None = None,
        *,
        full_grads: optax.Updates | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, GradientVariationState]:
        del extra_args
        if full_loss and full_grads is None:
            raise ValueError(
                "exact_gv_sgd needs full_grads: call update(grads, state, params,"
                " full_grads=...) with the gradient of the full loss at params."
            )
        updates, full_grads = differentiable(updates), differentiable(full_grads)
        dtypes = update_dtypes(updates, params)
        if full_loss:
            gradient, last = full_grads, state.last_full_gradient
        else:
            gradient, last = updates, state.last_gradient
        variation = map_leaves(_difference, gradient, last)
        # With Delta theta = -step * last_gradient, one factor `step` cancels.
        ratio = barzilai_borwein_ratio(
            state.step_size
            * real_vdot(state.last_gradient, state.last_gradient, axis_name),
            -real_vdot(variation, state.last_gradient, axis_name),
            nu,
            negative_curvature,
        )
        # Read in place of the old count, which XLA would copy before it is overwritten.
        count = optax.safe_increment(state.count)
        gamma = jnp.where(count == 1, state.gamma, bounded(ratio))

        def keep(new: optax.Updates, old: optax.Updates) -> optax.Updates:
            # gamma is always positive, so the result is `new`.  The condition tells
            # XLA that the old gradient is read before it is overwritten, so that XLA
            # makes no copy of it.
            return map_leaves(
                lambda x, y: (
                    y
                    if x is None
                    else jnp.where(gamma > 0, placed_as(x, y), jnp.zeros_like(y))
                ),
                new,
                old,
            )

        alpha = value_at("learning_rate", learning_rate, state.count)
        step = alpha * decay_factor(state.count, delta) * gamma
        return weighted_sum((-step,), (updates,), like=dtypes), GradientVariationState(
            count=count,
            gamma=gamma.astype(state.gamma.dtype),
            step_size=step.astype(state.step_size.dtype),
            last_gradient=keep(updates, state.last_gradient),
            last_full_gradient=(
                keep(full_grads, state.last_full_gradient) if full_loss else None
            ),
        )

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)


def _checked(
    learning_rate: ScalarOrSchedule,
    nu: Scalar,
    gamma_min: Scalar,
    gamma_max: Scalar,
    delta: Scalar | None,
) -> tuple[Scalar, tuple[Scalar, Scalar], Scalar | None]:
    """Checks the hyperparameters that the family shares; returns nu, bounds, delta."""
    check_hyperparameter("learning_rate", learning_rate, "[0, inf)", schedule=True)
    check_hyperparameter("nu", nu, "(0, inf)")
    check_hyperparameter("gamma_min", gamma_min, "(0, inf)")
    check_hyperparameter("gamma_max", gamma_max, "(0, inf)")
    check_ordered("gamma_min", gamma_min, "gamma_max", gamma_max)
    if delta is not None:
        check_hyperparameter("delta", delta, "(0, 0.5)")
        delta = as_scalar(delta)
    return as_scalar(nu), (as_scalar(gamma_min), as_scalar(gamma_max)), delta


def barzilai_borwein(
    learning_rate: ScalarOrSchedule,
    nu: float | jax.Array = 2.0,
    *,
    negative_curvature: NegativeCurvature = "nu",
    axis_name: AxisName | None = None,
) -> optax.GradientTransformationExtraArgs:
    r"""Non-convex Barzilai-Borwein gradient descent, for full batches (Algorithm 2).

    Gradient descent whose scalar step is the inverse of the curvature measured along
    its last step, or ``nu`` where that curvature is not positive.  It is for
    deterministic gradients: on mini-batches use :func:`step_tuned_sgd`.

    The thesis's :math:`\alpha` is ``learning_rate``, :math:`\nu` is ``nu``.

    ``init`` makes a previous gradient of zeros and :math:`\gamma_0 = 1`.  One
    ``update`` returns :math:`\theta_{k+1} - \theta_k` and keeps the gradient:

    .. math::
      \begin{align*}
        \Delta g_k &= g_k - g_{k-1}, \quad
        \Delta\theta_k = -\alpha \gamma_{k-1} g_{k-1} \\
        \gamma_k &= \begin{cases}
          \|\Delta\theta_k\|^2 / \langle \Delta g_k, \Delta\theta_k \rangle
            & \text{if } \langle \Delta g_k, \Delta\theta_k \rangle > 0 \\
          \nu & \text{otherwise}
        \end{cases} \\
        \theta_{k+1} &= \theta_k - \alpha \gamma_k g_k
      \end{align*}

    :math:`\Delta\theta_k` is the step that this transformation proposed: put nothing
    that rescales updates after it in a chain.

    Args:
      learning_rate: scaling factor of the steps, in [0, inf); a number or a schedule.
      nu: step factor where the curvature is not positive, in (0, inf).
      negative_curvature: ``"nu"``; or ``"absolute"`` for the absolute value of the
        ratio, the classical method that Figure 4.2 compares with.
      axis_name: as in :func:`step_tuned_sgd`.

    Returns:
      An :class:`optax.GradientTransformationExtraArgs` whose state is a
      :class:`GradientVariationState`.

    Raises:
      TypeError: if a hyperparameter is not a number (or, where allowed, a schedule).
      ValueError: if a known number is outside its range, or ``negative_curvature``
        is neither ``"nu"`` nor ``"absolute"``.

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import barzilai_borwein
      >>> def f(x): return jnp.sum(jnp.array([1., 2., 4.]) * x ** 2)
      >>> solver = barzilai_borwein(learning_rate=0.1)
      >>> params = jnp.array([1., 2., 3.])
      >>> print(f'Objective function: {f(params):.3f}')
      Objective function: 45.000
      >>> opt_state = solver.init(params)
      >>> for _ in range(5):
      ...   grads = jax.grad(f)(params)
      ...   updates, opt_state = solver.update(grads, opt_state)
      ...   params = optax.apply_updates(params, updates)
      ...   print(f'Objective function: {f(params):.3f}')
      Objective function: 4.960
      Objective function: 4.342
      Objective function: 3.660
      Objective function: 3.090
      Objective function: 2.610

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    check_hyperparameter("learning_rate", learning_rate, "[0, inf)", schedule=True)
    check_hyperparameter("nu", nu, "(0, inf)")
    choices = get_args(NegativeCurvature)
    if negative_curvature not in choices:
        raise ValueError(
            "negative_curvature must be one of 'nu' and 'absolute', got"
            f" {negative_curvature!r}.{nearest(negative_curvature, choices)}"
        )
    return _difference_method(
        learning_rate, as_scalar(nu), None, None, axis_name, negative_curvature
    )


def stochastic_gv_sgd(
    learning_rate: ScalarOrSchedule,
    nu: float | jax.Array = 2.0,
    gamma_min: float | jax.Array = 0.5,
    gamma_max: float | jax.Array = 2.0,
    delta: float | jax.Array | None = None,
    *,
    axis_name: AxisName | None = None,
) -> optax.GradientTransformationExtraArgs:
    r"""Stochastic-GV SGD: naive Barzilai-Borwein steps on mini-batches (Algorithm 4).

    The gradient variation mixes two mini-batches, so that noise hides the curvature.
    A counter-example from section 4.3.3, for comparisons only: to train, use
    :func:`step_tuned_sgd`.

    The thesis's :math:`\alpha` is ``learning_rate``, :math:`\nu` is ``nu``,
    :math:`\tilde m, \tilde M` are ``gamma_min`` and ``gamma_max``, :math:`\delta` is
    ``delta``.

    ``init`` makes a previous gradient of zeros and :math:`\gamma_0 = 1` (clipped to
    :math:`[\tilde m, \tilde M]`).  One ``update`` returns
    :math:`\theta_{k+1} - \theta_k` and keeps the gradient:

    .. math::
      \begin{align*}
        \Delta g_k &= \nabla J_{B_k}(\theta_k) - \nabla J_{B_{k-1}}(\theta_{k-1}),
          \quad \Delta\theta_k = \theta_k - \theta_{k-1} \\
        \gamma_k &= \begin{cases}
          \|\Delta\theta_k\|^2 / \langle \Delta g_k, \Delta\theta_k \rangle
            & \text{if } \langle \Delta g_k, \Delta\theta_k \rangle > 0 \\
          \nu & \text{otherwise}
        \end{cases} \quad \text{clipped to } [\tilde m, \tilde M] \\
        \theta_{k+1} &= \theta_k
          - \frac{\alpha \gamma_k}{(k+1)^{1/2+\delta}} \nabla J_{B_k}(\theta_k)
      \end{align*}

    Args:
      learning_rate: scaling factor of the steps, in [0, inf); a number or a schedule.
      nu: step factor where the curvature is not positive, in (0, inf).
      gamma_min: smallest step factor, in (0, gamma_max].
      gamma_max: largest step factor, in [gamma_min, inf).
      delta: exponent of the algorithm's decay, in (0, 1/2), or None for none.
      axis_name: as in :func:`step_tuned_sgd`.

    Returns:
      An :class:`optax.GradientTransformationExtraArgs` whose state is a
      :class:`GradientVariationState`.

    Raises:
      TypeError: if a hyperparameter is not a number (or, where allowed, a schedule).
      ValueError: if a known number is outside its range.

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import stochastic_gv_sgd
      >>> def f(x): return jnp.sum(x ** 2)
      >>> solver = stochastic_gv_sgd(learning_rate=0.2)
      >>> params = jnp.array([1., 2., 3.])
      >>> print(f'Objective function: {f(params):.3f}')
      Objective function: 14.000
      >>> opt_state = solver.init(params)
      >>> for _ in range(5):
      ...   grads = jax.grad(f)(params)
      ...   updates, opt_state = solver.update(grads, opt_state)
      ...   params = optax.apply_updates(params, updates)
      ...   print(f'Objective function: {f(params):.3f}')
      Objective function: 5.040
      Objective function: 3.226
      Objective function: 2.064
      Objective function: 1.321
      Objective function: 0.846

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    return _difference_method(
        learning_rate,
        *_checked(learning_rate, nu, gamma_min, gamma_max, delta),
        axis_name,
    )


def exact_gv_sgd(
    learning_rate: ScalarOrSchedule,
    nu: float | jax.Array = 2.0,
    gamma_min: float | jax.Array = 0.5,
    gamma_max: float | jax.Array = 2.0,
    delta: float | jax.Array | None = None,
    *,
    axis_name: AxisName | None = None,
) -> optax.GradientTransformationExtraArgs:
    r"""Exact-GV SGD: mini-batch steps, full-loss gradient variations (Algorithm 5).

    An ideal that costs a full gradient per iteration.  Section 4.3.3 uses it to show
    what an exact gradient variation would achieve.

    The thesis's :math:`\alpha` is ``learning_rate``, :math:`\nu` is ``nu``,
    :math:`\tilde m, \tilde M` are ``gamma_min`` and ``gamma_max``, :math:`\delta` is
    ``delta``; :math:`\nabla J(\theta_k)` is the extra argument ``full_grads``.

    ``init`` makes two previous gradients of zeros and :math:`\gamma_0 = 1` (clipped to
    :math:`[\tilde m, \tilde M]`).  One
    ``update(grads, state, params, full_grads=full_grads)`` returns
    :math:`\theta_{k+1} - \theta_k` and keeps both gradients:

    .. math::
      \begin{align*}
        G_k &= \nabla J(\theta_k) - \nabla J(\theta_{k-1}),
          \quad \Delta\theta_k = \theta_k - \theta_{k-1} \\
        \gamma_k &= \begin{cases}
          \|\Delta\theta_k\|^2 / \langle G_k, \Delta\theta_k \rangle
            & \text{if } \langle G_k, \Delta\theta_k \rangle > 0 \\
          \nu & \text{otherwise}
        \end{cases} \quad \text{clipped to } [\tilde m, \tilde M] \\
        \theta_{k+1} &= \theta_k
          - \frac{\alpha \gamma_k}{(k+1)^{1/2+\delta}} \nabla J_{B_k}(\theta_k)
      \end{align*}

    Args:
      learning_rate: scaling factor of the steps, in [0, inf); a number or a schedule.
      nu: step factor where the curvature is not positive, in (0, inf).
      gamma_min: smallest step factor, in (0, gamma_max].
      gamma_max: largest step factor, in [gamma_min, inf).
      delta: exponent of the algorithm's decay, in (0, 1/2), or None for none.
      axis_name: as in :func:`step_tuned_sgd`.

    Returns:
      An :class:`optax.GradientTransformationExtraArgs` whose state is a
      :class:`GradientVariationState`.

    Raises:
      TypeError: if a hyperparameter is not a number (or, where allowed, a schedule).
      ValueError: if a known number is outside its range, or if ``update`` is called
        without ``full_grads``.

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import exact_gv_sgd
      >>> def f(x): return jnp.sum(x ** 2)
      >>> solver = exact_gv_sgd(learning_rate=0.2)
      >>> params = jnp.array([1., 2., 3.])
      >>> print(f'Objective function: {f(params):.3f}')
      Objective function: 14.000
      >>> opt_state = solver.init(params)
      >>> for _ in range(5):
      ...   grads = jax.grad(f)(params)     # in practice of a mini-batch
      ...   updates, opt_state = solver.update(
      ...       grads, opt_state, full_grads=jax.grad(f)(params))
      ...   params = optax.apply_updates(params, updates)
      ...   print(f'Objective function: {f(params):.3f}')
      Objective function: 5.040
      Objective function: 3.226
      Objective function: 2.064
      Objective function: 1.321
      Objective function: 0.846

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    return _difference_method(
        learning_rate,
        *_checked(learning_rate, nu, gamma_min, gamma_max, delta),
        axis_name,
        full_loss=True,
    )


def expected_gv_sgd(
    learning_rate: ScalarOrSchedule,
    nu: float | jax.Array = 2.0,
    gamma_min: float | jax.Array = 0.5,
    gamma_max: float | jax.Array = 2.0,
    delta: float | jax.Array | None = None,
    *,
    axis_name: AxisName | None = None,
) -> optax.GradientTransformationExtraArgs:
    r"""Expected-GV SGD: the expected gradient variation over batches (Algorithm 6).

    The ideal that Step-Tuned SGD approximates: the curvature term is the expectation,
    over mini-batches A, of
    :math:`C_{J_A}(\theta) = \nabla^2 J_A(\theta) \nabla J_A(\theta)`, the gradient
    of :math:`\tfrac12 \|\nabla J_A(\theta)\|^2`.

    The thesis's :math:`\alpha` is ``learning_rate``, :math:`\nu` is ``nu``,
    :math:`\tilde m, \tilde M` are ``gamma_min`` and ``gamma_max``, :math:`\delta` is
    ``delta``; :math:`E[C_{J_A}(\theta_k)]` is the extra argument ``curvature``.

    ``init`` makes :math:`\gamma_0 = 1` (clipped to :math:`[\tilde m, \tilde M]`);
    there is no other state.  One
    ``update(grads, state, params, curvature=curvature)`` returns
    :math:`\theta_{k+1} - \theta_k` and computes the next step factor:

    .. math::
      \begin{align*}
        \theta_{k+1} &= \theta_k
          - \frac{\alpha \gamma_k}{(k+1)^{1/2+\delta}} \nabla J_{B_k}(\theta_k),
          \quad \Delta\theta_{k+1} = \theta_{k+1} - \theta_k \\
        G_{k+1} &= -\frac{\alpha \gamma_k}{(k+1)^{1/2+\delta}}
          E[C_{J_A}(\theta_k)] \\
        \gamma_{k+1} &= \begin{cases}
          \|\Delta\theta_{k+1}\|^2 / \langle G_{k+1}, \Delta\theta_{k+1} \rangle
            & \text{if } \langle G_{k+1}, \Delta\theta_{k+1} \rangle > 0 \\
          \nu & \text{otherwise}
        \end{cases} \quad \text{clipped to } [\tilde m, \tilde M]
      \end{align*}

    The thesis prints :math:`(k-1)^{1/2+\delta}` in :math:`G_k`, which is zero at k = 1.
    Here it is :math:`k^{1/2+\delta}`, that of the step made.  The factors cancel:
    :math:`\gamma_{k+1} = \|g_k\|^2 / \langle E[C_{J_A}(\theta_k)], g_k \rangle`.

    Args:
      learning_rate: scaling factor of the steps, in [0, inf); a number or a schedule.
      nu: step factor where the curvature is not positive, in (0, inf).
      gamma_min: smallest step factor, in (0, gamma_max].
      gamma_max: largest step factor, in [gamma_min, inf).
      delta: exponent of the algorithm's decay, in (0, 1/2), or None for none.
      axis_name: as in :func:`step_tuned_sgd`.

    Returns:
      An :class:`optax.GradientTransformationExtraArgs` whose state is a
      :class:`GradientVariationState`.

    Raises:
      TypeError: if a hyperparameter is not a number (or, where allowed, a schedule).
      ValueError: if a known number is outside its range, or if ``update`` is called
        without ``curvature``.

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import expected_gv_sgd
      >>> def f(x): return jnp.sum(x ** 2)
      >>> def half_squared_norm(x): return 0.5 * jnp.sum(jax.grad(f)(x) ** 2)
      >>> solver = expected_gv_sgd(learning_rate=0.2)
      >>> params = jnp.array([1., 2., 3.])
      >>> print(f'Objective function: {f(params):.3f}')
      Objective function: 14.000
      >>> opt_state = solver.init(params)
      >>> for _ in range(5):
      ...   grads = jax.grad(f)(params)     # in practice of a mini-batch
      ...   updates, opt_state = solver.update(
      ...       grads, opt_state, curvature=jax.grad(half_squared_norm)(params))
      ...   params = optax.apply_updates(params, updates)
      ...   print(f'Objective function: {f(params):.3f}')
      Objective function: 5.040
      Objective function: 3.226
      Objective function: 2.064
      Objective function: 1.321
      Objective function: 0.846

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    nu, bounds, delta = _checked(learning_rate, nu, gamma_min, gamma_max, delta)
    check_axis_name(axis_name)

    def init_fn(params: optax.Params) -> GradientVariationState:
        zero = zero_vdot(params, axis_name)
        return GradientVariationState(
            count=jnp.zeros([], jnp.int32),
            gamma=jnp.asarray(clip_step(1.0, *bounds), zero.dtype) + zero,
            step_size=zero,
            last_gradient=None,
            last_full_gradient=None,
        )

    def update_fn(
        updates: optax.Updates,
        state: GradientVariationState,
        params: optax.Params | None = None,
        *,
        curvature: optax.Updates | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, GradientVariationState]:
        del extra_args
        if curvature is None:
            raise ValueError(
                "expected_gv_sgd needs curvature: call update(grads, state, params,"
                " curvature=...) with the expectation of the mini-batches'"
                " Hessian-gradient product at params."
            )
        updates, curvature = differentiable(updates), differentiable(curvature)
        dtypes = update_dtypes(updates, params)
        alpha = value_at("learning_rate", learning_rate, state.count)
        # The barrier keeps XLA on GPUs from computing it together with the next gamma:
        # the params would then wait for the inner products, a fifth word of memory.
        step = jax.lax.optimization_barrier(
            alpha * decay_factor(state.count, delta) * state.gamma
        )
        # The step multiplies both sides of the ratio, so that a step of zero, which
        # gives no variation, makes it undefined, and nu replaces it.
        ratio = barzilai_borwein_ratio(
            step * real_vdot(updates, updates, axis_name),
            step * real_vdot(curvature, updates, axis_name),
            nu,
        )
        return weighted_sum((-step,), (updates,), like=dtypes), GradientVariationState(
            count=optax.safe_increment(state.count),
            gamma=clip_step(ratio, *bounds).astype(state.gamma.dtype),
            step_size=step.astype(state.step_size.dtype),
            last_gradient=None,
            last_full_gradient=None,
        )

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
