"""Step-size schedules of the papers."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from inna_optax._checks import as_count
from inna_optax.transforms._arithmetic import Scalar
from inna_optax.transforms._hyperparameters import check_hyperparameter


def step_power(count: int | jax.Array, exponent: Scalar) -> jax.Array:
    """`(count + 1) ** exponent` in floating point, by which step sizes decay.

    Args:
      count: number of steps made before this one, an integer or an array of integers.
      exponent: any real number, which may be traced.

    Returns:
      A float array of the shape of ``count``.
    """
    return jnp.power(jnp.asarray(count).astype(float) + 1, exponent)


def inverse_power_schedule(
    init_value: float | jax.Array,
    power: float | jax.Array = 0.5,
    transition_steps: int | jax.Array = 1,
) -> Callable[[int | jax.Array], jax.Array]:
    r"""A step size that decays as an inverse power of the number of steps.

    The step sizes of the convergence theorems: INNA admits
    :math:`\gamma_k = \gamma_0 / (k+1)^a` for :math:`a \in (0, 1]` (Assumption 2.1;
    Figure 2.4 compares several), Step-Tuned SGD needs :math:`1/2 < a < 1` (Theorem
    4.2).  Section 4.5.1 decays once an epoch: pass the number of updates in an epoch
    as ``transition_steps``.

    .. math::
      \mathrm{value}(k) = \frac{\mathrm{init\_value}}
        {(\lfloor k / \mathrm{transition\_steps} \rfloor + 1)^{\mathrm{power}}}

    Args:
      init_value: value at step 0, in [0, inf).
      power: exponent, in [0, inf).
      transition_steps: number of steps over which the value stays, an integer in
        [1, inf).

    Returns:
      A schedule: a function of the step count (an integer, or an integer array of any
      shape) that returns a float array of that shape.  Before step 0 its value is
      ``init_value``.

    Raises:
      TypeError: if an argument is not a number, or ``transition_steps`` is not an
        integer.
      ValueError: if a number is outside its range.

    Examples:
      >>> from inna_optax import inverse_power_schedule
      >>> schedule = inverse_power_schedule(0.1, power=0.5, transition_steps=10)
      >>> [round(float(schedule(k)), 4) for k in (0, 9, 10, 30)]
      [0.1, 0.1, 0.0707, 0.05]

    References:
      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    check_hyperparameter("init_value", init_value, "[0, inf)")
    check_hyperparameter("power", power, "[0, inf)")
    if not isinstance(transition_steps, jax.Array):
        transition_steps = as_count("transition_steps", transition_steps)

    def schedule(count: int | jax.Array) -> jax.Array:
        # A count below zero is a schedule's that is joined after another.
        period = jnp.maximum(jnp.asarray(count), 0) // transition_steps
        return init_value / step_power(period, power)

    return schedule
