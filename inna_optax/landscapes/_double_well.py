"""The function of Figure 3.3 and Table 3.1: two minimizers and a strict saddle."""

import math

import jax

from inna_optax.landscapes._landscape import Landscape


def _objective(theta: jax.Array) -> jax.Array:
    x, y = theta
    return x**4 - 4 * x**2 + y**2


#: :math:`\theta_1^4 - 4 \theta_1^2 + \theta_2^2`.  The saddle's stable manifold is the
#: line :math:`\theta_1 = 0`, on which the first two initializations lie; the other two
#: lie beside it.
DOUBLE_WELL = Landscape(
    name="double well",
    objective=_objective,
    inits=((0.0, 1.9), (0.0, -1.9), (-0.05, 1.9), (0.05, -1.9)),
    minimizers=((-math.sqrt(2), 0.0), (math.sqrt(2), 0.0)),
    saddles=((0.0, 0.0),),
    reference="Figure 3.3 and Table 3.1, section 3.4.4",
)
