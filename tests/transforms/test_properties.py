"""Properties of all optimizers, over random pytrees, hyperparameters and gradients.

Each property is tried on 2,000 cases; which ones is fixed by the test's code, so that a
failure is met again.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transforms.optimizers import OPTIMIZERS, extra_args

CASES = settings(
    max_examples=2000,
    deadline=None,
    derandomize=True,
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


class Case(NamedTuple):
    """An optimizer with its hyperparameters, params, and gradients to come."""

    name: str
    values: dict[str, float]
    leaves: tuple[Leaf | None, ...]
    exponents: tuple[int, ...]  # of the gradients, a power of ten each step
    seed: int


def enable_x64(wanted):
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(wanted)
    from jax.experimental import enable_x64 as enable

    return enable(wanted)


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


def widened(tree):
    """The same numbers in double precision."""
    return jax.tree.map(
        lambda x: x.astype("complex128" if x.dtype.kind == "c" else "float64"), tree
    )


def trajectory(name, wrap, values, params, gradients):
    """The state at the start, and the updates and the state of all steps."""
    solver = wrap(OPTIMIZERS[name].factory(**values))
    state = solver.init(params)

    def step(carry, grads):
        params, state = carry
        halved = jax.tree.map(lambda g: g / 2, grads)
        extra = extra_args(grads) | {"grad_fn": lambda _: halved}
        updates, state = solver.update(grads, state, params, **extra)
        return (optax.apply_updates(params, updates), state), (updates, state)

    return state, jax.lax.scan(step, (params, state), gradients)[1]


def as_it_is(solver):
    return solver


compiled = jax.jit(trajectory, static_argnums=(0, 1))


def run(case, params=None, gradients=None, *, wrap=as_it_is, widen=False):
    if params is None:
        params, gradients = draw_arrays(case)
    if widen:
        params, gradients = widened((params, gradients))
    with enable_x64(True) if widen else mode(case.leaves):
        return jax.device_get(compiled(case.name, wrap, case.values, params, gradients))


def powers(low, high):
    """Ten to a power."""
    return st.floats(low, high).map(lambda x: 10.0**x)


@st.composite
def hyperparameters(draw, name):
    """Values over the whole legal ranges, edges included."""
    rate = draw(st.one_of(st.just(0.0), powers(-8, 2)))
    known = OPTIMIZERS[name].hyperparameters
    values = {"learning_rate": rate}
    if "alpha" in known:
        share = draw(st.floats(0, 0.999))  # alpha * learning_rate is below 1
        values["alpha"] = share * min(100.0, 1 / rate if rate else 100.0)
        values["beta"] = draw(powers(-4, 3))
    elif "beta" in known:
        values["beta"] = draw(st.floats(0, 0.999))
    ranges = {
        "initial_speed": st.floats(0, 10),
        "decay": st.floats(0, 0.9999),
        "eps": powers(-12, 0),
        "nu": powers(-3, 3),
        "delta": st.floats(0.001, 0.499),
    }
    values |= {key: draw(ranges[key]) for key in ranges if key in known}
    if "weight_decay" in known:
        # Params shrink: learning_rate * weight_decay is at most 1.
        values["weight_decay"] = draw(st.floats(0, 1)) * min(1.0, 1 / (rate or 1.0))
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
        draw(st.integers(0, 2**32 - 1)),
    )


def numbers(tree):
    """All numbers of a tree that are not integers, in double precision."""
    leaves = [np.asarray(x) for x in jax.tree.leaves(tree)]
    wide = [
        x.astype(np.complex128).ravel() for x in leaves if x.dtype.kind not in "iub"
    ]
    return np.concatenate([np.zeros(0), *wide])


@CASES
@given(cases(leaves=any_leaves))
def test_structure_shapes_and_types_stay(case):
    with mode(case.leaves):
        params = tree_of(case.leaves, lambda d, s: jax.ShapeDtypeStruct(s, d))
        solver = OPTIMIZERS[case.name].factory(**case.values)
        state = jax.eval_shape(solver.init, params)
        updates, after = jax.eval_shape(
            lambda grads, state, params: solver.update(
                grads, state, params, **extra_args(grads)
            ),
            params,
            state,
            params,
        )
    for found, expected in ((updates, params), (after, state)):
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            assert (x.shape, x.dtype) == (y.shape, y.dtype)


def _at(steps, k):
    return jax.tree.map(lambda x: x[k], steps)


def assert_finite_where_the_exact_numbers_are(case):
    """Up to where they, as double precision has them, come near the types' largest.

    Or where a step of nu does, which stands for a curvature that overflowed.
    """
    fallback = case.values["learning_rate"] * case.values.get("nu", 0.0)
    _, gradients = draw_arrays(case)
    largest = min(float(jnp.finfo(leaf[0]).max) for leaf in case.leaves if leaf)
    _, found = run(case)
    _, exact = run(case, widen=True)
    for k in range(STEPS):
        needed = [numbers(_at(exact, k)), fallback * numbers(_at(gradients, k))]
        if np.abs(np.concatenate(needed)).max(initial=0) > 0.1 * largest:
            return
        assert np.isfinite(numbers(_at(found, k))).all()


@CASES
@given(cases())
def test_finite_gradients_give_finite_updates(case):
    assert_finite_where_the_exact_numbers_are(case)


@CASES
@given(cases(exponents=no_gradient))
def test_zero_gradients_give_finite_updates(case):
    assert_finite_where_the_exact_numbers_are(case)


@CASES
@given(
    cases(names=BOUNDED),
    st.lists(
        st.sampled_from([np.nan, np.inf, -np.inf, 0.0, None]),
        min_size=STEPS,
        max_size=STEPS,
    ),
)
def test_gamma_stays_in_its_range_whatever_comes(case, special):
    params, gradients = draw_arrays(case)
    for k, value in enumerate(special):
        if value is not None:
            for leaf in jax.tree.leaves(gradients):
                leaf[k] = value
    _, (_, state) = run(case, params, gradients)
    gamma = np.asarray(optax.tree.get(state, "gamma"), np.float64)
    low, high = case.values["gamma_min"], case.values["gamma_max"]
    inside = (gamma >= low * (1 - 1e-6)) & (gamma <= high * (1 + 1e-6))
    assert (inside | (gamma == 1)).all()  # gamma_0 is 1


@CASES
@given(cases(), st.sampled_from([np.nan, np.inf]), st.integers(0, STEPS - 1))
def test_a_bad_gradient_moves_nothing_under_apply_if_finite(case, bad, when):
    params, gradients = draw_arrays(case)
    for leaf in jax.tree.leaves(gradients):
        leaf[when] = bad
    start, (updates, states) = run(case, params, gradients, wrap=_if_finite)
    if not any(leaf.size for leaf in jax.tree.leaves(gradients)):
        return
    assert not numbers(_at(updates, when)).any()
    before = _at(states, when - 1) if when else start
    for old, new in zip(
        jax.tree.leaves(before.inner_state),
        jax.tree.leaves(_at(states, when).inner_state),
        strict=True,
    ):
        np.testing.assert_array_equal(old, new)


def _if_finite(solver):
    return optax.apply_if_finite(solver, max_consecutive_errors=9)


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
