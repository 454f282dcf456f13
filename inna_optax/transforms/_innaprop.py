"""INNAprop: INNA on RMSprop-scaled gradients, with decoupled weight decay.

From "A second-order-like optimizer with adaptive gradient scaling for deep learning"
(https://arxiv.org/abs/2410.05871) by Jerome Bolte, Ryan Boustany, Edouard Pauwels and
Andrei Purica.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from inna_optax._checks import known_number
from inna_optax.transforms._arithmetic import (
    Scalar,
    differentiable,
    map_leaves,
    rounding_error,
    update_dtypes,
    weighted_sum,
    working_dtype,
    zeros_like,
)
from inna_optax.transforms._hyperparameters import (
    ScalarOrSchedule,
    as_scalar,
    check_alpha_step,
    check_hyperparameter,
    check_precision,
    check_storage_dtype,
    value_at,
)
from inna_optax.transforms._inna import velocity_coefficients


class InnapropState(NamedTuple):
    """State of the transformation returned by :func:`innaprop`."""

    # shape=(), dtype=jnp.int32: number of updates made.
    count: jax.Array  # type: ignore[assignment]
    velocity: optax.Updates  # v_k, shapes of the params, dtype velocity_dtype.
    # Root of the moving average of |g|^2, shapes of the params, real dtypes.  Both
    # results divide by the root: stored, it is taken only once, which saves a tenth of
    # the time.
    rms: optax.Updates


def _root_mean_square(r: jax.Array, g: jax.Array, decay: Scalar) -> jax.Array:
    """The root of `decay r^2 + (1 - decay) |g|^2`, in the type of `r`.

    Gradients whose square would overflow (above 9e18 in float32) are clipped, since an
    infinity would stay in the state.
    """
    size = jnp.abs(jnp.asarray(g, working_dtype(g, r)))
    largest = math.sqrt(jnp.finfo(size.dtype).max) / 2
    size = jnp.where(size > largest, largest, size)
    # The second weight is computed from the rounded first one, so that they sum to one:
    # an error of epsilon in the sum would grow 1 / (1 - decay) times.
    old = jnp.asarray(decay, size.dtype)
    new = 1 - old
    square = old * r * r + new * size * size
    # At zero the root has no derivative, and JAX's would be NaN: here it is zero.
    root = jnp.sqrt(jnp.where(square == 0, 1.0, square))
    return jnp.where(square == 0, 0.0, root).astype(r.dtype)


def _decayed(mask: Any, params: optax.Params, updates: optax.Updates) -> optax.Params:
    """The params that decay, zeros for others; None where there is no gradient.

    Integers never decay: rounded, a count of 5 would become 4.
    """
    leaves = jax.tree.leaves(mask)
    # A tree may be callable itself, as a module of equinox is.
    is_function = bool(leaves) and all(map(callable, leaves))
    keeps = mask(params) if is_function else True if mask is None else mask

    def select(keep: Any, param: Any) -> Any:
        is_inexact = jnp.issubdtype(jnp.result_type(param), jnp.inexact)
        return param if keep and is_inexact else jnp.zeros_like(param)

    with_gradient = map_leaves(
        lambda g, param: None if g is None else param, updates, params
    )
    return jax.tree.map(
        lambda keep, subtree: jax.tree.map(lambda p: select(keep, p), subtree),
        keeps,
        with_gradient,
    )


def _as_they_are(*trees: Any) -> Any:
    return trees


def _behind_barriers(*trees: Any) -> Any:
    """Each leaf of all trees behind a barrier of its own: no leaf waits for another."""
    walled = jax.tree.map(lambda *leaves: jax.lax.optimization_barrier(leaves), *trees)
    return tuple(
        jax.tree.map(lambda _, leaves, i=i: leaves[i], tree, walled)
        for i, tree in enumerate(trees)
    )


def _computed_once(velocity: optax.Updates, rms: optax.Updates) -> Any:
    """Both, such that XLA's CPU compiler does not compute them again for the update.

    A loop of its CPU code has one result.  Without a barrier it computes rms again
    inside both other results, from a copy of its old value: 14 words of memory a
    parameter instead of 13, a temporary, and twice the time (10M params).  Elsewhere
    one loop has all three results, 7 words; a barrier would cut it in two, 11 words.
    """
    return jax.lax.platform_dependent(
        velocity, rms, cpu=_behind_barriers, default=_as_they_are
    )


def innaprop(
    learning_rate: ScalarOrSchedule,
    alpha: ScalarOrSchedule = 0.1,
    beta: ScalarOrSchedule = 0.9,
    *,
    decay: float | jax.Array = 0.999,
    eps: float | jax.Array = 1e-8,
    eps_root: float | jax.Array = 0.0,
    weight_decay: ScalarOrSchedule = 0.01,
    mask: Any | Callable[[optax.Params], Any] | None = None,
    velocity_dtype: Any = None,
) -> optax.GradientTransformationExtraArgs:
    r"""INNAprop: INNA on RMSprop-scaled gradients, with decoupled weight decay.

    INNA's velocity form can follow any preconditioner; INNAprop uses RMSprop's.  It
    costs one more state variable than :func:`inna`, as AdamW does over momentum.  Its
    authors recommend it for transformers and wherever AdamW is the usual choice.

    The paper's :math:`\gamma_k` is ``learning_rate``, :math:`\alpha` is ``alpha``,
    :math:`\beta` is ``beta``, :math:`\sigma` is ``decay``, :math:`\epsilon` is ``eps``,
    :math:`\lambda` is ``weight_decay``.

    ``init`` makes a velocity and a root mean square :math:`r_0` of zeros.  One
    ``update`` returns :math:`\theta_{k+1} - \theta_k` and advances both; it needs the
    params unless ``weight_decay`` is 0:

    .. math::
      \begin{align*}
        r_{k+1}^2 &= \sigma r_k^2 + (1 - \sigma) |g_k|^2 \\
        \hat g_k &= g_k / \left(\sqrt{r_{k+1}^2 / (1 - \sigma^{k+1}) + \epsilon_0}
          + \epsilon\right) \\
        w_k &= v_k + (\alpha - 1/\beta) \gamma_k \lambda \theta_k,
          \quad v_0 = 0 \\
        \theta_{k+1} &= (1 - \gamma_k \lambda) \theta_k
          + \gamma_k (w_k - \beta \hat g_k) \\
        v_{k+1} &= (1 - \alpha \gamma_k) w_k
          - \gamma_k (1 - \alpha \beta) \hat g_k
      \end{align*}

    This is Algorithm 1 of the paper, where :math:`\theta_k` is decayed first and both
    the :math:`\psi` and the :math:`\theta` recursions use the decayed params.

    Args:
      learning_rate: step size, in [0, 1 / alpha); a number or a schedule, treated
        near 1 / alpha as by :func:`inna`.
      alpha: viscous friction, in [0, inf); a number or a schedule.
      beta: Newton-like damping, in (0, inf); a number or a schedule.
      decay: decay of the mean square, in [0, 1).
      eps: added to the root mean square, in (0, inf).
      eps_root: :math:`\epsilon_0`, added inside the root, in [0, inf); the paper has
        none.  A positive one keeps the derivative with respect to a hyperparameter
        moderate where a gradient is zero, as in ``optax.adam``.
      weight_decay: decoupled weight decay, in [0, inf); a number or a schedule.
      mask: a pytree of booleans, a prefix of the params' or of their structure, or
        a function that makes it from the params: which leaves decay.  None for all.
      velocity_dtype: type in which the velocity is stored; None for the params',
        but at least float32, as the root mean square always is.

    Returns:
      An :class:`optax.GradientTransformationExtraArgs` whose state is an
      :class:`InnapropState`.

    Raises:
      TypeError: if a hyperparameter is not a number (or, where allowed, a schedule),
        or ``velocity_dtype`` is not a real floating-point type.
      ValueError: if a known number is outside its range, if
        ``alpha * learning_rate >= 1``, or if ``update`` is called without params
        although weights decay.

    Examples:
      >>> import jax, jax.numpy as jnp, optax
      >>> from inna_optax import innaprop
      >>> def f(x): return jnp.sum(x ** 2)
      >>> solver = innaprop(learning_rate=0.1)
      >>> params = jnp.array([1., 2., 3.])
      >>> print(f'Objective function: {f(params):.3f}')
      Objective function: 14.000
      >>> opt_state = solver.init(params)
      >>> for _ in range(5):
      ...   grads = jax.grad(f)(params)
      ...   updates, opt_state = solver.update(grads, opt_state, params)
      ...   params = optax.apply_updates(params, updates)
      ...   print(f'Objective function: {f(params):.3f}')
      Objective function: 12.915
      Objective function: 11.803
      Objective function: 10.683
      Objective function: 9.573
      Objective function: 8.490

    References:
      Bolte et al., `A second-order-like optimizer with adaptive gradient scaling for
      deep learning <https://arxiv.org/abs/2410.05871>`_, 2024

    .. note::
      In ``optax.inject_hyperparams`` over bfloat16 or float16 params pass
      ``hyperparam_dtype=jnp.float32``.  In bfloat16 a decay of 0.999 is 1, in float16
      an eps of 1e-8 is 0, and either is refused.
    """
    check_hyperparameter("learning_rate", learning_rate, "[0, inf)", schedule=True)
    check_hyperparameter("alpha", alpha, "[0, inf)", schedule=True)
    check_hyperparameter("beta", beta, "(0, inf)", schedule=True)
    check_hyperparameter("decay", decay, "[0, 1)")
    check_hyperparameter("eps", eps, "(0, inf)")
    check_hyperparameter("eps_root", eps_root, "[0, inf)")
    check_hyperparameter("weight_decay", weight_decay, "[0, inf)", schedule=True)
    check_precision("decay", decay, 0.999)
    check_precision("eps", eps, 1e-8)
    check_alpha_step(alpha, learning_rate)
    check_storage_dtype("velocity_dtype", velocity_dtype)
    decay, eps, eps_root = map(as_scalar, (decay, eps, eps_root))
    decays_weights = known_number(weight_decay) != 0.0

    def init_fn(params: optax.Params) -> InnapropState:
        return InnapropState(
            count=jnp.zeros([], jnp.int32),
            velocity=zeros_like(params, velocity_dtype),
            rms=jax.tree.map(jnp.real, zeros_like(params)),
        )

    def update_fn(
        updates: optax.Updates,
        state: InnapropState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, InnapropState]:
        del extra_args
        if decays_weights and params is None:
            raise ValueError(
                "innaprop decays the params, so it needs them: call"
                " update(grads, state, params), or set weight_decay=0."
            )
        updates = differentiable(updates)
        dtypes = update_dtypes(updates, params)
        count = optax.safe_increment(state.count)
        gamma = value_at("learning_rate", learning_rate, state.count)
        a = value_at("alpha", alpha, state.count)
        b = value_at("beta", beta, state.count)
        c = velocity_coefficients(gamma, a, b, rounding_error(updates))
        shrink = gamma * value_at("weight_decay", weight_decay, state.count)
        decayed = [_decayed(mask, params, updates)] if decays_weights else []

        rms = map_leaves(
            lambda r, g: r if g is None else _root_mean_square(r, g, decay),
            state.rms,
            updates,
        )
        # The scaled gradient is `root * g / (sqrt(rms^2 + root^2 eps_root) + root *
        # eps)`.  The bias correction goes into the coefficients, which saves a
        # multiplication per parameter.
        root = jnp.sqrt(1 - jnp.power(decay, count.astype(float)))

        def scale(g: Any, r: jax.Array) -> Any:
            if g is None:
                return None
            if known_number(eps_root) != 0.0:
                r = jnp.sqrt(r * r + jnp.asarray(root * root * eps_root, r.dtype))
            floor = jnp.asarray(root * eps, r.dtype)
            with jax.numpy_dtype_promotion("standard"):  # a complex number by a real
                return jnp.asarray(g, working_dtype(g, r)) / (r + floor)

        velocity = weighted_sum(
            (c.keep, -c.push * root, c.keep * (a - 1 / b) * shrink)[: 2 + len(decayed)],
            (state.velocity, map_leaves(scale, updates, rms), *decayed),
            like=state.velocity,
        )
        velocity, rms = _computed_once(velocity, rms)
        # Scaled gradients are of size one: merging their terms cannot overflow.
        across = (c.along * c.push - c.pull) * root
        updates = weighted_sum(
            (c.along, across, -shrink)[: 2 + len(decayed)],
            (velocity, map_leaves(scale, updates, rms), *decayed),
            like=dtypes,
        )
        return updates, InnapropState(count, velocity, rms)

    return optax.GradientTransformationExtraArgs(init_fn, update_fn)
