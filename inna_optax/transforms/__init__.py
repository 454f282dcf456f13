"""The optimizers: pure `optax` transformations, on jax and optax only."""

from inna_optax.transforms._damped_momentum import (
    DampedMomentumState,
    damped_momentum,
)
from inna_optax.transforms._gradient_variation import (
    GradientVariationState,
    barzilai_borwein,
    exact_gv_sgd,
    expected_gv_sgd,
    stochastic_gv_sgd,
)
from inna_optax.transforms._inna import InnaState, inna, phase_variable
from inna_optax.transforms._innaprop import InnapropState, innaprop
from inna_optax.transforms._momentum_units import (
    InnaSettings,
    MomentumSettings,
    QuasiHyperbolicSettings,
    inna_from_momentum,
    momentum_from_inna,
    momentum_from_quasi_hyperbolic,
    quasi_hyperbolic_from_momentum,
)
from inna_optax.transforms._schedules import inverse_power_schedule
from inna_optax.transforms._step_tuned_sgd import StepTunedSgdState, step_tuned_sgd

__all__ = [
    "DampedMomentumState",
    "GradientVariationState",
    "InnaSettings",
    "InnaState",
    "InnapropState",
    "MomentumSettings",
    "QuasiHyperbolicSettings",
    "StepTunedSgdState",
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
