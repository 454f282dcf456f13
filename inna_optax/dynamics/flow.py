"""DIN, the differential equation that INNA discretizes by Euler's method.

Equation numbers are those of Castera's thesis
(https://theses.hal.science/tel-04186508).  As in `inna_optax.inna`, the second
variable is the velocity ``v = (1 / beta - alpha) theta - psi / beta`` instead of the
thesis's ``psi``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from inna_optax._checks import as_count, known_number, shown
from inna_optax.dynamics.sharding import in_parts, whole
from inna_optax.transforms._arithmetic import Scalar, weighted_sum, working_dtype
from inna_optax.transforms._hyperparameters import (
    ScalarOrSchedule,
    check_hyperparameter,
    value_at,
)


class DinSolution(NamedTuple):
    """A solution of DIN at the times at which it was saved.

    The thesis's phase variable is ``phase_variable(s.theta, s, alpha, beta)`` for a
    solution ``s``, by :func:`inna_optax.phase_variable`.
    """

    t: jax.Array  # shape (n,).
    theta: Any  # as the params, with one leading axis of size n.
    velocity: Any  # dot theta + beta grad J(theta), shapes of theta.


def din_flow(
    grad_fn: Callable[[Any], Any],
    alpha: ScalarOrSchedule = 0.5,
    beta: ScalarOrSchedule = 0.1,
) -> Callable[[Any, tuple[Any, Any], Any], tuple[Any, Any]]:
    r"""DIN's vector field, in the form that ODE solvers take.

    The thesis's :math:`\nabla \mathcal J` is ``grad_fn``.

    .. math::
      \begin{align*}
        \dot\theta &= v - \beta \nabla \mathcal J(\theta) \\
        \dot v &= -\alpha v - (1 - \alpha\beta) \nabla \mathcal J(\theta)
      \end{align*}

    This is (3.1) with :math:`v = (1/\beta - \alpha) \theta - \psi/\beta`, and is
    equivalent to :math:`\ddot\theta + \alpha \dot\theta
    + \beta \nabla^2 \mathcal J(\theta) \dot\theta + \nabla \mathcal J(\theta) = 0`.
    At :math:`\beta = 0` it is the heavy ball with friction (2.2).  If :math:`\beta`
    depends on the time, the damping is :math:`\tfrac{d}{dt} (\beta \nabla \mathcal J)`,
    as in :func:`inna_optax.inna` with a schedule.

    Args:
      grad_fn: the gradient of the loss, from params (any pytree) to the same pytree.
      alpha: viscous friction, in [0, inf); a number or a function of the time.
      beta: Newton-like damping, in [0, inf); a number or a function of the time.

    Returns:
      A function ``flow(t, (theta, velocity), args=None)`` that returns the pair of
      their derivatives; it does not read ``args``.

    Raises:
      TypeError: if ``alpha`` or ``beta`` is neither a number nor a function.
      ValueError: if ``alpha`` or ``beta`` is outside its range.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> from inna_optax.dynamics import din_flow
      >>> flow = din_flow(jax.grad(lambda x: x ** 2), alpha=0.5, beta=0.1)
      >>> d_theta, d_velocity = flow(0.0, (jnp.array(1.0), jnp.array(0.0)))
      >>> print(f'{d_theta:.2f} {d_velocity:.2f}')
      -0.20 -1.90

    References:
      Alvarez et al., `A second-order gradient-like dissipative dynamical system with
      Hessian-driven damping <https://doi.org/10.1016/S0021-7824(01)01253-3>`_, 2002

      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    check_hyperparameter("alpha", alpha, "[0, inf)", schedule=True)
    check_hyperparameter("beta", beta, "[0, inf)", schedule=True)

    def flow(t: Any, state: tuple[Any, Any], args: Any = None) -> tuple[Any, Any]:
        del args
        a, b = value_at("alpha", alpha, t), value_at("beta", beta, t)
        theta, velocity = state
        trees = (velocity, grad_fn(theta))
        return (
            weighted_sum((1.0, -b), trees, like=velocity),
            weighted_sum((-a, a * b - 1), trees, like=velocity),
        )

    return flow


def solve_din(
    grad_fn: Callable[[Any], Any],
    theta0: Any,
    *,
    t1: float,
    alpha: ScalarOrSchedule = 0.5,
    beta: ScalarOrSchedule = 0.1,
    v0: Any = None,
    psi0: Any = None,
    ts: Any = None,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    max_steps: int = 100_000,
    solver: diffrax.AbstractSolver | None = None,
) -> DinSolution:
    r"""Solves DIN (3.1) from time 0, with adaptive steps.

    The solution is the limit of INNA as its learning rate :math:`\gamma` goes to 0:
    iterate :math:`k` approaches the solution at time :math:`k \gamma`, with an error of
    order :math:`\gamma`.

    The thesis's :math:`\nabla \mathcal J` is ``grad_fn``, :math:`\theta_0` is
    ``theta0``, :math:`\psi_0` is ``psi0``.

    Args:
      grad_fn: the gradient of the loss, from params to the same pytree.
      theta0: the params at time 0, any pytree of real arrays; the solution is computed
        in at least float32.  If they vary inside `jax.shard_map`, this needs
        ``check_vma=False``.
      t1: the last time, in (0, inf).
      alpha: viscous friction, in [0, inf); a number or a function of the time.
      beta: Newton-like damping, in [0, inf); a number or a function of the time.
      v0: the velocity :math:`\dot\theta(0) + \beta \nabla \mathcal J(\theta_0)`, a
        pytree as ``theta0``.  Zeros are the start from rest of INNA with
        ``initial_speed=beta``.
      psi0: the phase variable at time 0, instead of ``v0``, for a positive beta.  If
        neither is given,
        :math:`\dot\theta(0) = -\nabla \mathcal J(\theta_0)`, as INNA starts.
      ts: the times in [0, t1] at which to save the solution, never decreasing; None
        for 101 equidistant ones.
      rtol: relative error allowed in a step, in (0, inf).  Much less than 1e-6 needs
        float64.
      atol: absolute error allowed in a step, in (0, inf).
      max_steps: number of steps after which the solver gives up, in [1, inf).
      solver: a solver of diffrax; None for ``diffrax.Tsit5()``.  If ``beta`` times the
        largest curvature is in the hundreds, the flow is stiff: pass an implicit
        solver, such as ``diffrax.Kvaerno5()``.

    Returns:
      A :class:`DinSolution`.

    Raises:
      TypeError: if a hyperparameter is not a number, ``max_steps`` is not an integer,
        ``ts`` is not a list of numbers, or ``solver`` is not a solver.
      ValueError: if a number is outside its range, ``ts`` is empty or decreases, both
        ``v0`` and ``psi0`` are given, or ``psi0`` at ``beta=0``.
      RuntimeError: if the solver fails.  Inside `jax.jit` and `jax.vmap` diffrax raises
        an error of its own.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> from inna_optax.dynamics import solve_din
      >>> def loss(x): return jnp.sum(x ** 2)
      >>> solution = solve_din(jax.grad(loss), jnp.array([1.0, 2.0]), t1=20.0)
      >>> print(f'{loss(solution.theta[0]):.2f} {loss(solution.theta[-1]):.4f}')
      5.00 0.0000
      >>> from inna_optax import phase_variable
      >>> phase_variable(solution.theta, solution, alpha=0.5, beta=0.1).shape
      (101, 2)

    References:
      Alvarez et al., `A second-order gradient-like dissipative dynamical system with
      Hessian-driven damping <https://doi.org/10.1016/S0021-7824(01)01253-3>`_, 2002

      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021

    .. note::
      Where the gradient jumps, as at a kink, the solver finds the crossing by
      shrinking its steps.  A solution that slides along a kink (that of a differential
      inclusion) crosses it again and again, in steps about as short as ``atol``, and
      soon reaches ``max_steps``.  Smooth such a kink, or stop before the slide.
    """
    check_hyperparameter("t1", t1, "(0, inf)")
    for name, value in (("rtol", rtol), ("atol", atol)):
        check_hyperparameter(name, value, "(0, inf)")
    max_steps = as_count("max_steps", max_steps)
    if v0 is not None and psi0 is not None:
        raise ValueError("v0 and psi0 are two forms of one thing: give only one.")
    if solver is None:
        solver = diffrax.Tsit5()
    if not isinstance(solver, diffrax.AbstractSolver):
        raise TypeError(
            "solver must be a solver of diffrax, such as diffrax.Kvaerno5(), got"
            f" {shown(solver)}."
        )
    theta0 = jax.tree.map(lambda x: jnp.asarray(x, working_dtype(x)), theta0)
    flow = din_flow(lambda theta: whole(grad_fn(in_parts(theta, theta0))), alpha, beta)
    at_start = value_at("alpha", alpha, 0.0), value_at("beta", beta, 0.0)
    velocity0 = _initial_velocity(grad_fn, theta0, v0, psi0, *at_start)
    ts = jnp.linspace(0.0, t1, 101) if ts is None else _times(ts, t1)
    # Any: diffrax's type also covers solutions without saved values.
    solution: Any = diffrax.diffeqsolve(
        diffrax.ODETerm(flow),
        solver,
        t0=0.0,
        t1=t1,
        dt0=None,
        y0=whole((theta0, velocity0)),
        saveat=diffrax.SaveAt(ts=ts),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
        max_steps=max_steps,
        throw=False,
    )
    solution = _checked(solution, t1)
    ys = (in_parts(y, theta0, leading_axes=1) for y in solution.ys)
    return DinSolution(solution.ts, *ys)


def _times(ts: Any, t1: Scalar) -> jax.Array:
    """`ts` as an array, checked if its values are known.

    Unlike an array given as a hyperparameter, this one is never a schedule's value, so
    it can be compared.  Unchecked, times beyond `t1` would come back as infinities.
    """
    if any(isinstance(t, jax.core.Tracer) for t in jax.tree.leaves(ts)):
        return jnp.asarray(ts)
    # Compared in the solver's type: in float32 0.1 + 0.2 is at most 0.3.
    dtype = jnp.result_type(float)
    try:
        times = np.asarray(ts).astype(dtype, casting="same_kind")
    except (TypeError, ValueError):
        times = np.zeros(())
    if times.ndim != 1:
        raise TypeError(f"ts must be a list of numbers in [0, t1], got {shown(ts)}.")
    end = known_number(t1)
    last = np.asarray(np.inf if end is None else end, dtype)
    inside = (times >= 0) & (times <= last) & np.isfinite(times)
    if not (times.size and inside.all() and (times[1:] >= times[:-1]).all()):
        raise ValueError(
            f"ts must be in [0, t1] and never decrease, got {shown(ts)} and t1={t1!r}."
        )
    return jnp.asarray(ts)


def _initial_velocity(
    grad_fn: Callable[[Any], Any],
    theta0: Any,
    v0: Any,
    psi0: Any,
    alpha: Scalar,
    beta: Scalar,
) -> Any:
    if v0 is not None:
        return weighted_sum((1.0,), (v0,), like=theta0)
    if psi0 is not None:
        check_hyperparameter("beta with psi0", beta, "(0, inf)")
        return weighted_sum((1 / beta - alpha, -1 / beta), (theta0, psi0), like=theta0)
    return weighted_sum((beta - 1,), (grad_fn(theta0),), like=theta0)


def _checked(solution: diffrax.Solution, t1: float) -> diffrax.Solution:
    failed = ~diffrax.is_successful(solution.result)
    if isinstance(failed, jax.core.Tracer):
        return solution.result.error_if(solution, failed)
    if failed:
        steps = int(solution.stats["num_steps"])
        messages: Any = diffrax.RESULTS
        reason = messages[solution.result]
        raise RuntimeError(
            f"solve_din stopped after {steps} steps before t1={t1!r}: {reason} Larger"
            " rtol and atol, or an implicit solver (diffrax.Kvaerno5()), may help too."
        )
    return solution
