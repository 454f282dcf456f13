"""INNA and Step-Tuned SGD: second-order behaviour from gradients alone, for optax.

Every optimizer is an `optax.GradientTransformationExtraArgs`; what the papers did
with them lives in the subpackages, which are imported only when asked for.
"""

from inna_optax.transforms import (
    GradientVariationState,
    InnapropState,
    InnaState,
    StepTunedSgdState,
    barzilai_borwein,
    exact_gv_sgd,
    expected_gv_sgd,
    inna,
    innaprop,
    inverse_power_schedule,
    phase_variable,
    step_tuned_sgd,
    stochastic_gv_sgd,
)

__version__ = "0.1.0"

__all__ = [
    "GradientVariationState",
    "InnaState",
    "InnapropState",
    "StepTunedSgdState",
    "__version__",
    "barzilai_borwein",
    "exact_gv_sgd",
    "expected_gv_sgd",
    "inna",
    "innaprop",
    "inverse_power_schedule",
    "phase_variable",
    "step_tuned_sgd",
    "stochastic_gv_sgd",
]
