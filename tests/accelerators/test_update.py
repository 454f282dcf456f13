"""What XLA compiles an update to, for chips that are not here: exact numbers."""

import functools

import accelerators
import compiling
import pytest

pytestmark = pytest.mark.accelerators

LEAVES, SIZE = 16, 2**24
# Words a parameter.  An update reads params, state and gradient, and writes params and
# state.
WORDS = {
    "optax.sgd, nesterov": 5,
    "optax.adamw": 7,
    "inna": 5,
    "damped_momentum": 5,
    "innaprop": 7,
    "innaprop, no decay": 7,
}
REFERENCES = {
    "inna": "optax.sgd, nesterov",
    "damped_momentum": "optax.sgd, nesterov",
    "innaprop": "optax.adamw",
    "innaprop, no decay": "optax.adamw",
}


@functools.cache
def measured(name, chip, leaves=LEAVES, size=SIZE, dtype="float32"):
    return accelerators.measure(name, chip, leaves, size, dtype)


@pytest.mark.parametrize("name", WORDS)
def test_an_update_moves_no_more_than_it_must(name, chip):
    row = measured(name, chip, leaves=1)
    assert row["words"] == pytest.approx(WORDS[name], abs=0.01)
    assert row["temporary_words"] < 0.01


@pytest.mark.parametrize("name", REFERENCES)
def test_many_leaves_move_what_the_reference_moves(name, chip):
    """A TPU brings some of them into the chip's own memory, which counts as well."""
    row, reference = (measured(n, chip) for n in (name, REFERENCES[name]))
    assert row["words"] < reference["words"] + 0.01
    assert row["temporary_words"] < 0.01


@pytest.mark.parametrize("name", REFERENCES)
def test_state_in_float32_beside_params_in_bfloat16(name, chip):
    """Counted as bytes: params and gradient are half as wide, the state is not."""
    row = measured(name, chip, leaves=1, size=4 * SIZE, dtype="bfloat16")
    states = {5: 1, 7: 2}[WORDS[name]]
    assert row["words"] == pytest.approx(1.5 + 2 * states, abs=0.01)


@pytest.mark.parametrize("name", REFERENCES)
def test_kernels(name):
    """One a leaf, and at most two more than the reference for the scalars."""
    ours, reference = (measured(n, "H100") for n in (name, REFERENCES[name]))
    assert ours["kernels"] <= reference["kernels"] + 2
    assert ours["conditionals"] == 0


def test_step_tuned_sgd_on_a_gpu_waits_for_no_predicate():
    row = measured("step_tuned_sgd", "H100")
    assert row["conditionals"] == 0
    assert row["words"] < 9.01
    assert row["temporary_words"] < 0.01


def test_a_text_with_a_conditional_counts_the_mean_of_its_branches():
    text = """
%zero (p: f32[]) -> f32[8] {
  %p = f32[] parameter(0)
  ROOT %b = f32[8]{0} broadcast(f32[] %p), dimensions={}
}

%one (q: f32[8]) -> f32[8] {
  %q = f32[8]{0} parameter(0)
  %n = f32[8]{0} negate(f32[8]{0} %q)
  ROOT %m = f32[8]{0} add(f32[8]{0} %n, f32[8]{0} %q)
}

ENTRY %main (x: f32[8], i: s32[]) -> (f32[8], bf16[4]) {
  %x = f32[8]{0} parameter(0)
  %i = s32[] parameter(1)
  %c = f32[8]{0} conditional(%i, %x, %x), branch_computations={%zero, %one}
  %h = bf16[4]{0} slice(f32[8]{0} %c), slice={[0:4]}
  ROOT %t = (f32[8]{0}, bf16[4]{0}) tuple(%c, %h)
}
"""
    zero, one, rest = 4 + 32, (32 + 32) + 3 * 32, 8 + 32
    expected = compiling.Count((zero + one) / 2 + rest, (1 + 2) / 2 + 1, 1)
    assert compiling.count(text) == expected
