"""The papers' low-dimensional functions, on jax only.

Each :class:`Landscape` holds a pure function of a vector, where the papers start, and
its minimizers and saddles.
"""

from inna_optax.landscapes._d_critical import D_CRITICAL
from inna_optax.landscapes._double_well import DOUBLE_WELL
from inna_optax.landscapes._landscape import Landscape
from inna_optax.landscapes._quadratics import NARROW_QUADRATIC, WIDE_QUADRATIC
from inna_optax.landscapes._robust_regression import (
    RobustRegression,
    robust_regression,
)
from inna_optax.landscapes._rosenbrock import NONSMOOTH_ROSENBROCK
from inna_optax.landscapes._singular_hessians import CUBIC_SADDLE, FLAT_VALLEY

#: All of them, in the papers' order.
LANDSCAPES = (
    NARROW_QUADRATIC,
    NONSMOOTH_ROSENBROCK,
    D_CRITICAL,
    FLAT_VALLEY,
    CUBIC_SADDLE,
    WIDE_QUADRATIC,
    DOUBLE_WELL,
)

__all__ = [
    "CUBIC_SADDLE",
    "DOUBLE_WELL",
    "D_CRITICAL",
    "FLAT_VALLEY",
    "LANDSCAPES",
    "NARROW_QUADRATIC",
    "NONSMOOTH_ROSENBROCK",
    "WIDE_QUADRATIC",
    "Landscape",
    "RobustRegression",
    "robust_regression",
]
