"""A smooth function on which automatic differentiation is stuck at a false minimum."""

import jax

from inna_optax.landscapes._landscape import Landscape


def _objective(theta: jax.Array) -> jax.Array:
    (x,) = theta
    # -relu(x) + relu(-x) is -x, but the derivative of each relu at 0 is taken to be 0.
    return (x**2 + 1) / 2 - jax.nn.relu(x) + jax.nn.relu(-x)


#: :math:`(\theta - 1)^2 / 2`, written as a sum of functions
#: :math:`(\theta^2 + 1)/2 - \max(\theta, 0) + \max(-\theta, 0)` of one variable.  At 0
#: the derivative is -1, but the sum of the Clarke subdifferentials (2.11) is [-2, 0]:
#: 0 is D-critical, and automatic differentiation returns 0 there.
D_CRITICAL = Landscape(
    name="D-critical point",
    objective=_objective,
    inits=((0.0,), (-0.01,), (0.01,)),
    minimizers=((1.0,),),
    saddles=(),
    reference="sections 2.3.3 and 2.4.2",
    spurious=((0.0,),),
)
