"""The theory behind INNA: its flow, its energies, its spectra, its step-size limits.

Needs the extra `dynamics` (diffrax and matfree).
"""

from inna_optax.dynamics.diagnosis import Diagnosis, diagnose
from inna_optax.dynamics.energy import lyapunov, lyapunov_max, lyapunov_min
from inna_optax.dynamics.fastest import FastestSettings, fastest_settings
from inna_optax.dynamics.flow import DinSolution, din_flow, solve_din
from inna_optax.dynamics.hessian import HessianExtremes, hessian_extremes
from inna_optax.dynamics.spectrum import (
    flow_eigenvalues,
    is_gradient_like,
    map_eigenvalues,
    oscillation_interval,
)
from inna_optax.dynamics.step_size import (
    saddle_avoiding_step_size,
    stable_step_size,
)

__all__ = [
    "Diagnosis",
    "DinSolution",
    "FastestSettings",
    "HessianExtremes",
    "diagnose",
    "din_flow",
    "fastest_settings",
    "flow_eigenvalues",
    "hessian_extremes",
    "is_gradient_like",
    "lyapunov",
    "lyapunov_max",
    "lyapunov_min",
    "map_eigenvalues",
    "oscillation_interval",
    "saddle_avoiding_step_size",
    "solve_din",
    "stable_step_size",
]
