"""Drives an optimizer with NumPy gradients, as a reference twin is driven."""

import jax
import jax.numpy as jnp
import numpy as np
import optax


def iterates(solver, gradient, theta, steps, *, dtype=float, extra=None):
    """theta_0, theta_1, ... as float64 arrays, and the last state.

    `gradient(theta, k)` is computed in float64 at the stored params; `extra(theta, k)`
    makes the extra arguments.
    """
    params = jnp.asarray(theta, dtype)
    state = solver.init(params)
    update = jax.jit(solver.update)
    history = [np.asarray(params, np.float64)]
    for k in range(steps):
        here = history[-1]
        updates, state = update(
            jnp.asarray(gradient(here, k), dtype),
            state,
            params,
            **({} if extra is None else extra(here, k)),
        )
        params = optax.apply_updates(params, updates)
        history.append(np.asarray(params, np.float64))
    return history, state
