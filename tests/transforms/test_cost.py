"""What XLA says that one update costs: exact numbers, no clocks."""

import functools

import jax
import jax.numpy as jnp
import optax
import pytest

from tests.transforms.optimizers import OPTIMIZERS, extra_args, gradient

SIZE = 1_000_000
# Words of memory that XLA accesses a parameter, in units of the parameters' size.
# INNA's five words (read params, velocity, gradient; write params, velocity) become
# seven, Nesterov momentum's number: XLA's CPU backend writes the velocity in one
# loop and reads it again, with the gradient, in the next.
WORDS = {"inna": 7, "innaprop": 13, "step_tuned_sgd": 12, "barzilai_borwein": 9}
# In opaque mode the params between the two half steps exist inside the update.
TEMPORARIES = dict.fromkeys(OPTIMIZERS, 0) | {"step_tuned_sgd_opaque": 1}


def compiled_step(solver, leaves=1):
    """The step with params and state donated, for gradients that arrive as inputs."""
    shape = jax.ShapeDtypeStruct((SIZE // leaves,), jnp.float32)
    params = dict.fromkeys(map(str, range(leaves)), shape)
    state = jax.eval_shape(solver.init, params)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, grads):
        extra = {**extra_args(grads), "grad_fn": gradient}
        updates, state = solver.update(grads, state, params, **extra)
        return optax.apply_updates(params, updates), state

    return step.lower(params, state, params).compile()


@pytest.mark.parametrize("leaves", [1, 16])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_needs_no_temporaries(name, leaves):
    memory = compiled_step(OPTIMIZERS[name](), leaves).memory_analysis()
    assert memory.temp_size_in_bytes < 4 * SIZE * (TEMPORARIES[name] + 0.01)


@pytest.mark.parametrize("name", WORDS)
def test_an_update_accesses_no_more_memory_than_stated(name):
    accessed = compiled_step(OPTIMIZERS[name]()).cost_analysis()["bytes accessed"]
    assert accessed / 4 / SIZE < WORDS[name] + 0.01


def test_inna_accesses_what_nesterov_accesses():
    inna = compiled_step(OPTIMIZERS["inna"]()).cost_analysis()["bytes accessed"]
    nesterov = compiled_step(optax.sgd(0.1, momentum=0.9, nesterov=True))
    assert inna < 1.001 * nesterov.cost_analysis()["bytes accessed"]
