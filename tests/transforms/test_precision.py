"""Every optimizer against its twin over 1,000 steps, in every mix of precisions.

The gradients are random numbers, the same for both, and no functions of the iterates:
no loss amplifies an error or takes it back.  They are rounded to the params' type
beforehand, and the updates are added up in float64 outside, so that the error measured
is the optimizer's and not that of params in bfloat16.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax import (
    barzilai_borwein,
    damped_momentum,
    exact_gv_sgd,
    expected_gv_sgd,
    inna,
    innaprop,
    inverse_power_schedule,
    step_tuned_sgd,
    stochastic_gv_sgd,
)
from tests.transforms import twins


class Bound(NamedTuple):
    """Of an error, in units of the machine epsilon of the type that causes it.

    Each is two to three times the largest error measured in its settings.
    """

    double: float  # float64: the twin's own rounding, where psi or theta are subtracted
    single: float  # float32, complex64: scalars and state are rounded at every step
    half: float  # bfloat16, float16: an update is rounded once, when all is done
    half_state: float = 0.0  # of bfloat16, float16, on top: it is rounded at every step


# The error of theta_k - theta_0, relative to the largest theta_k - theta_0.  Updates in
# half precision are off by half a unit at random, which averages out over 1,000 steps.
ITERATES = {
    # 1 / (alpha gamma) is 40 to 200 steps: so many rounded velocities add up.
    "inna": Bound(350, 6, 0.06, 6),
    # The share of the fresh gradient is rounded once, the average decays in 33 steps.
    "damped_momentum": Bound(9, 15, 0.2, 2),
    # The mean square averages 1,000 squares, but its error counts at a given step only.
    "innaprop": Bound(200, 18, 0.3, 2.2),
    # theta stays near its start: the decay reads it as the params' type has it.
    "innaprop, decay": Bound(450, 25, 0.5, 3),
    # gamma's errors (below) have random signs, and the first, long steps most weight.
    "step_tuned_sgd": Bound(12, 3, 0.03, 0.012),
    "step_tuned_sgd, opaque": Bound(35, 0.9, 0.03, 0.01),
    # One ratio of inner products; an error of gamma ends at a negative curvature.
    "barzilai_borwein": Bound(4, 0.15, 0.025),
    # It never ends here: gamma_k is a product of k ratios, each off by half a unit.
    "barzilai_borwein, absolute": Bound(1500, 45, 0.08),
    # The power of the decaying step is off by a unit at every step, and at random.
    "stochastic_gv_sgd": Bound(5, 1.5, 0.03),
    "exact_gv_sgd": Bound(8, 1.5, 0.04),
    # No direction is common to the gradients: theta walks at random, a shorter way.
    "expected_gv_sgd": Bound(12, 2.2, 0.5),
}
# The root mean square of the relative error of the steps taken, which is gamma's.  They
# are single precision scalars whatever the gradients' type: `half` is in its epsilons.
STEPS_TAKEN = {
    # 1 / (1 - beta) differences add up in the average, and cancel near zero curvature.
    "step_tuned_sgd": Bound(900, 9, 3.5, 0.3),
    "step_tuned_sgd, opaque": Bound(400, 4, 3.5, 0.2),
    "barzilai_borwein": Bound(100, 1.8, 1.7),
    # The product of ratios; sums of 8-bit and 11-bit numbers are all rounded alike.
    "barzilai_borwein, absolute": Bound(2500, 55, 650),
    "stochastic_gv_sgd": Bound(300, 3, 2.5),
    "exact_gv_sgd": Bound(300, 3, 2.5),
    # Every gamma is measured anew.
    "expected_gv_sgd": Bound(9, 2.2, 2),
}

SEED, STEPS, SIZE = 1, 1000, 64
TYPES = ("float64", "float32", "complex64", "bfloat16", "float16")
HALF = ("bfloat16", "float16")
STATE_TYPES = (None, *HALF)
BETA, DELTA, NU, LOW, HIGH = 0.9, 0.001, 1.5, 0.5, 2.5
BOUNDED = {"nu": NU, "gamma_min": LOW, "gamma_max": HIGH}
BOUNDED_TWIN = {"nu": NU, "m": LOW, "M": HIGH}


class Optimizer(NamedTuple):
    """An optimizer, its twin, and the random numbers that drive both."""

    make: Callable[..., Any]
    twin: Callable[..., list[np.ndarray]]
    draw: Callable[..., dict[str, np.ndarray]]
    stored_as: str | None = None  # the argument that sets the type of the state
    # The step of gamma = 1 at call k, and which values of gamma have to occur.
    rate: Callable[..., Any] | None = None
    gammas: frozenset[str] = frozenset({"nu", "low", "high", "between"})


def normal(rng, dtype, *shape):
    """Standard normal numbers, or pairs of them."""
    real = rng.normal(size=shape)
    return real + 1j * rng.normal(size=shape) if dtype == "complex64" else real


def noise(rng, dtype):
    return {"grads": normal(rng, dtype, STEPS, SIZE)}


def sequence(rng, dtype):
    """Gradients whose successive differences have a curvature of decided sign.

    The gamma of Algorithm 2 at learning rate 0.375 is made to be exp(-w_k) where no
    curvature is negative: it does not drift.
    """
    w = rng.uniform(-0.3, 0.3, STEPS)
    direction = normal(rng, dtype, SIZE) + 0.1 * normal(rng, dtype, STEPS, SIZE)
    gradients = [direction[0]]
    for k in range(1, STEPS):
        last = gradients[-1]
        size = np.linalg.norm(last) / np.linalg.norm(direction[0])
        grows = size < 0.3 or (size < 3 and rng.random() < 0.3)
        curvature = 0.375 * np.exp(w[k] - w[k - 1]) * (-1 if grows else 1)
        along = twins.inner(direction[k], last) / twins.inner(last, last)
        gradients.append((1 - curvature) / along * direction[k])
    return {"grads": np.stack(gradients)}


def sequence_and_full(rng, dtype):
    full = sequence(rng, dtype)["grads"]
    grads = rng.uniform(0.5, 2, (STEPS, 1)) * full
    return {
        "grads": grads + 0.1 * normal(rng, dtype, STEPS, SIZE),
        "full_grads": full,
    }


def with_curvature(rng, dtype):
    grads = normal(rng, dtype, STEPS, SIZE)
    curvature = np.exp(rng.uniform(-1.5, 1.5, (STEPS, 1)))
    curvature *= rng.choice([-1, 1], (STEPS, 1), p=[0.25, 0.75])
    return {
        "grads": grads,
        "curvature": curvature * grads + 0.1 * normal(rng, dtype, STEPS, SIZE),
    }


def pairs(rng, dtype):
    """Two gradients a batch; the curvature between them is negative now and then."""
    first = normal(rng, dtype, SIZE) + 0.3 * normal(rng, dtype, STEPS, SIZE)
    curvature = 0.4 * np.exp(rng.uniform(-0.7, 0.7, (STEPS, 1)))
    curvature[np.arange(STEPS) // 100 % 3 == 1] *= -1
    second = (1 - curvature) * first + 0.02 * normal(rng, dtype, STEPS, SIZE)
    return {"grads": first, "second": second}


def in_turn(first, second):
    return np.stack((first, second), 1).reshape(-1, SIZE)


def pairs_in_turn(rng, dtype):
    both = pairs(rng, dtype)
    return {"grads": in_turn(both["grads"], both["second"])}


def at(gradients):
    return lambda theta, k: gradients[k]


def inna_rate(k):
    return 0.05 / (k + 1) ** 0.25


def inna_twin(start, grads):
    return twins.inna(at(grads), start, STEPS, inna_rate, 0.5, 0.1, 1.0)


def damped_momentum_twin(start, grads):
    return twins.damped_momentum(at(grads), start, STEPS, inna_rate, 0.97, 0.3)


def innaprop_twin(start, grads, gamma, weight_decay):
    arguments = at(grads), start, STEPS, gamma, 0.5, 0.9, 0.999, 1e-8
    return twins.innaprop(*arguments, weight_decay)


def step_tuned_twin(start, calls, alpha, delta):
    calls = iter(calls)
    return twins.step_tuned_sgd(
        lambda theta, k: next(calls),
        start,
        STEPS,
        alpha,
        beta=BETA,
        delta=delta,
        **BOUNDED_TWIN,
    )[0]


def bounded_twin(start, grads, **extra):
    return twins.gradient_variation_sgd(
        at(grads),
        start,
        STEPS,
        4.0,
        delta=DELTA,
        **BOUNDED_TWIN,
        **{name.removesuffix("_grads"): at(x) for name, x in extra.items()},
    )


def barzilai_borwein_twin(start, grads, absolute=False):
    return twins.barzilai_borwein(at(grads), start, STEPS, 0.375, NU, absolute)


def decaying(k):
    return 4.0 / (k + 1) ** (0.5 + DELTA)


def by_epochs(k):
    return 0.5 / (k // 100 + 1) ** 0.501


OPTIMIZERS = {
    "inna": Optimizer(
        functools.partial(inna, inverse_power_schedule(0.05, 0.25), 0.5, 0.1),
        inna_twin,
        noise,
        "velocity_dtype",
    ),
    "damped_momentum": Optimizer(
        functools.partial(
            damped_momentum, inverse_power_schedule(0.05, 0.25), 0.97, 0.3
        ),
        damped_momentum_twin,
        noise,
        "velocity_dtype",
    ),
    "innaprop": Optimizer(
        functools.partial(
            innaprop, inverse_power_schedule(0.05, 0.25), 0.5, 0.9, weight_decay=0.0
        ),
        functools.partial(innaprop_twin, gamma=inna_rate, weight_decay=0.0),
        noise,
        "velocity_dtype",
    ),
    "innaprop, decay": Optimizer(
        functools.partial(innaprop, 0.05, 0.5, 0.9, weight_decay=0.1),
        functools.partial(innaprop_twin, gamma=lambda k: 0.05, weight_decay=0.1),
        noise,
        "velocity_dtype",
    ),
    "step_tuned_sgd": Optimizer(
        functools.partial(step_tuned_sgd, 4.0, beta=BETA, delta=DELTA, **BOUNDED),
        lambda start, grads: step_tuned_twin(start, grads, lambda k: 4.0, DELTA),
        pairs_in_turn,
        "accumulator_dtype",
        lambda call: decaying(call // 2),
    ),
    "step_tuned_sgd, opaque": Optimizer(
        functools.partial(
            step_tuned_sgd,
            inverse_power_schedule(0.5, 0.501, transition_steps=100),
            beta=BETA,
            delta=None,
            **BOUNDED,
            opaque_mode=True,
        ),
        lambda start, grads, second: step_tuned_twin(
            start, in_turn(grads, second), by_epochs, None
        )[::2],
        pairs,
        "accumulator_dtype",
        by_epochs,
    ),
    "barzilai_borwein": Optimizer(
        functools.partial(barzilai_borwein, 0.375, NU),
        barzilai_borwein_twin,
        sequence,
        rate=lambda k: 0.375,
        gammas=frozenset({"nu", "between"}),
    ),
    "barzilai_borwein, absolute": Optimizer(
        functools.partial(barzilai_borwein, 0.375, NU, negative_curvature="absolute"),
        functools.partial(barzilai_borwein_twin, absolute=True),
        sequence,
        rate=lambda k: 0.375,
        gammas=frozenset({"between"}),
    ),
    "stochastic_gv_sgd": Optimizer(
        functools.partial(stochastic_gv_sgd, 4.0, delta=DELTA, **BOUNDED),
        bounded_twin,
        sequence,
        rate=decaying,
    ),
    "exact_gv_sgd": Optimizer(
        functools.partial(exact_gv_sgd, 4.0, delta=DELTA, **BOUNDED),
        bounded_twin,
        sequence_and_full,
        rate=decaying,
    ),
    "expected_gv_sgd": Optimizer(
        functools.partial(expected_gv_sgd, 4.0, delta=DELTA, **BOUNDED),
        bounded_twin,
        with_curvature,
        rate=decaying,
    ),
}


def wide(x):
    return x.astype("complex128" if x.dtype.kind == "c" else "float64")


@functools.cache
def reference(name, dtype):
    """What drives an optimizer, a call a row, and the twin's iterates."""
    optimizer, rng = OPTIMIZERS[name], np.random.default_rng(SEED)
    drawn = {"start": normal(rng, dtype, SIZE), **optimizer.draw(rng, dtype)}
    inputs = {key: x.astype(jnp.dtype(dtype)) for key, x in drawn.items()}
    iterates = np.stack(optimizer.twin(**{key: wide(x) for key, x in inputs.items()}))
    del inputs["start"]
    return inputs | {"params": iterates[:-1].astype(jnp.dtype(dtype))}, iterates


def drive(solver, inputs):
    """The updates of all calls, and the steps taken where the state tells them."""

    def step(state, extra):
        grads, params, second = (
            extra.pop(key, None) for key in ("grads", "params", "second")
        )
        updates, state = solver.update(
            grads, state, params, grad_fn=lambda _: second, **extra
        )
        return state, (updates, getattr(state, "step_size", None))

    return jax.lax.scan(step, solver.init(inputs["params"][0]), inputs)[1]


@functools.cache
def driven(name, types):
    """All settings of an optimizer, in one program: it compiles once."""
    make, stored_as = OPTIMIZERS[name].make, OPTIMIZERS[name].stored_as
    solvers = {
        state: make(**{stored_as: state} if state else {}) for state in states_of(name)
    }

    @jax.jit
    def run(inputs):
        return [[drive(s, inputs[t]) for s in solvers.values()] for t in types]

    results = jax.device_get(run({t: reference(name, t)[0] for t in types}))
    return {
        (t, state): result
        for t, of_type in zip(types, results, strict=True)
        for state, result in zip(solvers, of_type, strict=True)
    }


def states_of(name):
    return STATE_TYPES if OPTIMIZERS[name].stored_as else STATE_TYPES[:1]


def steps_of_the_twin(name, dtype):
    inputs, iterates = reference(name, dtype)
    along = wide(inputs["grads"]) + wide(inputs.get("second", np.zeros(1)))
    moves = np.diff(iterates, axis=0)
    return np.linalg.norm(moves, axis=1) / np.linalg.norm(along, axis=1)


def epsilon(dtype):
    return float(jnp.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("name", "dtype", "state"),
    [(n, d, s) for n in OPTIMIZERS for s in states_of(n) for d in TYPES],
)
def test_follows_the_twin(name, dtype, state, request):
    if dtype == "float64":
        request.getfixturevalue("x64")
    types = TYPES[:1] if dtype == "float64" else TYPES[1:]
    updates, steps = driven(name, types)[dtype, state]
    _, iterates = reference(name, dtype)
    precision = {"float64": "double"} | dict.fromkeys(HALF, "half")
    precision = precision.get(dtype, "single")
    # Complex numbers have no narrower type: their state stays as it is.
    in_state = epsilon(state) if state and dtype != "complex64" else 0.0

    bound = ITERATES[name]
    moved = iterates[1:] - iterates[0]
    error = np.abs(np.cumsum(wide(updates), 0) - moved).max() / np.abs(moved).max()
    allowed = getattr(bound, precision) * epsilon(dtype)
    assert error < allowed + bound.half_state * in_state

    if steps is not None:
        bound = STEPS_TAKEN[name]
        errors = steps / steps_of_the_twin(name, dtype) - 1
        unit = epsilon("float64" if dtype == "float64" else "float32")
        allowed = getattr(bound, precision) * unit
        assert np.sqrt(np.mean(errors**2)) < allowed + bound.half_state * in_state


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", STEPS_TAKEN)
def test_the_numbers_take_every_branch(name, dtype):
    optimizer, steps = OPTIMIZERS[name], steps_of_the_twin(name, dtype)
    gamma = steps / np.asarray([optimizer.rate(k) for k in range(len(steps))])
    known = {"nu": NU, "low": LOW, "high": HIGH}
    found = {key: np.isclose(gamma, value) for key, value in known.items()}
    found["between"] = ~np.any(list(found.values()), axis=0)
    assert {key for key, where in found.items() if where[2:].any()} == optimizer.gammas
