"""Figure 3.1's two functions: singular Hessians at a minimizer and at a saddle.

Both Hessians have the eigenvalues 0 and 2 at (0, 0), so that second-order conditions
cannot tell the minimizer from the saddle.
"""

import jax

from inna_optax.landscapes._landscape import Landscape


def _valley(theta: jax.Array) -> jax.Array:
    x, y = theta
    return x**2 / 2 + y**2 / 2 + x * y


def _cubic(theta: jax.Array) -> jax.Array:
    x, y = theta
    return x**3 + y**2


#: :math:`(\theta_1 + \theta_2)^2 / 2`: (0, 0) is one of a line of minimizers,
#: :math:`\theta_1 = -\theta_2`.
FLAT_VALLEY = Landscape(
    name="flat valley",
    objective=_valley,
    inits=(),
    minimizers=((0.0, 0.0),),
    saddles=(),
    reference="Figure 3.1 (left), section 3.2",
)

#: :math:`\theta_1^3 + \theta_2^2`: unbounded below; (0, 0) is a non-strict saddle.
CUBIC_SADDLE = Landscape(
    name="cubic saddle",
    objective=_cubic,
    inits=(),
    minimizers=(),
    saddles=((0.0, 0.0),),
    reference="Figure 3.1 (right), section 3.2",
)
