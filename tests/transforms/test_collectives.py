"""What an update sends between devices that hold the params in parts: exact numbers."""

import re

import jax
import jax.numpy as jnp
import optax
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from tests.transforms.optimizers import OPTIMIZERS, extra_args, gradient

LEAVES = 2
# INNA and its relatives act on each number alone. The others measure curvature by two
# inner products over all params, of each leaf first, which the devices then sum.
ACT_ON_EACH_NUMBER = ("inna", "damped_momentum", "innaprop")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_sends_nothing_but_scalars(name):
    solver = OPTIMIZERS[name]()
    parts = NamedSharding(Mesh(jax.devices(), "parts"), PartitionSpec("parts"))
    shape = jax.ShapeDtypeStruct((800, 16), jnp.float32, sharding=parts)
    params = dict.fromkeys(map(str, range(LEAVES)), shape)
    state = jax.tree.map(
        lambda x: shape if x.shape == shape.shape else x,
        jax.eval_shape(solver.init, params),
    )

    @jax.jit
    def step(params, state, grads):
        extra = {**extra_args(grads), "grad_fn": gradient}
        updates, state = solver.update(grads, state, params, **extra)
        return optax.apply_updates(params, updates), state

    text = step.lower(params, state, params).compile().as_text()
    sent = re.findall(
        r"= (.*) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)"
        r"(?:-start)?\(",
        text,
    )
    if name in ACT_ON_EACH_NUMBER:
        assert sent == []
        return
    assert {kind for _, kind in sent} == {"all-reduce"}
    arrays = re.findall(r"\w+\[.*?\]", " ".join(results for results, _ in sent))
    assert arrays == ["f32[]"] * 2 * LEAVES
