"""Figure 2.1's non-smooth function "a la Rosenbrock"."""

import jax
import jax.numpy as jnp

from inna_optax.landscapes._landscape import Landscape


def _objective(theta: jax.Array) -> jax.Array:
    x, y = theta
    return 100 * (y - jnp.abs(x)) ** 2 + jnp.abs(1 - x)


#: :math:`100 (\theta_2 - |\theta_1|)^2 + |1 - \theta_1|`: a V-shaped valley that
#: turns at (0, 0), with slope 1 along its floor and a kink at its only critical point.
NONSMOOTH_ROSENBROCK = Landscape(
    name="non-smooth Rosenbrock",
    objective=_objective,
    inits=((-1.0, 1.5),),
    minimizers=((1.0, 1.0),),
    saddles=(),
    reference="Figure 2.1, section 2.6.1",
)
