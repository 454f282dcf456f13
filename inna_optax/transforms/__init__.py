"""The optimizers: pure `optax` transformations, on jax and optax only."""

from inna_optax.transforms._gradient_variation import (
    GradientVariationState,
    barzilai_borwein,
    exact_gv_sgd,
    expected_gv_sgd,
    stochastic_gv_sgd,
)
from inna_optax.transforms._inna import InnaState, inna, phase_variable
from inna_optax.transforms._innaprop import InnapropState, innaprop
from inna_optax.transforms._schedules import inverse_power_schedule
from inna_optax.transforms._step_tuned_sgd import StepTunedSgdState, step_tuned_sgd

__all__ = [
    "GradientVariationState",
    "InnaState",
    "InnapropState",
    "StepTunedSgdState",
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
