"""Properties of all optimizers, over random pytrees, hyperparameters and gradients.

Each property is tried on 300 cases, which its seed fixes, so that a failure is met
again; on more where INNA_OPTAX_CASES says so, as in CI.  Hypothesis also tries numbers
that it finds in the modules that happen to be loaded, but none below 100: it draws
nothing larger here, and what else is imported changes no case.
"""

import functools
import math
import os
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.precision import enable_x64
from tests.transforms import twins
from tests.transforms.optimizers import OPTIMIZERS, extra_args

pytestmark = pytest.mark.cases
CASES = settings(
    max_examples=int(os.environ.get("INNA_OPTAX_CASES", "300")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
STEPS = 4
DTYPES = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
SHAPES = ((), (1,), (3,), (0,), (2, 3), (0, 2), (2, 1, 3), (2, 3, 1, 2))
Leaf = tuple[str, tuple[int, ...]]
# Where numbers are computed, a few structures: each is compiled once an optimizer.
STRUCTURES: tuple[tuple[Leaf | None, ...], ...] = (
    (("float32", (2, 3)), ("float32", ()), None),
    (("float16", (3,)), ("bfloat16", (2, 1, 3)), ("float32", (0, 2))),
    (("complex64", (2, 3)), ("float32", ())),
    (("float64", (2, 3, 1, 2)), ("float32", (3,)), ("complex128", (3,))),
)
SIZE = 18  # of the largest of them


class Case(NamedTuple):
    """An optimizer with its hyperparameters, params, and gradients to come."""

    name: str
    values: dict[str, float]
    leaves: tuple[Leaf | None, ...]
    exponents: tuple[int, ...]  # of the gradients, a power of ten each step
    seed: tuple[int, ...]  # of their digits


def mode(leaves):
    """64 bits only where there are such leaves."""
    return enable_x64(any("64" in x[0] or "128" in x[0] for x in leaves if x))


def tree_of(leaves, make):
    return {str(i): leaf and make(*leaf) for i, leaf in enumerate(leaves)}


def draw_arrays(case):
    """The params, and the gradients with a leading axis of steps, in their types."""
    rng = np.random.default_rng(case.seed)

    def draw(dtype, shape, exponents):
        shape = (len(exponents), *shape)
        numbers = np.asarray(rng.uniform(-1, 1, shape))
        if dtype.startswith("complex"):
            numbers = numbers * np.exp(1j * rng.uniform(0, 6, shape))
        # Up to the largest power that the type holds; below its smallest is zero.
        limit = int(math.log10(float(jnp.finfo(dtype).max)))
        scales = 10.0 ** np.minimum(exponents, limit)
        numbers = numbers * scales.reshape(-1, *(1,) * (numbers.ndim - 1))
        return numbers.astype(dtype if dtype != "bfloat16" else jnp.bfloat16)

    params = tree_of(case.leaves, lambda d, s: draw(d, s, np.zeros(1))[0])
    return params, tree_of(case.leaves, lambda d, s: draw(d, s, case.exponents))


def numbers(steps):
    """All numbers of a tree that are not integers, wide, a row a step."""
    leaves = [np.asarray(x) for x in jax.tree.leaves(steps)]
    rows = [
        x.astype(np.complex128).reshape(len(x), -1)
        for x in leaves
        if x.dtype.kind not in "iub"
    ]
    return np.concatenate(rows, axis=1)


def trajectory(name, values, errors, params, gradients):
    """The state at the start, and the updates and the state of all steps.

    Under `optax.apply_if_finite`, which takes every update where it may reject no
    errors: one program does with and without it.
    """
    solver = OPTIMIZERS[name].factory(**values)
    solver = optax.apply_if_finite(solver, max_consecutive_errors=errors)
    state = solver.init(params)

    def step(carry, grads):
        params, state = carry
        halved = jax.tree.map(lambda g: g / 2, grads)
        extra = extra_args(grads) | {"grad_fn": lambda _: halved}
        updates, state = solver.update(grads, state, params, **extra)
        return (optax.apply_updates(params, updates), state), (updates, state)

    return state, jax.lax.scan(step, (params, state), gradients)[1]


compiled = jax.jit(trajectory, static_argnums=0)


def run(case, params, gradients, *, errors=0):
    with mode(case.leaves):
        return jax.device_get(
            compiled(case.name, case.values, errors, params, gradients)
        )


def run_wide(case, params, gradients):
    """The same numbers in double precision: in one array, so that one program does."""

    def flat(tree):
        row = numbers(tree)
        return np.pad(row, ((0, 0), (0, SIZE - row.shape[1])))

    params = flat(jax.tree.map(lambda x: x[None], params))[0]
    with enable_x64(True):
        return jax.device_get(
            compiled(case.name, case.values, 0, params, flat(gradients))
        )


fractions = st.sampled_from(
    [0.0, 5e-324, 1e-30, 1e-9, *np.linspace(0.01, 0.99, 90).tolist(), 1 - 1e-9, 1.0]
)


def between(low, high):
    return fractions.map(lambda x: low + (high - low) * x)


def powers(low, high):
    """Ten to a power."""
    return between(low, high).map(lambda x: 10.0**x)


@st.composite
def hyperparameters(draw, name):
    """Values over the whole legal ranges, edges included."""
    rate = draw(st.one_of(st.just(0.0), powers(-8, 2)))
    known = OPTIMIZERS[name].hyperparameters
    values = {"learning_rate": rate}
    if "alpha" in known:
        share = draw(between(0, 0.999))  # alpha * learning_rate is below 1
        values["alpha"] = share * min(100.0, 1 / rate if rate else 100.0)
        values["beta"] = draw(powers(-4, 3))
    elif "beta" in known:
        values["beta"] = draw(between(0, 0.999))
    ranges = {
        "initial_speed": between(0, 10),
        "decay": between(0, 0.9999),
        "eps": powers(-12, 0),
        "nu": powers(-3, 3),
        "delta": between(0.001, 0.499),
    }
    values |= {key: draw(ranges[key]) for key in ranges if key in known}
    if "weight_decay" in known:
        # Params shrink: learning_rate * weight_decay is at most 1.
        values["weight_decay"] = draw(fractions) * min(1.0, 1 / (rate or 1.0))
    if "gamma_min" in known:
        values["gamma_min"] = draw(powers(-3, 1))
        values["gamma_max"] = values["gamma_min"] * draw(powers(0, 3))
    return values


any_leaf = st.one_of(
    st.none(), st.tuples(st.sampled_from(DTYPES), st.sampled_from(SHAPES))
)
any_leaves = st.lists(any_leaf, min_size=1, max_size=4).map(tuple)
some_leaves = st.sampled_from(STRUCTURES)
any_exponent = st.integers(-38, 38)
no_gradient = st.just(-400)  # zero in every type
any_seed = st.tuples(*[st.integers(0, 99)] * 3)
BOUNDED = [name for name, o in OPTIMIZERS.items() if "gamma_min" in o.hyperparameters]


@st.composite
def cases(
    draw,
    names=tuple(OPTIMIZERS),
    leaves=some_leaves,
    exponents=any_exponent,
):
    name = draw(st.sampled_from(names))
    return Case(
        name,
        draw(hyperparameters(name)),
        draw(leaves),
        tuple(draw(exponents) for _ in range(STEPS)),
        draw(any_seed),
    )


@seed(1)
@CASES
@given(cases(leaves=any_leaves))
def test_structure_shapes_and_types_stay(case):
    solver = OPTIMIZERS[case.name].factory(**case.values)

    def first_step(params):
        state = solver.init(params)
        return state, solver.update(params, state, params, **extra_args(params))

    with mode(case.leaves):
        params = tree_of(case.leaves, lambda d, s: jax.ShapeDtypeStruct(s, d))
        state, (updates, after) = jax.eval_shape(first_step, params)
    for found, expected in ((updates, params), (after, state)):
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            assert (x.shape, x.dtype) == (y.shape, y.dtype)


def assert_finite_where_the_exact_numbers_are(case):
    """Up to where they, as double precision has them, come near the types' largest.

    Or where a step of nu does, which stands for a curvature that overflowed.
    """
    params, gradients = draw_arrays(case)
    fallback = case.values["learning_rate"] * case.values.get("nu", 0.0)
    exact = numbers(run_wide(case, params, gradients)[1])
    needed = np.concatenate([exact, fallback * numbers(gradients)], axis=1)
    largest = min(float(jnp.finfo(leaf[0]).max) for leaf in case.leaves if leaf)
    in_range = np.abs(needed).max(axis=1) <= 0.1 * largest
    until = STEPS if in_range.all() else np.argmin(in_range)
    found = numbers(run(case, params, gradients)[1])
    assert np.isfinite(found[:until]).all()


@seed(2)
@CASES
@given(cases())
def test_finite_gradients_give_finite_updates(case):
    assert_finite_where_the_exact_numbers_are(case)


@seed(3)
@CASES
@given(cases(exponents=no_gradient))
def test_zero_gradients_give_finite_updates(case):
    assert_finite_where_the_exact_numbers_are(case)


@seed(4)
@CASES
@given(
    cases(names=BOUNDED),
    st.tuples(*[st.sampled_from([np.nan, np.inf, -np.inf, 0.0, None])] * STEPS),
)
def test_gamma_stays_in_its_range_whatever_comes(case, special):
    params, gradients = draw_arrays(case)
    for k, value in enumerate(special):
        if value is not None:
            for leaf in jax.tree.leaves(gradients):
                leaf[k] = value
    start, (_, states) = run(case, params, gradients)
    low, high = case.values["gamma_min"], case.values["gamma_max"]
    for gamma in (start.inner_state.gamma, states.inner_state.gamma):
        assert np.all(gamma >= gamma.dtype.type(low))
        assert np.all(gamma <= gamma.dtype.type(high))


@seed(5)
@CASES
@given(cases(), st.sampled_from([np.nan, np.inf]), st.integers(0, STEPS - 1))
def test_a_bad_gradient_moves_nothing_under_apply_if_finite(case, bad, when):
    params, gradients = draw_arrays(case)
    for leaf in jax.tree.leaves(gradients):
        leaf[when] = bad
    start, (updates, states) = run(case, params, gradients, errors=STEPS)
    assert not any(x[when].any() for x in jax.tree.leaves(updates))
    for first, rest in zip(
        jax.tree.leaves(start.inner_state),
        jax.tree.leaves(states.inner_state),
        strict=True,
    ):
        before = rest[when - 1] if when else first
        assert np.array_equal(before, rest[when], equal_nan=True)


def near_one(name, alpha, beta, steps, params, gradients):
    """The updates of all steps, with learning rates that are read off a table."""
    factory, at = OPTIMIZERS[name].factory, jnp.asarray(steps)
    solver = factory(lambda k: at[k], alpha, beta)

    def step(carry, grads):
        params, state = carry
        updates, state = solver.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), updates

    return jax.lax.scan(step, (params, solver.init(params)), gradients)[1]


compiled_near_one = jax.jit(near_one, static_argnums=0)
NEAR_STEPS, NEAR_SIZE = 7, 4
factors = st.one_of(
    st.just(0.0),
    # The margin is 10^-2.9: half of them are near it.
    st.tuples(st.sampled_from([1, -1]), powers(-12, -2) | powers(-4, -2)).map(
        math.prod
    ),
)


@pytest.mark.parametrize("name", ["inna", "innaprop"])
@seed(6)
@CASES
@given(
    near=st.tuples(*[st.none() | factors] * NEAR_STEPS).filter(
        lambda near: any(f is not None for f in near)
    ),
    digits=any_seed,
)
def test_a_schedule_near_one_over_alpha_loses_half_the_digits(name, near, digits):
    """With alpha gamma_k = 1 - f where `near` is a number f.

    The other steps are ordinary, and so is the last, where the velocity's error shows.
    Dividing by f, held at a margin of 4 sqrt(epsilon), loses epsilon / f; where f is
    nearer to zero, the velocity is kept with a factor that is wrong by the difference.
    Whatever alpha beta, in [0.01, 100], the way that the params make is wrong by eight
    times the two at most (three in these cases, six in 20,000 others).
    """
    rng = np.random.default_rng(digits)
    alpha = 10.0 ** rng.uniform(-1, 1)
    beta = 10.0 ** rng.uniform(-2, 2) / alpha
    ordinary = rng.uniform(0.05, 0.9, NEAR_STEPS + 1)
    shares = [
        share if f is None else 1 - f
        for share, f in zip(ordinary, (*near, None), strict=True)
    ]
    steps = np.asarray(shares) / alpha
    gradients = rng.normal(size=(len(steps), NEAR_SIZE)).astype(np.float32)
    start = rng.normal(size=NEAR_SIZE).astype(np.float32)
    found = compiled_near_one(name, alpha, beta, steps, start, gradients)

    arguments = (
        lambda theta, k: gradients[k].astype(float),
        start.astype(float),
        len(steps),
        lambda k: steps[k],
        alpha,
        beta,
    )
    if name == "inna":
        iterates = twins.inna(*arguments, speed=1.0)
    else:
        iterates = twins.innaprop(*arguments, 0.999, 1e-8, weight_decay=0.01)
    moved = np.stack(iterates[1:]) - start
    error = np.abs(np.cumsum(found, axis=0, dtype=float) - moved).max()

    epsilon = float(jnp.finfo(jnp.float32).eps)
    margin = 4 * epsilon**0.5
    nearest = min(abs(f) for f in near if f is not None)
    lost = epsilon / max(nearest, margin) + max(margin - nearest, 0)
    assert error < 8 * lost * np.abs(moved).max()


@functools.cache
def _after_ten_million(name, dtype):
    solver = OPTIMIZERS[name](learning_rate=0.125)
    start = jnp.zeros((), dtype)

    def step(_, carry):
        # Params that stand still: they would move for ever, the state must settle.
        return solver.update(jnp.ones((), dtype), carry[1], start)

    return jax.device_get(
        jax.jit(
            lambda: jax.lax.fori_loop(0, 10**7, step, (start, solver.init(start)))
        )()
    )


@pytest.mark.parametrize("name", ["inna", "innaprop", "step_tuned_sgd"])
def test_ten_million_steps_count_and_do_not_drift(name):
    """Rounding adds up to the machine's epsilon over 1 - decay, 6e-5, at most."""
    found = _after_ten_million(name, "float32")
    with enable_x64(True):
        exact = _after_ten_million(name, "float64")
    for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(x, y, rtol=6e-5)
