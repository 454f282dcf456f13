"""What a user of optax takes for granted, of every optimizer of this package.

No test here knows an optimizer by name: all get the same extra arguments, and ignore
those that are not theirs.
"""

import functools
import logging

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from inna_optax import inverse_power_schedule
from tests.transforms.optimizers import EACH, OPTIMIZERS, extra_args, gradient

DTYPES = ["float16", "bfloat16", "float32", "complex64"]
DTYPES_X64 = ["float64", "complex128"]


@pytest.fixture(params=EACH)
def optimizer(request):
    return OPTIMIZERS[request.param]


def make_params(dtype="float32"):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return jnp.asarray(rng.normal(size=shape), dtype)

    return {"dense": {"kernel": draw(4, 3), "bias": draw(3)}, "scale": draw()}


def one_step(solver, params, state):
    updates, state = solver.update(
        gradient(params), state, params, **extra_args(params)
    )
    return optax.apply_updates(params, updates), state


def run(solver, params, steps=6):
    step, state = jax.jit(functools.partial(one_step, solver)), solver.init(params)
    for _ in range(steps):
        params, state = step(params, state)
    return params, state


def types(tree):
    return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)


@pytest.mark.parametrize("wrap", [False, True])
def test_updates_with_and_without_jit(optimizer, wrap):
    solver, params = optimizer(), make_params()
    solver = optax.chain(optax.clip_by_global_norm(10.0), solver) if wrap else solver
    state = solver.init(params)
    results = [
        variant(functools.partial(one_step, solver))(params, state)
        for variant in (lambda f: f, jax.jit)
    ]
    chex.assert_trees_all_close(*results, rtol=1e-5, atol=1e-6)
    chex.assert_tree_all_finite(results)


def test_does_not_recompile_on_the_second_call(optimizer):
    chex.clear_trace_counter()
    solver, params = optimizer(), make_params()

    @jax.jit
    @chex.assert_max_traces(n=1)
    def step(params, state):
        return one_step(solver, params, state)

    state = solver.init(params)
    for _ in range(3):
        params, state = step(params, state)


def test_compiles_nothing_again_outside_jit(optimizer, caplog):
    solver, params = optimizer(), make_params()
    state = solver.init(params)
    for _ in range(4):  # an algorithm of two calls a batch has taken both twice
        params, state = one_step(solver, params, state)
    with jax.log_compiles(), caplog.at_level(logging.WARNING, logger="jax"):
        for _ in range(4):
            params, state = one_step(solver, params, state)
    compiled = [r.getMessage() for r in caplog.records if "Compiling" in r.getMessage()]
    assert not compiled


@pytest.mark.parametrize(
    ("dtype", "schedule"),
    [*((dtype, "weak") for dtype in DTYPES), ("float32", "strong")],
)
def test_types_never_change(optimizer, dtype, schedule):
    """Through lax.cond, whose branches must agree to the last weak type."""
    rate = {
        "weak": optax.constant_schedule(0.02),
        "strong": lambda k: 0.02 / jnp.sqrt(jnp.asarray(k, jnp.float32) + 1),
    }[schedule]
    solver, params = optimizer(learning_rate=rate), make_params(dtype)
    state = solver.init(params)

    @jax.jit
    def maybe(do, params, state):
        step = functools.partial(one_step, solver)
        return jax.lax.cond(do, step, lambda *unchanged: unchanged, params, state)

    before = types((params, state))
    for do in (True, True, False, True):
        params, state = maybe(do, params, state)
        assert types((params, state)) == before
    chex.assert_tree_all_finite(params)
    updates, _ = solver.update(gradient(params), state, params, **extra_args(params))
    chex.assert_trees_all_equal_dtypes(updates, params)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", DTYPES_X64)
def test_double_precision_is_used_throughout(optimizer, dtype):
    params = make_params(dtype)
    found, state = run(optimizer(), params)
    chex.assert_trees_all_equal_dtypes(found, params)
    floats = [x for x in jax.tree.leaves(state) if x.dtype != jnp.int32]
    assert all(x.dtype in (jnp.float64, jnp.complex128) for x in floats)
    single, _ = run(optimizer(), jax.tree.map(lambda x: x.astype("complex64"), params))
    chex.assert_trees_all_close(
        jax.tree.map(jnp.real, found), jax.tree.map(jnp.real, single), rtol=1e-4
    )


def test_low_precision_params_follow_float32(optimizer):
    exact, _ = run(optimizer(), make_params())
    for dtype, tolerance in (("float16", 5e-3), ("bfloat16", 4e-2)):
        params, state = run(optimizer(), make_params(dtype))
        chex.assert_trees_all_close(
            jax.tree.map(lambda x: x.astype(jnp.float32), params), exact, atol=tolerance
        )
        floats = [x.dtype for x in jax.tree.leaves(state) if x.dtype != jnp.int32]
        assert set(floats) <= {jnp.dtype("float32")}


def test_complex_params_turn_with_their_gradients(optimizer):
    """Turned by exp(i t), real params take the real iterates, turned."""
    params, turn = make_params(), jnp.exp(0.7j)
    expected, _ = run(optimizer(), params)
    found, _ = run(optimizer(), jax.tree.map(lambda x: turn * x, params))
    chex.assert_trees_all_close(
        jax.tree.map(lambda z: jnp.real(z / turn), found), expected, rtol=1e-5
    )
    imaginary = jax.tree.map(lambda z: jnp.imag(z / turn), found)
    chex.assert_trees_all_close(imaginary, optax.tree.zeros_like(params), atol=1e-6)


def test_inject_hyperparams_under_jit(optimizer):
    values = {name: value[0] for name, value in optimizer.hyperparameters.items()}
    plain = optimizer(**values)
    inject = optax.inject_hyperparams(optimizer.factory)(
        **{**optimizer.arguments, **values}
    )
    params = make_params()
    expected, _ = run(plain, params, steps=4)
    for jit in (jax.jit, lambda f: f):
        step = jit(functools.partial(one_step, inject))
        found, state = params, jit(inject.init)(params)
        for _ in range(4):
            found, state = step(found, state)
        chex.assert_trees_all_close(found, expected, rtol=1e-5)
        assert set(values) <= set(state.hyperparams)


@pytest.mark.parametrize(
    ("dtype", "hyperparam_dtype"), [("bfloat16", jnp.float32), ("complex64", None)]
)
def test_inject_hyperparams_beside_params_of_other_types(
    optimizer, dtype, hyperparam_dtype
):
    """By default optax casts injected hyperparameters to the params' type."""
    inject = optax.inject_hyperparams(
        optimizer.factory, hyperparam_dtype=hyperparam_dtype
    )(**optimizer.arguments)
    params = make_params(dtype)
    found, state = run(inject, params)
    before = types(inject.init(params))
    assert types(state) == before
    expected, _ = run(optimizer(), params)
    chex.assert_trees_all_close(
        jax.tree.map(jnp.real, found), jax.tree.map(jnp.real, expected), atol=2e-2
    )


def test_vmap_over_every_hyperparameter(optimizer):
    params, values = make_params(), optimizer.hyperparameters

    @jax.jit
    def final(values):
        solver = optimizer(**values)
        (params_, _), _ = jax.lax.scan(
            lambda carry, _: (one_step(solver, *carry), None),
            (params, solver.init(params)),
            length=5,
        )
        return params_

    together = jax.vmap(final)({name: jnp.asarray(x) for name, x in values.items()})
    for i in range(2):
        alone = final({name: jnp.asarray(x[i]) for name, x in values.items()})
        chex.assert_trees_all_close(
            jax.tree.map(lambda x, i=i: x[i], together), alone, rtol=1e-5
        )


def test_every_hyperparameter_is_differentiable(optimizer):
    """Each hyper-gradient through five steps is finite (meta-learning)."""
    params = make_params()

    @jax.jit
    @jax.grad
    def slopes(values):
        solver = optimizer(**values)
        (found, _), _ = jax.lax.scan(
            lambda carry, _: (one_step(solver, *carry), None),
            (params, solver.init(params)),
            length=5,
        )
        return optax.tree.norm(found, squared=True)

    values = {name: value[0] for name, value in optimizer.hyperparameters.items()}
    for name, slope in slopes(values).items():
        assert jnp.isfinite(slope), name


def test_multi_steps(optimizer):
    params = make_params()
    solver = optax.MultiSteps(optimizer(), every_k_schedule=2)
    found, _ = run(solver, params, steps=8)

    @jax.jit
    def average(params, state):
        return one_step(optimizer(), params, state)

    expected, state = params, optimizer().init(params)
    for _ in range(4):
        expected, state = average(expected, state)
    chex.assert_trees_all_close(found, expected, rtol=1e-5)


def test_masked_leaves_pass_through(optimizer):
    params = make_params()
    mask = {"dense": {"kernel": True, "bias": False}, "scale": True}
    solver = optax.masked(optimizer(), mask, mask_compatible_extra_args=True)
    grads = gradient(params)
    updates, _ = solver.update(grads, solver.init(params), params, **extra_args(params))
    chex.assert_trees_all_equal(updates["dense"]["bias"], grads["dense"]["bias"])
    assert not jnp.any(updates["dense"]["kernel"] == grads["dense"]["kernel"])


def test_partition(optimizer):
    params = make_params()
    labels = {"dense": {"kernel": "ours", "bias": "frozen"}, "scale": "ours"}
    solver = optax.partition(
        {"ours": optimizer(), "frozen": optax.set_to_zero()},
        labels,
        mask_compatible_extra_args=True,
    )
    found, _ = run(solver, params)
    chex.assert_trees_all_equal(found["dense"]["bias"], params["dense"]["bias"])
    assert jnp.all(found["dense"]["kernel"] != params["dense"]["kernel"])


def test_apply_if_finite(optimizer):
    params = make_params()
    solver = optax.apply_if_finite(optimizer(), max_consecutive_errors=3)
    params, state = run(solver, params, steps=2)
    bad = jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), params)
    updates, after = solver.update(bad, state, params, **extra_args(bad))
    chex.assert_trees_all_equal(updates, jax.tree.map(jnp.zeros_like, params))
    chex.assert_trees_all_equal(after.inner_state, state.inner_state)


def test_none_and_empty_leaves(optimizer):
    params = {"w": jnp.ones(3), "none": None, "empty": jnp.zeros((0, 2)), "sub": {}}
    found, _ = run(optimizer(), params)
    chex.assert_trees_all_equal_shapes_and_dtypes(found, params)
    chex.assert_tree_all_finite(found)
    chex.assert_trees_all_close(
        found["w"], run(optimizer(), {"w": jnp.ones(3)})[0]["w"], rtol=1e-6
    )


def test_params_may_be_a_single_array(optimizer):
    found, _ = run(optimizer(), jnp.ones(3))
    assert jnp.all(jnp.abs(found) < 1)


def test_fresh_state_and_params_can_both_be_donated(optimizer):
    solver, params = optimizer(), make_params()
    expected, _ = run(solver, params, steps=2)
    step = jax.jit(functools.partial(one_step, solver), donate_argnums=(0, 1))
    params = jax.tree.map(jnp.copy, params)
    state = solver.init(params)
    for _ in range(2):
        params, state = step(params, state)
    chex.assert_trees_all_close(params, expected, rtol=1e-6)


def test_state_keeps_no_reference_to_the_gradients(optimizer):
    """Outside jit too: a donated state must not delete arrays that its owner holds."""
    solver, params = optimizer(), make_params()
    grads = jax.tree.map(jnp.copy, params)
    _, state = solver.update(grads, solver.init(params), params, **extra_args(grads))
    buffers = {x.unsafe_buffer_pointer() for x in jax.tree.leaves((grads, params))}
    assert not buffers & {x.unsafe_buffer_pointer() for x in jax.tree.leaves(state)}


def test_init_from_shapes(optimizer):
    params = make_params("bfloat16")
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), params)
    expected = types(optimizer().init(params))
    assert types(optimizer().init(shapes)) == expected
    assert types(jax.eval_shape(optimizer().init, params)) == expected
    assert types(jax.eval_shape(optimizer().init, shapes)) == expected


def test_state_fields_never_change(optimizer):
    solver, params = optimizer(), make_params()
    state = solver.init(params)
    _, after = one_step(solver, params, state)
    assert type(after) is type(state)
    chex.assert_trees_all_equal_structs(after, state)
    assert all(isinstance(x, jax.Array) for x in jax.tree.leaves((state, after)))


def test_tree_map_params(optimizer):
    """How optax finds the params' copies in a state, for instance to shard them."""
    solver, params = optimizer(), make_params()
    state = solver.init(params)
    marked = optax.tree.map_params(solver, lambda x: x + 1, state)
    changed = jax.tree.map(lambda x, y: bool(jnp.any(x != y)), state, marked)
    like_params = jax.tree.map(lambda x: x.ndim > 0, state)
    for change, matrix in zip(
        jax.tree.leaves(changed), jax.tree.leaves(like_params), strict=True
    ):
        assert change or not matrix


def test_sharded_params_give_sharded_state_and_updates(optimizer):
    devices = np.array(jax.devices()[:4])
    assert devices.size == 4
    sharding = NamedSharding(Mesh(devices, ("data",)), PartitionSpec("data"))
    params = jax.device_put({"w": jnp.arange(32.0).reshape(8, 4) / 10}, sharding)
    solver = optimizer()

    def shardings(tree):
        return {x.sharding for x in jax.tree.leaves(tree) if x.shape == (8, 4)}

    @jax.jit
    def maybe(do, params, state):
        step = functools.partial(one_step, solver)
        return jax.lax.cond(do, step, lambda *unchanged: unchanged, params, state)

    found, state = params, solver.init(params)
    assert shardings(state) <= {sharding}
    for do in [True, False] * 6:
        found, state = maybe(do, found, state)
        assert shardings((found, state)) == {sharding}
    expected, _ = run(solver, jax.device_put(params, jax.devices()[0]))
    chex.assert_trees_all_close(
        jax.device_get(found), jax.device_get(expected), rtol=1e-5
    )


def test_schedules_are_read_at_the_number_of_updates_before(optimizer):
    """Warm-up from zero moves nothing at first, and something afterwards."""
    solver = optimizer(learning_rate=optax.linear_schedule(0.0, 0.02, 3))
    params = make_params()
    state = solver.init(params)
    first, state = one_step(solver, params, state)
    chex.assert_trees_all_equal(first, params)
    for _ in range(6):
        params, state = one_step(solver, params, state)
    chex.assert_tree_all_finite(params)
    assert jnp.all(params["dense"]["kernel"] != first["dense"]["kernel"])


def test_decaying_schedule_inside_scan(optimizer):
    solver, params = (
        optimizer(learning_rate=inverse_power_schedule(0.02)),
        make_params(),
    )
    (found, _), _ = jax.lax.scan(
        lambda carry, _: (one_step(solver, *carry), None),
        (params, solver.init(params)),
        length=6,
    )
    expected, _ = run(solver, params)
    chex.assert_trees_all_close(found, expected, rtol=1e-5)
