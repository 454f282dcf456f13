"""An optimizer's path over a landscape, for many settings in one compiled program."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class Trajectories(NamedTuple):
    """Iterates and values, one row a run."""

    iterates: jax.Array  # (runs, records, variables)
    values: jax.Array  # (runs, records)


def trajectories(
    make_solver: Callable[[Mapping[str, Any]], optax.GradientTransformation],
    objective: Callable[[jax.Array], jax.Array],
    inits: Any,
    hyperparameters: Mapping[str, Any],
    *,
    steps: int,
    every: int = 1,
) -> Trajectories:
    """Runs an optimizer on full gradients, from `inits[i]` with the i-th values.

    Args:
      make_solver: makes the optimizer from hyperparameters, which are traced.
      objective: the function to minimize, of a vector.
      inits: initial points, shape (runs, variables).
      hyperparameters: arrays of shape (runs,).
      steps: number of updates, a multiple of `every`.
      every: record every so many updates; the initial point comes first.

    Returns:
      :class:`Trajectories` of `steps // every + 1` records.
    """
    if steps % every:
        raise ValueError(f"steps must be a multiple of every={every}, got {steps}.")
    return _run(
        make_solver,
        objective,
        jnp.asarray(inits, float),
        {name: jnp.asarray(values, float) for name, values in hyperparameters.items()},
        steps // every,
        every,
    )


@partial(jax.jit, static_argnums=(0, 1, 4, 5))
def _run(
    make_solver: Callable[[Mapping[str, Any]], optax.GradientTransformation],
    objective: Callable[[jax.Array], jax.Array],
    inits: jax.Array,
    hyperparameters: Mapping[str, jax.Array],
    records: int,
    every: int,
) -> Trajectories:
    def one(theta: jax.Array, values: Mapping[str, jax.Array]) -> Trajectories:
        solver = make_solver(values)

        def update(carry: Any, _: Any) -> Any:
            theta, state = carry
            grads = jax.grad(objective)(theta)
            updates, state = solver.update(grads, state, theta)
            return (optax.apply_updates(theta, updates), state), None

        def record(carry: Any, _: Any) -> Any:
            carry, _ = jax.lax.scan(update, carry, length=every)
            return carry, carry[0]

        _, path = jax.lax.scan(record, (theta, solver.init(theta)), length=records)
        path = jnp.concatenate([theta[None], path])
        return Trajectories(path, jax.vmap(objective)(path))

    return jax.vmap(one)(inits, hyperparameters)
