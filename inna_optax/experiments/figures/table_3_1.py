"""Table 3.1: INNA and gradient descent near a strict saddle, and on its manifold.

The double well has minimizers (-sqrt 2, 0) and (sqrt 2, 0) and a strict saddle (0, 0),
whose stable manifold is the line theta_1 = 0.  1,000 runs start from N(0, 1e-24 I),
beside the saddle, and 1,000 on the manifold, from theta_1 = 0 and theta_2 ~ N(0, 1)
(the thesis does not give that distribution).

Gradient descent with step gamma is INNA with alpha = beta = 1, whose velocity stays
zero: all 6,000 runs are one program, mapped over (alpha, beta) and over the starts.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from inna_optax import inna
from inna_optax.landscapes import DOUBLE_WELL

RUNS = 1_000
STEPS = 2_000
STEP_SIZE = 0.02
# (alpha, beta), with initial_speed 1.
SETTINGS = {
    "INNA alpha*beta < 1": (0.5, 1.0),
    "INNA alpha*beta > 1": (1.0, 1.1),
    "GD": (1.0, 1.0),
}
# A run has escaped when |theta_1|, its distance from the manifold, first exceeds this.
ESCAPE_DISTANCE = 1.0
# A run converges to the critical point within this distance of its last iterate.
CONVERGED = 0.1
# The authors' script takes the minimizers for (-1, 0) and (1, 0), so that a run that is
# nearer to one of them than to the saddle has left it at |theta_1| > 0.5.  It looks
# after updates 1, 11, 21, ..., counts 2 for every look that finds the run not yet
# escaped, and prints the mean without its decimals.
LOOK_DISTANCE = 0.5
LOOK_EVERY, LOOK_COUNTS = 10, 2
PAPER_COUNTS = {"near_saddle": (36, 35, 37), "stable_manifold": (None, None, None)}
# How the columns of the rows are headed when they are printed.
HEADERS = {
    "initialization": "start",
    "algorithm": "algorithm",
    "percent_minus": "% to\n-√2",
    "percent_plus": "% to\n√2",
    "percent_saddle": "% at\n0",
    "mean_escape_iterations": "escape\nafter",
    "escape_count_as_in_thesis": "their\ncount",
    "escape_count_printed_in_thesis": "in the\nthesis",
}
NEVER = np.iinfo(np.int32).max


def _run(alpha: jax.Array, beta: jax.Array, start: jax.Array) -> Any:
    """Last iterate, iteration of escape, and the authors' looks before theirs."""
    solver = inna(STEP_SIZE, alpha, beta)
    gradient = jax.grad(DOUBLE_WELL.objective)

    def step(carry: Any, k: jax.Array) -> Any:
        theta, state, escaped_at, gone, looks = carry
        updates, state = solver.update(gradient(theta), state)
        theta = optax.apply_updates(theta, updates)
        outside = jnp.abs(theta[0]) > ESCAPE_DISTANCE
        escaped_at = jnp.where(outside, jnp.minimum(escaped_at, k), escaped_at)
        gone |= jnp.abs(theta[0]) > LOOK_DISTANCE
        looks += ((k % LOOK_EVERY == 1) & ~gone).astype(looks.dtype)
        return (theta, state, escaped_at, gone, looks), None

    carry = (start, solver.init(start), jnp.int32(NEVER), jnp.bool(False), jnp.int32(0))
    iterations = jnp.arange(1, STEPS + 1, dtype=jnp.int32)
    (theta, _, escaped_at, _, looks), _ = jax.lax.scan(step, carry, iterations)
    return theta, escaped_at, looks


def _starts(seed: int) -> np.ndarray:
    """Initial points, shape (initialization, run, variable)."""
    normal = np.random.default_rng(seed).normal(size=(2, RUNS, 2))
    return normal * np.array([[[1e-12, 1e-12]], [[0.0, 1.0]]])


def compute(seed: int = 0) -> dict[str, Any]:
    """The table as a record: six rows, and the seconds that they took to compute.

    A row has the percentages of runs that converge to each critical point, the mean
    iteration of escape from the saddle (null where no run escapes), and the same in
    the authors' way of counting, beside the number that the thesis prints.
    """
    began = time.monotonic()
    alphas, betas = np.array(list(SETTINGS.values())).T
    over_runs = jax.vmap(jax.vmap(_run, (None, None, 0)), (None, None, 0))
    over_settings = jax.jit(jax.vmap(over_runs, (0, 0, None), out_axes=1))
    # Arrays of shape (initialization, algorithm, run).
    ends, escapes, looks = map(np.asarray, over_settings(alphas, betas, _starts(seed)))
    minus, plus = DOUBLE_WELL.minimizers
    (saddle,) = DOUBLE_WELL.saddles
    rows = []
    for i, (initialization, printed) in enumerate(PAPER_COUNTS.items()):
        for j, algorithm in enumerate(SETTINGS):
            percent = [
                100 * np.mean(np.linalg.norm(ends[i, j] - point, axis=-1) < CONVERGED)
                for point in (minus, plus, saddle)
            ]
            escaped = escapes[i, j] < NEVER
            rows.append(
                {
                    "initialization": initialization,
                    "algorithm": algorithm,
                    "percent_minus": percent[0],
                    "percent_plus": percent[1],
                    "percent_saddle": percent[2],
                    "mean_escape_iterations": (
                        escapes[i, j][escaped].mean() if escaped.any() else None
                    ),
                    "escape_count_as_in_thesis": (
                        LOOK_COUNTS * looks[i, j][escaped].mean()
                        if escaped.any()
                        else None
                    ),
                    "escape_count_printed_in_thesis": printed[j],
                }
            )
    return {
        "rows": rows,
        "seconds": time.monotonic() - began,
        "seed": seed,
        "runs": RUNS,
        "iterations": STEPS,
        "step_size": STEP_SIZE,
        "alpha_beta": SETTINGS,
        "escape": f"first iteration at which |theta_1| > {ESCAPE_DISTANCE:g}",
    }
