"""Params and gradients that are not arrays of float32, of every optimizer."""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax import innaprop
from tests.transforms.optimizers import EACH, OPTIMIZERS, extra_args, gradient

NARROW = ["float16", "bfloat16", "float8_e5m2"]


@pytest.fixture(params=EACH)
def optimizer(request):
    return OPTIMIZERS[request.param]


def run(solver, params, gradient=gradient, steps=6):
    """The params after some updates outside jit, and the last updates."""
    state = solver.init(params)
    for _ in range(steps):
        grads = gradient(params)
        updates, state = solver.update(
            grads, state, params, **extra_args(grads) | {"grad_fn": gradient}
        )
        params = optax.apply_updates(params, updates)
    return params, updates


@pytest.mark.parametrize(
    "params",
    [2.0, [1.0, np.float32(2.0), np.float64(2.0), {"w": np.ones(2)}]],
    ids=["a float", "a tree"],
)
def test_numbers_of_python_and_numpy_are_leaves(optimizer, params):
    """Also float64 where JAX has only float32, without a warning."""
    expected, _ = run(optimizer(), jax.tree.map(jnp.float32, params))
    found, _ = run(optimizer(), params)
    chex.assert_trees_all_close(found, expected, rtol=1e-6)


def moved(params, updates):
    return jax.tree.map(
        lambda p, u: p if u is None else p + u,
        params,
        updates,
        is_leaf=lambda x: x is None,
    )


@pytest.mark.parametrize("dtype", NARROW)
def test_narrow_gradients_of_float32_params(optimizer, dtype):
    """An update of 1e-8 is zero in float16."""
    rate, small = optimizer.rate_scale * 1e-5, 2.0**-6
    if dtype == "float16":
        small = 2.0**-16
    params = jnp.zeros(3)  # where 1e-8 can be seen

    def steps(dtype):
        return run(optimizer(learning_rate=rate), params, narrow(dtype), steps=20)

    def narrow(dtype):
        return lambda params: jnp.full_like(params, small, dtype)

    found, updates = steps(dtype)
    expected, _ = steps("float32")
    assert updates.dtype == jnp.float32
    moved = expected - params
    assert jnp.all(moved != 0)
    np.testing.assert_allclose(found - params, moved, rtol=0.02)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_params_of_eight_bits(optimizer, dtype):
    start = jnp.full(2, 2.0, dtype)
    found, updates = run(optimizer(learning_rate=0.25), start, steps=1)
    assert found.dtype == updates.dtype == start.dtype
    assert jnp.all(found.astype(float) < 2.0)
    state = optimizer().init(start)
    assert {x.dtype.name for x in jax.tree.leaves(state)} <= {"int32", "float32"}


def test_without_params_updates_have_the_type_they_are_computed_in(optimizer):
    if "opaque" in repr(optimizer.factory):  # needs the params
        return
    params = jnp.ones(2, jnp.bfloat16)
    solver = optimizer(**{"weight_decay": 0.0} if optimizer.decays else {})
    updates, _ = solver.update(params, solver.init(params), **extra_args(params))
    assert updates.dtype == jnp.float32


def test_a_leaf_without_a_gradient_stays(optimizer):
    """Its update is None, as from equinox, and its state is kept."""
    params = {"w": jnp.ones(2), "fixed": jnp.full(3, 2.0)}

    def without(params):
        return {"w": params["w"], "fixed": None}

    solver = optimizer()
    state = solver.init(params)

    def step(carry, _):
        params, state = carry
        grads = without(params)
        extra = extra_args(grads) | {"grad_fn": without}
        updates, state = solver.update(grads, state, params, **extra)
        assert updates["fixed"] is None
        return (moved(params, updates), state), None

    (found, after), _ = jax.lax.scan(step, (params, state), length=6)
    chex.assert_trees_all_equal(found["fixed"], params["fixed"])
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
    alone, _ = run(optimizer(), {"w": jnp.ones(2)})
    chex.assert_trees_all_close(found["w"], alone["w"], rtol=1e-6)


def test_what_is_no_array_is_named(optimizer):
    with pytest.raises(TypeError, match=r"^params must be .*, got .* at params\['f'\]"):
        optimizer().init({"w": jnp.ones(2), "f": len})


@pytest.mark.parametrize("kind", ["float0", "zeros"])
def test_integers_stay(optimizer, kind):
    """A count of 5 is not decayed to 4."""
    params = {"w": jnp.ones(2), "count": jnp.int32(5)}

    def of_w(params):
        if kind == "zeros":
            return {"w": params["w"], "count": jnp.int32(0)}
        return jax.grad(lambda p: 0.5 * jnp.sum(p["w"] ** 2), allow_int=True)(params)

    found, _ = run(optimizer(), params, of_w)
    assert found["count"] == 5
    assert found["count"].dtype == jnp.int32
    assert jnp.all(found["w"] < 1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "complex64"])
def test_strict_promotion(optimizer, dtype):
    params = {"w": jnp.ones((2, 3), dtype), "b": jnp.ones(2)}
    solver, state = optimizer(), optimizer().init(params)

    @jax.jit
    def step(params, state):
        return solver.update(gradient(params), state, params, **extra_args(params))

    with jax.numpy_dtype_promotion("strict"):
        found, _ = step(params, state)
    expected, _ = step(params, state)
    chex.assert_trees_all_equal(found, expected)


def test_rates_that_are_not_scalars_are_named(optimizer):
    params = jnp.ones(3)
    with pytest.raises(ValueError, match=r"^learning_rate must be .* of shape \(1,\)"):
        optimizer(learning_rate=jnp.array([0.1]))
    solver = optimizer(learning_rate=lambda count: jnp.array([0.1]))
    with pytest.raises(ValueError, match=r"^learning_rate's schedule must be .*\(1,\)"):
        run(solver, params)
    injected = optax.inject_hyperparams(optimizer.factory)(
        **{**optimizer.arguments, "learning_rate": lambda count: jnp.array([0.1])}
    )
    with pytest.raises(ValueError, match=r"^learning_rate must be .* of shape \(1,\)"):
        run(injected, params)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("size", [0.0, 1.0])
def test_hyperparameters_injected_in_16_bits(optimizer, dtype, size):
    params, grads = jnp.ones(3, dtype), jnp.full(3, size, dtype)
    solver = optax.inject_hyperparams(optimizer.factory)(**optimizer.arguments)
    if optimizer.factory is innaprop:
        with pytest.raises(TypeError, match=r"hyperparam_dtype=jnp\.float32"):
            solver.init(params)
    else:
        found, _ = run(solver, params, lambda params: grads)
        chex.assert_tree_all_finite(found)


def test_hyper_gradients_where_a_gradient_is_zero(optimizer):
    """A bias that starts at its optimum, say."""

    def final(rate):
        params, _ = run(optimizer(learning_rate=rate), jnp.array([2.0, 0.0]), steps=3)
        return jnp.sum(params**2)

    slope = jax.grad(final)(0.1)
    assert jnp.isfinite(slope)
    h = 1e-3
    by_hand = (final(0.1 + h) - final(0.1 - h)) / (2 * h)
    np.testing.assert_allclose(slope, by_hand, rtol=0.05)


def test_eps_root_is_inside_the_root():
    g, root = jnp.array([1e-3, 2.0]), 1e-4
    solver = innaprop(0.1, eps_root=root, weight_decay=0.0)
    updates, _ = solver.update(g, solver.init(g))
    scaled = g / (jnp.sqrt(g**2 + root) + 1e-8)  # the mean square of one gradient
    # v_1 = -gamma (1 - alpha beta) g, and the step is -gamma beta g.
    np.testing.assert_allclose(updates, -0.1 * 0.9 * scaled, rtol=1e-5)


def test_weight_decay_may_be_a_schedule():
    params, steps = jnp.ones(3), []
    for decay in (0.3, optax.constant_schedule(0.3), optax.linear_schedule(0.3, 0, 2)):
        solver = innaprop(0.1, weight_decay=decay)
        steps.append(run(solver, params, jnp.zeros_like, steps=2)[0])
    chex.assert_trees_all_close(*steps[:2], rtol=1e-6)
    assert jnp.all(steps[2] > steps[1])


class Callable(NamedTuple):
    """A tree that can be called, as an equinox module can."""

    kernel: Any
    bias: Any

    def __call__(self, *_):
        raise AssertionError("it is a tree")


def test_a_mask_that_is_a_tree_is_not_called():
    params = Callable(jnp.ones(2), jnp.ones(2))
    tree = Callable(True, False)
    injected = optax.inject_hyperparams(innaprop, static_args="mask")
    found = [
        run(make(0.1, mask=mask), params, lambda p: jax.tree.map(jnp.zeros_like, p))[0]
        for make, mask in (
            (innaprop, lambda params: tree),
            (innaprop, tree),
            (injected, tree),
        )
    ]
    for params in found:
        assert jnp.all(params.kernel < 1)
        np.testing.assert_array_equal(params.bias, 1.0)
        np.testing.assert_allclose(params.kernel, found[0].kernel, rtol=1e-6)
