"""The optimizers whose updates are measured, ours and optax's, and the step."""

import functools
from typing import Any

import jax
import optax
from optax import contrib

import inna_optax

OPTIMIZERS = {
    "optax.sgd": lambda: optax.sgd(1e-3),
    "optax.sgd, nesterov": lambda: optax.sgd(1e-3, momentum=0.9, nesterov=True),
    "optax.adam": lambda: optax.adam(1e-3),
    "optax.adamw": lambda: optax.adamw(1e-3),
    "optax.lion": lambda: optax.lion(1e-3),
    "optax.contrib.schedule_free_sgd": lambda: contrib.schedule_free_sgd(1e-3),
    "optax.contrib.ademamix": lambda: contrib.ademamix(1e-3),
    "inna": lambda: inna_optax.inna(1e-3),
    "damped_momentum": lambda: inna_optax.damped_momentum(1e-3),
    "innaprop": lambda: inna_optax.innaprop(1e-3),
    "step_tuned_sgd": lambda: inna_optax.step_tuned_sgd(1e-3),
    "step_tuned_sgd, opaque": lambda: inna_optax.step_tuned_sgd(1e-3, opaque_mode=True),
    "barzilai_borwein": lambda: inna_optax.barzilai_borwein(1e-3),
    "stochastic_gv_sgd": lambda: inna_optax.stochastic_gv_sgd(1e-3),
    "exact_gv_sgd": lambda: inna_optax.exact_gv_sgd(1e-3),
    "expected_gv_sgd": lambda: inna_optax.expected_gv_sgd(1e-3),
}
# Those that stand for all where compiling takes long.
SOME = (
    "optax.sgd, nesterov",
    "optax.adamw",
    "inna",
    "damped_momentum",
    "innaprop",
    "step_tuned_sgd",
)
# Gradient evaluations that one call serves; one unless stated.
EVALUATIONS = {"step_tuned_sgd, opaque": 2}


def jitted_step(solver: optax.GradientTransformation) -> Any:
    """An update and its application, with params and state donated.

    A function of the params, the state and two gradients.
    """
    solver = optax.with_extra_args_support(solver)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any, grads: Any, other_grads: Any) -> Any:
        updates, state = solver.update(
            grads,
            state,
            params,
            full_grads=other_grads,
            curvature=other_grads,
            # The params serve as their own gradient.  The barrier keeps XLA from
            # fusing it with the half step: a network's gradient cannot be.
            grad_fn=jax.lax.optimization_barrier,
        )
        return optax.apply_updates(params, updates), state

    return step
