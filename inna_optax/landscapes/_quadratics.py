"""The convex quadratics of Figures 1.7 and 3.2."""

import jax

from inna_optax.landscapes._landscape import Landscape


def _figure_1_7(theta: jax.Array) -> jax.Array:
    x, y = theta
    return x**2 + 10 * y**2


def _figure_3_2(theta: jax.Array) -> jax.Array:
    x, y = theta
    return x**2 + 2 * y**2


#: :math:`\theta_1^2 + 10 \theta_2^2`, whose Hessian has the eigenvalues 2 and 20.
NARROW_QUADRATIC = Landscape(
    name="narrow quadratic",
    objective=_figure_1_7,
    inits=(),
    minimizers=((0.0, 0.0),),
    saddles=(),
    reference="Figure 1.7, section 1.3.4",
)

#: :math:`\theta_1^2 + 2 \theta_2^2`, whose Hessian has the eigenvalues 2 and 4.
WIDE_QUADRATIC = Landscape(
    name="wide quadratic",
    objective=_figure_3_2,
    inits=((1.0, 1.0),),
    minimizers=((0.0, 0.0),),
    saddles=(),
    reference="Figure 3.2, section 3.3.2.3",
)
