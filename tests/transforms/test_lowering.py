"""Updates lower for accelerators that are not there."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import optax
import pytest

from tests.transforms.optimizers import OPTIMIZERS, extra_args, gradient


@pytest.mark.parametrize("platform", ["cpu", "cuda", "rocm", "tpu"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_lowers_for(name, platform, dtype):
    solver = OPTIMIZERS[name]()
    params = {"w": jax.ShapeDtypeStruct((8, 4), jnp.dtype(dtype))}

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state):
        grads = gradient(params)
        updates, state = solver.update(grads, state, params, **extra_args(params))
        return optax.apply_updates(params, updates), state

    state = jax.eval_shape(solver.init, params)
    exported = jax.export.export(step, platforms=[platform])(params, state)
    assert exported.platforms == (platform,)
