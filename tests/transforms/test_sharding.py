"""Meshes with Explicit axes, and shard_map, of every optimizer."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from tests.transforms.optimizers import (
    EACH,
    OPTIMIZERS,
    extra_args,
    gradient,
    half_squared_norm,
)

pytestmark = pytest.mark.skipif(
    jax.__version_info__ < (0, 7, 2), reason="jax.set_mesh was not there yet"
)
START = {"w": np.arange(1.0, 33.0, dtype="float32").reshape(8, 4) / 10, "b": np.ones(4)}


@pytest.fixture(params=EACH)
def optimizer(request):
    return OPTIMIZERS[request.param]


def step(solver, params, state, gradient=gradient):
    grads = gradient(params)
    extra = extra_args(grads) | {"grad_fn": gradient}
    updates, state = solver.update(grads, state, params, **extra)
    return optax.apply_updates(params, updates), state


def run(solver, params, steps=6):
    state = solver.init(params)
    for _ in range(steps):
        params, state = step(solver, params, state)
    return params, state


def scan(solver, params, steps=6, gradient=gradient):
    def body(carry, _):
        return step(solver, *carry, gradient), None

    return jax.lax.scan(body, (params, solver.init(params)), length=steps)[0]


def close(found, expected):
    chex.assert_trees_all_close(
        jax.device_get(found), jax.device_get(expected), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("params_spec", "state_spec"),
    [(P("x", "y"), P("x", "y")), (P(None, "y"), P("x", "y")), (P(), P("x"))],
    ids=str,
)
def test_explicit_axes(optimizer, params_spec, state_spec):
    """With the state split as the params are, or more, as in ZeRO."""
    expected, _ = run(optimizer(), jax.tree.map(jnp.asarray, START))
    mesh = jax.make_mesh((2, 2), ("x", "y"), axis_types=(AxisType.Explicit,) * 2)
    with jax.set_mesh(mesh):
        params = {
            "w": jax.device_put(START["w"], NamedSharding(mesh, params_spec)),
            "b": jax.device_put(jnp.ones(4), NamedSharding(mesh, P())),
        }
        split = NamedSharding(mesh, state_spec)
        shapes = {
            "w": jax.ShapeDtypeStruct((8, 4), jnp.float32, sharding=split),
            "b": params["b"],
        }
        solver = optimizer()

        @jax.jit
        def jitted(params, state):
            updates, state = solver.update(
                gradient(params), state, params, **extra_args(params)
            )
            updates = jax.tree.map(
                lambda u, p: jax.sharding.reshard(u, jax.typeof(p).sharding),
                updates,
                params,
            )
            return optax.apply_updates(params, updates), state

        state = solver.init(shapes)
        for _ in range(6):
            params, state = jitted(params, state)
        for leaf in jax.tree.leaves(state):
            if leaf.shape == (8, 4):
                assert leaf.sharding.is_equivalent_to(split, 2)
    close(params, expected)


@pytest.mark.parametrize(
    ("loop", "check_vma"), [(run, True), (scan, True), (scan, False)]
)
def test_each_device_trains_its_own_params(optimizer, loop, check_vma):
    starts = jnp.arange(1.0, 9.0).reshape(4, 2)
    mesh = jax.make_mesh((4,), ("d",), axis_types=(AxisType.Auto,))

    def body(start):
        return loop(optimizer(), {"w": start[0]})[0]["w"][None]

    sharded = jax.shard_map(
        body, mesh=mesh, in_specs=P("d"), out_specs=P("d"), check_vma=check_vma
    )
    found = jax.jit(sharded)(starts)
    expected = [run(optimizer(), {"w": start})[0]["w"] for start in starts]
    close(found, jnp.stack(expected))


def test_replicated_params_and_split_examples(optimizer):
    """JAX sums the gradient over the devices, since the params are known to be equal.

    The examples weigh the loss of the common tests, and are one on average.
    """
    mesh = jax.make_mesh((4,), ("d",), axis_types=(AxisType.Auto,))
    params = jax.tree.map(jnp.float32, START)

    def body(examples):
        def loss(params):
            return jnp.mean(examples) * half_squared_norm(params)

        def mean_gradient(params):
            return jax.tree.map(lambda g: g / 4, jax.grad(loss)(params))

        return scan(optimizer(), params, gradient=mean_gradient)[0]

    sharded = jax.shard_map(body, mesh=mesh, in_specs=P("d"), out_specs=P())
    found = jax.jit(sharded)(jnp.array([0.5, 1.5, 0.8, 1.2]))
    close(found, run(optimizer(), params)[0])


HAS_NORMS = [name for name, o in OPTIMIZERS.items() if "nu" in o.hyperparameters]
WIDE = {"gamma_min": 1e-3, "gamma_max": 1e3}


@pytest.mark.parametrize("kind", ["shard_map", "unchecked", "vmap"])
@pytest.mark.parametrize("name", HAS_NORMS)
def test_inner_products_over_an_axis(name, kind):
    """Each device holds rows of `w`; where that is known, all of `b`, counted once."""
    optimizer = OPTIMIZERS[name]
    wide = WIDE if "gamma_min" in optimizer.hyperparameters else {}
    curvatures = jnp.linspace(0.2, 3.0, 8)[:, None]
    start = {"w": jnp.float32(START["w"]), "b": jnp.ones(4)}
    if kind != "shard_map":
        del start["b"]

    def final(params, curvatures, axis_name):
        solver = optimizer(axis_name=axis_name, **wide)

        def grad_fn(params):
            return params | {"w": curvatures * params["w"]}

        params, state = scan(solver, params, gradient=grad_fn)
        return params, state.gamma

    expected, gamma = final(start, curvatures, None)
    if kind == "vmap":
        parts = {"w": start["w"].reshape(4, 2, 4)}
        of_all = jax.vmap(lambda p, c: final(p, c, "d"), axis_name="d")
        found, gammas = of_all(parts, curvatures.reshape(4, 2, 1))
        found = {"w": found["w"].reshape(8, 4)}
        np.testing.assert_allclose(gammas, gamma, rtol=1e-5)
    else:
        specs = {"w": P("d"), "b": P()}
        specs = {name: specs[name] for name in start}
        mesh = jax.make_mesh((4,), ("d",), axis_types=(AxisType.Auto,))
        sharded = jax.shard_map(
            lambda p, c: final(p, c, "d"),
            mesh=mesh,
            in_specs=(specs, P("d")),
            out_specs=(specs, P()),
            check_vma=kind == "shard_map",
        )
        found, found_gamma = jax.jit(sharded)(start, curvatures)
        np.testing.assert_allclose(found_gamma, gamma, rtol=1e-5)
    close(found, expected)
