"""What XLA compiles an update to, for chips that are not here: exact numbers."""

import functools

import accelerators
import compiling
import optax
import pytest
import systems

import inna_optax

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


@pytest.mark.parametrize("leaves", [1, LEAVES])
@pytest.mark.parametrize("name", WORDS)
def test_an_update_moves_no_more_than_it_must(name, leaves, chip):
    row = measured(name, chip, leaves)
    assert row["words"] == pytest.approx(WORDS[name], abs=0.01)
    assert row["temporary_words"] < 0.01


@pytest.mark.parametrize("name", REFERENCES)
def test_state_in_float32_beside_params_in_bfloat16(name, chip):
    """Counted as bytes: params and gradient are half as wide, the state is not."""
    row = measured(name, chip, leaves=1, dtype="bfloat16")
    states = {5: 1, 7: 2}[WORDS[name]]
    assert row["words"] == pytest.approx(1.5 + 2 * states, abs=0.01)
    assert row["temporary_words"] < 0.01


@pytest.mark.parametrize("name", REFERENCES)
def test_kernels(name):
    """One a leaf, and at most two more than the reference for the scalars."""
    ours, reference = (measured(n, "H100") for n in (name, REFERENCES[name]))
    assert ours["kernels"] <= reference["kernels"] + 2
    assert ours["conditionals"] == 0


@pytest.mark.parametrize("name", ["inna", "damped_momentum"])
def test_kernels_of_many_leaves(name):
    nesterov, ours = (
        measured(n, "H100", leaves=100, size=2**18) for n in (REFERENCES[name], name)
    )
    assert nesterov["kernels"] == 100
    assert ours["kernels"] == 101


@pytest.mark.parametrize("name", REFERENCES)
def test_types_are_converted_in_the_kernels_that_there_are(name):
    narrow, wide = (
        measured(name, "H100", leaves=1, dtype=dtype)
        for dtype in ("bfloat16", "float32")
    )
    assert narrow["kernels"] == wide["kernels"]


def nesterov(rate):
    return optax.sgd(rate, momentum=0.9, nesterov=True)


@pytest.mark.parametrize(
    ("ours", "reference"),
    [
        (inna_optax.inna, nesterov),
        (inna_optax.damped_momentum, nesterov),
        (inna_optax.innaprop, optax.adamw),
    ],
)
def test_a_schedule_adds_no_more_kernels_than_in_optax(ours, reference):
    def kernels(factory, rate):
        solver = factory(rate)
        compiled = accelerators.compiled_update(solver, "H100", 1, SIZE, "float32")
        return compiling.count(compiled.as_text()).kernels

    schedule = optax.cosine_decay_schedule(1e-3, 1000)
    more, allowed = (
        kernels(factory, schedule) - kernels(factory, 1e-3)
        for factory in (ours, reference)
    )
    assert more <= allowed


# Words a parameter: what the update, the inner products and the state need.
VARIATIONS = {
    "barzilai_borwein": 6,
    "stochastic_gv_sgd": 6,
    "exact_gv_sgd": 9,
    "expected_gv_sgd": 4,
}


@pytest.mark.parametrize("name", VARIATIONS)
def test_gradient_variations_read_no_array_that_they_do_not_need(name):
    row = measured(name, "H100", leaves=1)
    assert row["words"] == pytest.approx(VARIATIONS[name], abs=0.01)
    assert row["temporary_words"] < 0.01
    assert row["kernels"] <= 7


@pytest.mark.parametrize("leaves", [1, 16])
def test_step_tuned_sgd_on_a_gpu_needs_few_scalars_kernels(leaves):
    """Four of each leaf for its update and inner products, and four for the scalars."""
    row = measured("step_tuned_sgd", "H100", leaves=leaves)
    assert row["kernels"] <= 4 * leaves + 4


def test_step_tuned_sgd_on_a_gpu_waits_for_no_predicate():
    row = measured("step_tuned_sgd", "H100")
    assert row["conditionals"] == 0
    assert row["words"] < 9.01
    assert row["temporary_words"] < 0.01


def test_step_tuned_sgd_on_a_tpu_reads_for_its_inner_products_every_other_time():
    row = measured("step_tuned_sgd", "v5e", leaves=1)
    assert row["conditionals"] == 1
    assert row["words"] == pytest.approx((7 + 9) / 2, abs=0.01)
    assert row["temporary_words"] < 0.01


@pytest.mark.parametrize(
    "name", ["inna", "damped_momentum", "innaprop", "step_tuned_sgd"]
)
def test_on_eight_gpus_an_update_sends_nothing_but_scalars(name):
    row = systems.sharded_update(name, "H100", "1x1x8", layers=1)
    assert row["words"] == pytest.approx(WORDS.get(name, 9), abs=0.01)
    sent = row["collectives"]
    if name == "step_tuned_sgd":
        number, size = sent.pop("all-reduce")
        assert number <= 2
        assert size <= 2 * 4 * row["leaves"]
    assert sent == {}


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


def test_what_a_tpu_has_in_its_own_memory_costs_nothing():
    text = """
ENTRY %main (x: f32[8], y: f32[8]) -> (f32[8]) {
  %x = f32[8]{0:T(8)} parameter(0)
  %y = f32[8]{0:T(8)} parameter(1)
  %s = (f32[8]{0:T(8)S(1)}, f32[8]{0:T(8)}, u32[]{:S(2)}) copy-start(%x)
  %z = ((f32[8]{0:T(8)}), f32[4]{0:T(8)S(1)}, s32[]{:S(2)}) slice-start(%y)
  %d = f32[8]{0:T(8)S(1)} copy-done(%s)
  %h = f32[4]{0:T(8)S(1)} slice-done(%z)
  %f = f32[8]{0:T(8)S(1)} fusion(%d, %h), kind=kLoop, calls=%fused
  %e = (f32[8]{0:T(8)}, f32[8]{0:T(8)S(1)}, u32[]{:S(2)}) copy-start(%f)
  %g = f32[8]{0:T(8)} copy-done(%e)
  ROOT %t = (f32[8]{0:T(8)}) tuple(%g)
}
"""
    assert compiling.count(text).bytes_moved == 32 + 16 + 32


def test_collectives_are_counted_where_they_are_done():
    text = """
  %a = (f32[2]{0}, f32[16]{0}) all-gather-start(%x), dimensions={0}
  %b = f32[16]{0} all-gather-done(%a)
  %c = (f32[4]{0}, bf16[4]{0}) all-reduce(%y, %z), to_apply=%add
  %d = f32[]{:T(128)S(1)} all-reduce(%w), to_apply=%add
"""
    expected = {"all-gather": [1, 64], "all-reduce": [2, 16 + 8 + 4]}
    assert compiling.collectives(text) == expected
