"""What XLA says that one update costs: exact numbers, no clocks."""

import functools
import re

import jax
import jax.numpy as jnp
import optax
import pytest

from tests.transforms.optimizers import OPTIMIZERS, extra_args, gradient

SIZE = 1_000_000
LEAVES = [1, 16]
# Words of memory that XLA accesses a parameter, in units of the parameters' size.
# INNA's five words (read params, velocity, gradient; write params, velocity) become
# seven, Nesterov momentum's number: the loops of XLA's CPU backend have one result
# each, so that one writes the velocity (3 words) and the next reads it again, with
# the gradient, and writes the params (4 words).
WORDS = {
    "inna": 7,
    "damped_momentum": 7,
    "innaprop": 13,
    "step_tuned_sgd": 12,
    "step_tuned_sgd_opaque": 12,
    "barzilai_borwein": 8,
    "barzilai_borwein_absolute": 8,
    "stochastic_gv_sgd": 8,
    "exact_gv_sgd": 11,
    "expected_gv_sgd": 4,
}
# In opaque mode the params between the two half steps exist inside the update, leaf
# by leaf: a copy of the params, which have still to be updated.
TEMPORARIES = dict.fromkeys(OPTIMIZERS, 0) | {"step_tuned_sgd_opaque": 1}
NESTEROV = optax.sgd(0.1, momentum=0.9, nesterov=True)


def step_of(solver):
    """Update and apply, with params and state donated."""

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, grads, full_grads):
        extra = {**extra_args(grads), "full_grads": full_grads, "grad_fn": gradient}
        updates, state = solver.update(grads, state, params, **extra)
        return optax.apply_updates(params, updates), state

    return step


@functools.cache
def compiled(name, leaves=1):
    """The compiled step, for gradients that arrive as inputs."""
    solver = NESTEROV if name == "nesterov" else OPTIMIZERS[name]()
    shape = jax.ShapeDtypeStruct((SIZE // leaves,), jnp.float32)
    params = dict.fromkeys(map(str, range(leaves)), shape)
    state = jax.eval_shape(solver.init, params)
    return step_of(solver).lower(params, state, params, params).compile()


@pytest.mark.parametrize("leaves", LEAVES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_needs_no_temporaries(name, leaves):
    memory = compiled(name, leaves).memory_analysis()
    assert memory.temp_size_in_bytes < 4 * SIZE * (TEMPORARIES[name] + 0.01)


@pytest.mark.parametrize("leaves", LEAVES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_accesses_no_more_memory_than_stated(name, leaves):
    accessed = compiled(name, leaves).cost_analysis()["bytes accessed"] / 4 / SIZE
    assert accessed < WORDS[name] + 0.01


@pytest.mark.parametrize("leaves", LEAVES)
@pytest.mark.parametrize("name", ["inna", "damped_momentum"])
def test_accesses_what_nesterov_accesses(name, leaves):
    ours, nesterovs = (
        compiled(method, leaves).cost_analysis()["bytes accessed"]
        for method in (name, "nesterov")
    )
    assert ours < 1.001 * nesterovs


@pytest.mark.parametrize("leaves", LEAVES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_program_copies_no_leaf(name, leaves):
    copies = re.findall(
        rf"= f32\[{SIZE // leaves}\]\S* copy(?:-start)?\(",
        compiled(name, leaves).as_text(),
    )
    assert len(copies) <= leaves * TEMPORARIES[name]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_program_has_nothing_in_double_precision(name):
    text = compiled(name).as_text()
    assert "f32[" in text
    assert not re.search(r"\b(f64|s64|u64|c128)\[", text)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_donated_array_is_used_again(name):
    memory = compiled(name).memory_analysis()
    gradients = 2 if name == "exact_gv_sgd" else 1
    donated = memory.argument_size_in_bytes - 4 * SIZE * gradients
    assert memory.alias_size_in_bytes == donated


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_another_learning_rate_compiles_nothing(name):
    params = {"a": jnp.ones(3), "b": jnp.ones((2, 2))}
    grads = gradient(params)
    solver = optax.inject_hyperparams(OPTIMIZERS[name].factory)(learning_rate=0.1)
    params, state = jax.tree.map(jnp.copy, params), solver.init(params)
    step = step_of(solver)
    for rate in (0.1, 0.05, 0.0):
        state.hyperparams["learning_rate"] = jnp.asarray(rate)
        params, state = step(params, state, grads, grads)
    assert step._cache_size() == 1
