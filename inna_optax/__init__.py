"""INNA and Step-Tuned SGD: second-order behaviour from gradients alone, for optax.

Every optimizer is an `optax.GradientTransformationExtraArgs`; what the papers did
with them lives in the subpackages, which are imported only when asked for.
"""

from inna_optax.transforms import (
    DampedMomentumState,
    GradientVariationState,
    InnapropState,
    InnaSettings,
    InnaState,
    MomentumSettings,
    QuasiHyperbolicSettings,
    StepTunedSgdState,
    barzilai_borwein,
    damped_momentum,
    exact_gv_sgd,
    expected_gv_sgd,
    inna,
    inna_from_momentum,
    innaprop,
    inverse_power_schedule,
    momentum_from_inna,
    momentum_from_quasi_hyperbolic,
    phase_variable,
    quasi_hyperbolic_from_momentum,
    step_tuned_sgd,
    stochastic_gv_sgd,
)

__version__ = "0.1.0"

__all__ = [
    "DampedMomentumState",
    "GradientVariationState",
    "InnaSettings",
    "InnaState",
    "InnapropState",
    "MomentumSettings",
    "QuasiHyperbolicSettings",
    "StepTunedSgdState",
    "__version__",
    "barzilai_borwein",
    "damped_momentum",
    "exact_gv_sgd",
    "expected_gv_sgd",
    "inna",
    "inna_from_momentum",
    "innaprop",
    "inverse_power_schedule",
    "momentum_from_inna",
    "momentum_from_quasi_hyperbolic",
    "phase_variable",
    "quasi_hyperbolic_from_momentum",
    "step_tuned_sgd",
    "stochastic_gv_sgd",
]
