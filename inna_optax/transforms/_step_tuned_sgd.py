"""Step-Tuned SGD.

Algorithm 3 of Castera's thesis (https://theses.hal.science/tel-04186508), to
which equation numbers refer; also in "Second-order step-size tuning of SGD for
non-convex optimization" (https://arxiv.org/abs/2103.03570) by Camille Castera,
Jerome Bolte, Cedric Fevotte and Edouard Pauwels.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from inna_optax._checks import shown
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
    barzilai_borwein_ratio,
    clip_step,
    debiased_average_weight,
    decay_factor,
)
from inna_optax.transforms._hyperparameters import (
    ScalarOrSchedule,
    as_scalar,
    check_axis_name,
    check_hyperparameter,
    check_ordered,
    check_storage_dtype,
    value_at,
)


class StepTunedSgdState(NamedTuple):
    """State of the transformation returned by :func:`step_tuned_sgd`."""

    # shape=(), dtype=jnp.int32: k, number of mini-batches done.
    count: jax.Array  # type: ignore[assignment]
    half_step: jax.Array  # shape=(), dtype=jnp.int32: 1 between the two calls, else 0.
    curvature_average: optax.Updates  # G_k, shapes of the params, accumulator_dtype.
    first_gradient: optax.Updates | None  # grad J_{B_k}(theta_k); None in opaque mode.
    gamma: jax.Array  # shape=(): gamma_k, for the next mini-batch when half_step is 0.
    step_size: jax.Array  # shape=(): the step that the last update took.


def step_tuned_sgd(
    learning_rate: ScalarOrSchedule,
    nu: float | jax.Array = 2.0,
    beta: float | jax.Array = 0.9,
    gamma_min: float | jax.Array = 0.5,
    gamma_max: float | jax.Array = 2.0,
    delta: float | jax.Array | None = None,
    *,
    opaque_mode: bool = False,
    accumulator_dtype: Any = None,
    axis_name: AxisName | None = None,
) -> optax.GradientTransformationExtraArgs:
    r"""Step-Tuned SGD: SGD whose scalar step follows the curvature of the loss.

    Each mini-batch is used for two gradient steps in a row.  The difference of its
    two gradients measures the curvature along the step just made; a moving average
    of these differences gives a Barzilai-Borwein step size for the next mini-batch,
    long where the loss is flat or concave, short where it is sharply convex.
    It needs gradients only, keeps one state variable of the params' size (two in
    transparent mode), and converges for smooth non-convex losses (Theorem 4.2).

    The step is :math:`\gamma_k` times what ``learning_rate`` says.  Algorithm 3 as
    printed also divides it by :math:`(k+1)^{1/2+\delta}`, k counting mini-batches:
    pass ``delta=0.001``.  The thesis's experiments decay once an epoch instead: pass
    ``inverse_power_schedule(learning_rate, 0.501, batches_per_epoch)``.

    The thesis's :math:`\alpha` is ``learning_rate``, :math:`\nu` is ``nu``,
    :math:`\beta` is ``beta``, :math:`\tilde m, \tilde M` are ``gamma_min`` and
    ``gamma_max``, :math:`\delta` is ``delta``.

    ``init`` makes :math:`G_{-1} = 0` and :math:`\gamma_0 = 1` (clipped to
    :math:`[\tilde m, \tilde M]`, which section 4.3.3 demands of every
    :math:`\gamma_k`).  Two ``update`` calls with gradients on the same mini-batch
    (one call in opaque mode) make iteration k of Algorithm 3:

    .. math::
      \begin{align*}
        \eta_k &= \alpha \gamma_k / (k+1)^{1/2+\delta} \\
        \theta_{k+1/2} &= \theta_k - \eta_k \nabla J_{B_k}(\theta_k) \\
        \theta_{k+1} &= \theta_{k+1/2} - \eta_k \nabla J_{B_k}(\theta_{k+1/2}) \\
        G_k &= \beta G_{k-1} + (1 - \beta)
          (\nabla J_{B_k}(\theta_{k+1/2}) - \nabla J_{B_k}(\theta_k)) \\
        \hat G_k &= G_k / (1 - \beta^{k+1}) \\
        \gamma_{k+1} &= \begin{cases}
          \|\Delta\theta\|^2 / \langle \hat G_k, \Delta\theta \rangle
            & \text{if } \langle \hat G_k, \Delta\theta \rangle > 0 \\
          \nu & \text{otherwise}
        \end{cases} \quad \text{with } \Delta\theta = \theta_{k+1/2} - \theta_k \\
        \gamma_{k+1} &= \min(\max(\gamma_{k+1}, \tilde m), \tilde M)
      \end{align*}

    Args:
      learning_rate: scaling factor of the steps, in [0, inf); a number, or a schedule
        of k, the number of mini-batches (not of half steps).  Steps reach ``gamma_max``
        times it, which must be a rate at which SGD trains: start from half of SGD's.
      nu: step factor where the curvature is not positive, in (0, inf).  Beyond
        ``gamma_max`` it acts as ``gamma_max``.
      beta: decay of the average of gradient differences, in [0, 1).  (The thesis
        admits 1, where :math:`\hat G_k` is 0/0.)
      gamma_min: smallest step factor, in (0, gamma_max].
      gamma_max: largest step factor, in [gamma_min, inf).
      delta: exponent of Algorithm 3's decay, in (0, 1/2), or None for none.
      opaque_mode: False to make one half step a call.  True to make both in one
        call ``update(grads, state, params, grad_fn=grad_fn)``, where
        ``grad_fn(params)`` returns the gradients on the mini-batch that ``grads``
        were computed on; the iterates are the same.
      accumulator_dtype: type in which the average and the first gradient are
        stored; None for the params', but at least float32.
      axis_name: inside ``shard_map`` or ``pmap``, the axes along which each device
        holds its own part of the params and gradients: inner products are summed over
        them.  None if every device holds them whole.

    Returns:
      An :class:`optax.GradientTransformationExtraArgs` whose state is a
      :class:`StepTunedSgdState`.  Read the step factor and the step taken with
      ``optax.tree.get(state, "gamma")`` and ``optax.tree.get(state, "step_size")``.

    Raises:
      TypeError: if a hyperparameter is not a number (or, where allowed, a schedule),
        ``opaque_mode`` is not a bool, ``accumulator_dtype`` is not a real
        floating-point type, or ``axis_name`` is no name.
      ValueError: if a known number is outside its range, or, in opaque mode, if
        ``update`` is called without ``params`` or ``grad_fn``, or ``grad_fn`` returns
        anything but gradients like ``grads``.

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import step_tuned_sgd
      >>> def f(x): return jnp.sum(x ** 2)
      >>> solver = step_tuned_sgd(learning_rate=0.2)
      >>> params = jnp.array([1., 2., 3.])
      >>> print(f'Objective function: {f(params):.3f}')
      Objective function: 14.000
      >>> opt_state = solver.init(params)
      >>> for _ in range(3):          # mini-batches
      ...   for _ in range(2):        # each is used twice
      ...     grads = jax.grad(f)(params)
      ...     updates, opt_state = solver.update(grads, opt_state)
      ...     params = optax.apply_updates(params, updates)
      ...   gamma = optax.tree.get(opt_state, 'gamma')
      ...   print(f'Objective function: {f(params):.3f}, gamma: {gamma:.2f}')
      Objective function: 1.814, gamma: 0.50
      Objective function: 0.743, gamma: 0.50
      Objective function: 0.304, gamma: 0.50

    References:
      Castera et al., `Second-order step-size tuning of SGD for non-convex
      optimization <https://arxiv.org/abs/2103.03570>`_, 2021

      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021

    .. note::
      Clipping in a chain, of the gradients before or of the updates after, makes
      gamma too large while it acts: the difference of the two gradients then does not
      belong to the step made.  ``optax.inject_hyperparams`` reads a schedule at its
      count of update calls: two a mini-batch in transparent mode.

    .. warning::
      In transparent mode nothing can check that both calls saw the same mini-batch:
      draw a new one after every second update.

      With dropout, compute both gradients of a mini-batch under the same mask: pass the
      same random key to both forward passes.  Otherwise the difference of the gradients
      is noise, not curvature.

      Batch normalization normalizes with the mini-batch's own statistics, so both
      gradients are of one function.  But each forward pass also moves the running
      averages.  Move them once per mini-batch, or accept that each mini-batch counts
      twice in them.
    """
    check_hyperparameter("learning_rate", learning_rate, "[0, inf)", schedule=True)
    check_hyperparameter("nu", nu, "(0, inf)")
    check_hyperparameter("beta", beta, "[0, 1)")
    check_hyperparameter("gamma_min", gamma_min, "(0, inf)")
    check_hyperparameter("gamma_max", gamma_max, "(0, inf)")
    check_ordered("gamma_min", gamma_min, "gamma_max", gamma_max)
    if delta is not None:
        check_hyperparameter("delta", delta, "(0, 0.5)")
        delta = as_scalar(delta)
    if not isinstance(opaque_mode, bool):
        raise TypeError(f"opaque_mode must be True or False, got {shown(opaque_mode)}.")
    check_storage_dtype("accumulator_dtype", accumulator_dtype)
    check_axis_name(axis_name)
    nu, beta, gamma_min, gamma_max = map(as_scalar, (nu, beta, gamma_min, gamma_max))

    def init_fn(params: optax.Params) -> StepTunedSgdState:
        zero = zero_vdot(params, axis_name)
        return StepTunedSgdState(
            count=jnp.zeros([], jnp.int32),
            half_step=jnp.zeros([], jnp.int32),
            curvature_average=zeros_like(params, accumulator_dtype),
            first_gradient=(
                None if opaque_mode else zeros_like(params, accumulator_dtype)
            ),
            gamma=jnp.asarray(clip_step(1.0, gamma_min, gamma_max), zero.dtype) + zero,
            step_size=zero,
        )

    def step_size(state: StepTunedSgdState) -> jax.Array:
        alpha = value_at("learning_rate", learning_rate, state.count)
        return alpha * decay_factor(state.count, delta) * state.gamma

    def next_gamma(
        curvature: jax.Array, squared_norm: jax.Array, step: Scalar, count: jax.Array
    ) -> jax.Array:
        # With Delta theta = -step * first_gradient, one factor `step` cancels.
        ratio = barzilai_borwein_ratio(
            step * squared_norm,
            -curvature * debiased_average_weight(beta, count),
            nu,
        )
        return clip_step(ratio, gamma_min, gamma_max)

    def inner_products(
        average: optax.Updates, first: optax.Updates
    ) -> tuple[jax.Array, jax.Array]:
        curvature = real_vdot(average, first, axis_name)
        return curvature, real_vdot(first, first, axis_name)

    # Defined once, here: outside jit JAX compiles a branch again for each new function.
    def no_inner_products(
        average: optax.Updates, first: optax.Updates
    ) -> tuple[jax.Array, jax.Array]:
        zero = zero_vdot((average, first), axis_name)
        return zero, zero

    def inner_products_of_the_second(
        is_first: jax.Array, average: optax.Updates, first: optax.Updates
    ) -> tuple[jax.Array, jax.Array]:
        return jax.lax.cond(is_first, no_inner_products, inner_products, average, first)

    def inner_products_of_both(
        is_first: jax.Array, average: optax.Updates, first: optax.Updates
    ) -> tuple[jax.Array, jax.Array]:
        del is_first
        # Fused with what makes the two arrays, the sums would keep XLA from making
        # them in place: 12 words of memory a parameter and two temporaries.
        return inner_products(*jax.lax.optimization_barrier((average, first)))

    def transparent_update_fn(
        updates: optax.Updates,
        state: StepTunedSgdState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, StepTunedSgdState]:
        del extra_args
        updates = differentiable(updates)
        dtypes = update_dtypes(updates, params)
        # New values in place of the old, which XLA would copy before they are
        # overwritten: on a GPU a kernel each.
        half_step = 1 - state.half_step
        is_first = half_step == 1
        count = jnp.where(is_first, state.count, optax.safe_increment(state.count))
        # The barrier keeps XLA on GPUs from computing it together with the next gamma:
        # the params would then wait for the inner products, a tenth word of memory.
        step = jax.lax.optimization_barrier(step_size(state))
        # G_k is built in place, without a branch: the first call subtracts its
        # gradient from the decayed average, the second adds its own.
        average = weighted_sum(
            (
                jnp.where(is_first, beta, 1.0),
                jnp.where(is_first, beta - 1, 1 - beta),
            ),
            (state.curvature_average, updates),
            like=state.curvature_average,
        )
        first_gradient = map_leaves(
            lambda g, kept: (
                kept if g is None else jnp.where(is_first, placed_as(g, kept), kept)
            ),
            updates,
            state.first_gradient,
        )
        # The first call needs no inner products.  A branch spares it their 2 words of
        # memory a parameter, of 9.  On a GPU the host would wait for the predicate.
        curvature, squared_norm = jax.lax.platform_dependent(
            is_first,
            average,
            first_gradient,
            cuda=inner_products_of_both,
            rocm=inner_products_of_both,
            default=inner_products_of_the_second,
        )
        # Of the second call, the only one whose gamma is kept.
        batch = jnp.maximum(count - 1, 0)
        gamma = next_gamma(curvature, squared_norm, step, batch)
        return weighted_sum((-step,), (updates,), like=dtypes), StepTunedSgdState(
            count=count,
            half_step=half_step,
            curvature_average=average,
            first_gradient=first_gradient,
            gamma=jnp.where(is_first, state.gamma, gamma.astype(state.gamma.dtype)),
            step_size=step.astype(state.step_size.dtype),
        )

    def opaque_update_fn(
        updates: optax.Updates,
        state: StepTunedSgdState,
        params: optax.Params | None = None,
        *,
        grad_fn: Callable[[optax.Params], optax.Updates] | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, StepTunedSgdState]:
        del extra_args
        if params is None or grad_fn is None:
            missing = "params" if params is None else "grad_fn"
            raise ValueError(
                f"step_tuned_sgd with opaque_mode=True needs {missing}: call"
                " update(grads, state, params, grad_fn=grad_fn), where"
                " grad_fn(params) returns the gradients on the same mini-batch."
            )
        updates = differentiable(updates)
        dtypes = update_dtypes(updates, params)
        step = step_size(state)
        half = map_leaves(
            lambda p, u: p if u is None else optax.apply_updates(p, u),
            params,
            weighted_sum((-step,), (updates,), like=dtypes),
        )
        second = differentiable(_second_gradient(grad_fn, half, updates))
        average = weighted_sum(
            (beta, 1 - beta, beta - 1),
            (state.curvature_average, second, updates),
            like=state.curvature_average,
        )
        gamma = next_gamma(*inner_products(average, updates), step, state.count)
        return weighted_sum(
            (-step, -step), (updates, second), like=dtypes
        ), StepTunedSgdState(
            count=optax.safe_increment(state.count),
            half_step=state.half_step,
            curvature_average=average,
            first_gradient=None,
            gamma=gamma.astype(state.gamma.dtype),
            step_size=step.astype(state.step_size.dtype),
        )

    return optax.GradientTransformationExtraArgs(
        init_fn, opaque_update_fn if opaque_mode else transparent_update_fn
    )


def _second_gradient(
    grad_fn: Callable[[optax.Params], Any], params: optax.Params, first: optax.Updates
) -> optax.Updates:
    """What `grad_fn` returns, if it is gradients like the `first`.

    Raises:
      ValueError: if it is something else.
    """
    try:
        second = grad_fn(params)
    except Exception as error:
        if isinstance(params, jax.Array) and params.ndim == 1:
            error.add_note(
                "step_tuned_sgd called grad_fn with params in one flat array.  If it is"
                " inside optax.flatten, use opaque_mode=False: there grad_fn cannot be"
                " given the params' own structure."
            )
        raise

    def is_like_first(tree: Any) -> bool:
        try:
            same = jax.tree.map(lambda x, y: np.shape(x) == np.shape(y), first, tree)
        except (TypeError, ValueError):  # of another structure
            return False
        return jax.tree.all(same)

    if is_like_first(second):
        return second
    pair = second if isinstance(second, tuple) and len(second) == 2 else ()
    items = [number for number, item in enumerate(pair) if is_like_first(item)]
    hint = (
        f" Its item {items[0]} is the gradients: let grad_fn return that alone."
        if items
        else ""
    )
    raise ValueError(
        "grad_fn must return gradients of the structure and shapes of grads,"
        f" {_outline(first)}, got {_outline(second)}.{hint}"
    )


def _outline(tree: Any) -> str:
    """A tree with the shapes of its arrays in their places, on one line, truncated."""
    return shown(jax.tree.map(lambda leaf: getattr(leaf, "shape", leaf), tree))
