"""A smooth function of which automatic differentiation sees a false critical point."""

import jax

from inna_optax.landscapes._landscape import Landscape


def _objective(theta: jax.Array) -> jax.Array:
    (x,) = theta
    # -relu(x) + relu(-x) is -x, but JAX takes the derivative of each relu at 0 to be 0.
    return (x**2 + 1) / 2 - jax.nn.relu(x) + jax.nn.relu(-x)


#: :math:`(\theta - 1)^2 / 2` for one variable, written as the sum
#: :math:`(\theta^2 + 1)/2 - \max(\theta, 0) + \max(-\theta, 0)`.  At 0 the derivative
#: is -1, but the sum of the Clarke subdifferentials (2.11) is [-2, 0].  The point 0 is
#: therefore D-critical, and automatic differentiation returns 0 there.
D_CRITICAL = Landscape(
    name="D-critical point",
    objective=_objective,
    inits=((0.0,), (-0.01,), (0.01,)),
    minimizers=((1.0,),),
    saddles=(),
    reference="sections 2.3.3 and 2.4.2",
    spurious=((0.0,),),
)
