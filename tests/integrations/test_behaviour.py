"""What docs/integrations.md says of the optimizers inside other tools."""

import functools
from typing import Any, NamedTuple

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import optimistix
import pytest
from flax import linen, nnx
from flax.training.train_state import TrainState

from inna_optax import (
    InnaState,
    barzilai_borwein,
    damped_momentum,
    inna,
    innaprop,
    momentum_from_inna,
    step_tuned_sgd,
)
from tests.integrations.page import run
from tests.transforms.optimizers import EACH, OPTIMIZERS, extra_args

START = jnp.array([1.0, -2.0, 3.0])
CURVATURES = jnp.array([1.0, 0.5, 0.2])


def loss(params):
    return 0.5 * jnp.sum(CURVATURES * params**2)


gradient = jax.grad(loss)


def tuned(**changes):
    """Step-Tuned SGD whose gamma is the measured one, not a bound."""
    options = {"gamma_min": 0.01, "gamma_max": 100.0}
    return step_tuned_sgd(0.3, **options | changes)


def iterate(solver, calls, params=START, gradient=gradient, **extra):
    @jax.jit
    def step(params, state):
        updates, state = solver.update(gradient(params), state, params, **extra)
        return optax.apply_updates(params, updates), state

    state = solver.init(params)
    for _ in range(calls):
        params, state = step(params, state)
    return params, state


def gamma(state):
    return optax.tree.get(state, "gamma")


# Chains.


def test_clipping_hides_the_curvature():
    _, state = iterate(tuned(), 2)
    # The inverse of the curvature along the gradient.
    g = gradient(START)
    expected = (g @ g) / (g @ (CURVATURES * g))
    chex.assert_trees_all_close(gamma(state), expected, rtol=1e-4)
    _, state = iterate(optax.chain(optax.clip_by_global_norm(0.1), tuned()), 2)
    assert gamma(state) > 5 * expected


def test_a_chain_before_opaque_mode_sees_the_first_gradient_only():
    decay = optax.add_decayed_weights(0.5)
    expected, _ = iterate(optax.chain(decay, tuned()), 2)

    def regularized(params):
        return jax.tree.map(lambda g, p: g + 0.5 * p, gradient(params), params)

    in_the_loss, _ = iterate(
        tuned(opaque_mode=True), 1, gradient=regularized, grad_fn=regularized
    )
    chex.assert_trees_all_close(in_the_loss, expected, rtol=1e-5)
    chained, _ = iterate(
        optax.chain(decay, tuned(opaque_mode=True)), 1, grad_fn=gradient
    )
    assert jnp.max(jnp.abs(chained - expected)) > 1e-2


# Hyperparameters in the state.


def test_injected_schedules_count_calls():
    schedule = optax.linear_schedule(0.4, 0.1, 6)
    inject = optax.inject_hyperparams(step_tuned_sgd)
    expected, _ = iterate(step_tuned_sgd(schedule), 8)
    halved, _ = iterate(inject(lambda calls: schedule(calls // 2)), 8)
    chex.assert_trees_all_close(halved, expected, rtol=1e-5)
    by_calls, _ = iterate(inject(schedule), 8)
    assert jnp.max(jnp.abs(by_calls - expected)) > 1e-2


def test_injected_values_are_of_the_params_type_unless_told():
    params = START.astype(jnp.bfloat16)
    with pytest.raises(TypeError, match=r"bfloat16, which rounds 0\.999 to 1"):
        optax.inject_hyperparams(innaprop)(0.1).init(params)
    wide = optax.inject_hyperparams(innaprop, hyperparam_dtype=jnp.float32)(0.1)
    assert jnp.allclose(wide.init(params).hyperparams["decay"], 0.999, rtol=1e-6)


# Some of the parameters.


@pytest.mark.parametrize("frozen", [True, False])
def test_partition_puts_the_other_groups_step_into_the_curvature(frozen):
    def coupled(params):
        return loss(params["ours"] + params["other"])

    solver = optax.partition(
        {"ours": tuned(), "other": optax.set_to_zero() if frozen else optax.sgd(0.3)},
        {"ours": "ours", "other": "other"},
    )
    start = {"ours": START, "other": jnp.zeros(3)}
    _, state = iterate(solver, 2, start, jax.grad(coupled))
    _, alone = iterate(tuned(), 2)
    ratio = gamma(alone) / gamma(state)
    # Both groups take the same step, so the gradient changes twice as much.
    chex.assert_trees_all_close(ratio, 1.0 if frozen else 2.0, rtol=1e-4)


def test_masked_params_reach_grad_fn():
    seen = []

    def grad_fn(params):
        seen.append(params)
        return params

    solver = optax.partition(
        {"ours": tuned(opaque_mode=True), "other": optax.sgd(0.1)},
        {"a": "ours", "b": "other"},
    )
    params = {"a": START, "b": START}
    solver.update(params, solver.init(params), params, grad_fn=grad_fn)
    assert isinstance(seen[0]["b"], optax.MaskedNode)


# Large batches in parts.

PARTS = jax.random.normal(jax.random.key(0), (4, 3))


def part_gradient(params, part):
    return jax.grad(lambda p: (part @ p) ** 2)(params)


def whole_gradient(params):
    return jnp.mean(jax.vmap(lambda part: part_gradient(params, part))(PARTS), axis=0)


def test_multi_steps_with_all_parts_twice_is_the_whole_batch():
    solver = optax.MultiSteps(tuned(), every_k_schedule=4)
    update, params, state = jax.jit(solver.update), START, solver.init(START)
    for part in [*PARTS] * 6:
        updates, state = update(part_gradient(params, part), state, params)
        params = optax.apply_updates(params, updates)
    expected, whole = iterate(tuned(), 6, gradient=whole_gradient)
    chex.assert_trees_all_close(params, expected, rtol=1e-4)
    chex.assert_trees_all_close(gamma(state), gamma(whole), rtol=1e-3)


def test_multi_steps_calls_grad_fn_at_every_part():
    calls = []

    def grad_fn(params):
        jax.debug.callback(lambda: calls.append(1))
        return whole_gradient(params)

    solver = optax.MultiSteps(tuned(opaque_mode=True), every_k_schedule=4)
    update, params, state = (
        jax.jit(solver.update, static_argnames="grad_fn"),
        START,
        None,
    )
    state = solver.init(params)
    for part in [*PARTS] * 3:
        updates, state = update(
            part_gradient(params, part), state, params, grad_fn=grad_fn
        )
        params = optax.apply_updates(params, updates)
    expected, _ = iterate(
        tuned(opaque_mode=True), 3, gradient=whole_gradient, grad_fn=whole_gradient
    )
    chex.assert_trees_all_close(params, expected, rtol=1e-4)
    jax.effects_barrier()
    assert len(calls) == 12


# Averages.


def test_ema_of_the_params_is_their_weighted_mean():
    solver, average, decay = inna(0.2), optax.ema(0.9), 0.9
    params, state, average_state = START, solver.init(START), average.init(START)
    iterates = []
    for _ in range(5):
        updates, state = solver.update(gradient(params), state, params)
        params = optax.apply_updates(params, updates)
        iterates.append(params)
        averaged, average_state = average.update(params, average_state)
    weights = decay ** jnp.arange(4.0, -1, -1)
    expected = weights @ jnp.stack(iterates) / jnp.sum(weights)
    chex.assert_trees_all_close(averaged, expected, rtol=1e-5)


def test_schedule_free_inna_minimizes():
    solver = optax.contrib.schedule_free(inna(0.3, alpha=2.0), learning_rate=0.3)
    params, state = iterate(solver, 400)
    averaged = optax.contrib.schedule_free_eval_params(state, params)
    assert loss(averaged) < 1e-3 * loss(START)


def test_schedule_free_hides_the_curvature_from_transparent_mode_only():
    expected = gamma(iterate(tuned(), 2)[1])
    free = functools.partial(optax.contrib.schedule_free, learning_rate=0.3)
    _, opaque = iterate(free(tuned(opaque_mode=True)), 1, grad_fn=gradient)
    chex.assert_trees_all_close(gamma(opaque), expected, rtol=1e-4)
    # From the second mini-batch on: at first, the average is the iterate itself.
    _, transparent = iterate(free(tuned(beta=0.0)), 4)
    assert gamma(transparent) > 2 * expected


@pytest.mark.parametrize(("sync_period", "clean"), [(1, False), (2, True), (4, True)])
def test_lookahead_needs_an_even_period(sync_period, clean):
    solver = optax.lookahead(tuned(), sync_period, slow_step_size=0.5)
    _, state = iterate(
        solver,
        2,
        optax.LookaheadParams.init_synced(START),
        lambda params: gradient(params.fast),
    )
    _, alone = iterate(tuned(), 2)
    assert bool(jnp.allclose(gamma(state), gamma(alone), rtol=1e-4)) is clean


@pytest.mark.parametrize("reset_state", [False, True])
def test_lookahead_keeps_or_resets_the_velocity(reset_state):
    solver = optax.lookahead(inna(0.1), 4, 0.5, reset_state=reset_state)
    _, state = iterate(
        solver,
        4,
        optax.LookaheadParams.init_synced(START),
        lambda params: gradient(params.fast),
    )
    velocity = optax.tree.get(state, "velocity")
    assert bool(jnp.all(velocity == 0)) is reset_state
    assert optax.tree.get(state, "count") == (0 if reset_state else 4)


def test_lookahead_and_sam_pass_no_grad_fn():
    opaque = tuned(opaque_mode=True)
    params = optax.LookaheadParams.init_synced(START)
    lookahead = optax.lookahead(opaque, 2, 0.5)
    with pytest.raises(TypeError, match="grad_fn"):
        lookahead.update(START, lookahead.init(params), params, grad_fn=gradient)
    with pytest.raises(ValueError, match="needs grad_fn"):
        lookahead.update(START, lookahead.init(params), params)
    sam = optax.contrib.sam(opaque, optax.sgd(0.05), opaque_mode=True)
    with pytest.raises(ValueError, match="needs grad_fn"):
        sam.update(
            START, sam.init(START), START, grad_fn=lambda params, _: gradient(params)
        )


@pytest.mark.parametrize("make_solver", [lambda: inna(0.3), tuned])
def test_both_modes_of_sam_agree(make_solver):
    climb = optax.chain(optax.contrib.normalize(), optax.sgd(0.05))
    opaque, opaque_state = iterate(
        optax.contrib.sam(make_solver(), climb, opaque_mode=True),
        10,
        grad_fn=lambda params, _: gradient(params),
    )
    transparent, state = iterate(optax.contrib.sam(make_solver(), climb), 20)
    chex.assert_trees_all_close(transparent, opaque, rtol=1e-4)
    assert optax.tree.get(state.opt_state, "count") == optax.tree.get(
        opaque_state.opt_state, "count"
    )
    assert loss(opaque) < 0.2 * loss(START)


def test_step_tuned_sgd_counts_two_descents_of_sam_a_batch():
    _, state = iterate(optax.contrib.sam(tuned(), optax.sgd(0.05)), 20)
    assert optax.tree.get(state.opt_state, "count") == 5


# Preconditioners.


@pytest.mark.parametrize(
    "preconditioner",
    [
        optax.scale_by_rms(decay=0.999, eps_in_sqrt=False, bias_correction=True),
        optax.scale_by_adam(b1=0.0, b2=0.999),
    ],
)
@pytest.mark.parametrize(
    "follower",
    [
        inna(0.01, alpha=0.1, beta=0.9, initial_speed=0.9),
        damped_momentum(*momentum_from_inna(0.01, alpha=0.1, beta=0.9)),
    ],
    ids=["inna", "damped_momentum"],
)
def test_inna_after_rms_is_innaprop(preconditioner, follower):
    found, _ = iterate(optax.chain(preconditioner, follower), 50)
    expected, _ = iterate(innaprop(0.01, weight_decay=0.0), 50)
    chex.assert_trees_all_close(found, expected, rtol=1e-4)


# Equinox.


@pytest.mark.parametrize("name", EACH)
def test_the_params_of_update_may_be_a_module_with_functions_in_it(name):
    """Gradients and state are filtered, the module is not."""
    model = eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(0))
    grad_fn = eqx.filter_grad(lambda model: jnp.sum(model(jnp.ones(2))))
    solver, grads = OPTIMIZERS[name](), grad_fn(model)
    state = solver.init(eqx.filter(model, eqx.is_inexact_array))
    extra = extra_args(grads) | {"grad_fn": grad_fn}
    updates, _ = solver.update(grads, state, model, **extra)
    moved = eqx.apply_updates(model, updates)
    assert jnp.any(moved.layers[0].weight != model.layers[0].weight)
    with pytest.raises(TypeError, match=r"^params must be numbers and arrays of .* at"):
        solver.init(model)


# Flax.

BATCHES = 3.0 + jax.random.normal(jax.random.key(1), (6, 16, 4))


def make_model(momentum=None):
    rngs = nnx.Rngs(0)
    normalize = (
        [] if momentum is None else [nnx.BatchNorm(8, momentum=momentum, rngs=rngs)]
    )
    return nnx.Sequential(
        nnx.Linear(4, 8, rngs=rngs), *normalize, nnx.tanh, nnx.Linear(8, 1, rngs=rngs)
    )


def model_loss(model, batch):
    return jnp.mean((model(batch) - jnp.sin(batch[:, :1])) ** 2)


def train_nnx(mode, momentum):
    model = make_model(momentum)
    solver = step_tuned_sgd(0.1, opaque_mode=mode == "opaque")
    optimizer = nnx.Optimizer(model, solver, wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer, batch):
        grads = nnx.grad(model_loss)(model, batch)
        graph, _, rest = nnx.split(model, nnx.Param, ...)

        def loss_at(params):
            return model_loss(nnx.merge(graph, params, rest, copy=True), batch)

        extra = {"grad_fn": jax.grad(loss_at)} if mode == "opaque" else {}
        optimizer.update(model, grads, **extra)

    for batch in BATCHES:
        step(model, optimizer, batch)
        if mode != "opaque":
            averages = jax.tree.map(jnp.copy, nnx.state(model, nnx.BatchStat))
            step(model, optimizer, batch)
        if mode == "averages kept":
            nnx.update(model, averages)
    return model, optimizer


@pytest.mark.parametrize("momentum", [None, 0.9])
def test_nnx_transparent_loop_equals_opaque_mode(momentum):
    (transparent, calls), (opaque, batches) = (
        train_nnx(mode, momentum) for mode in ("transparent", "opaque")
    )
    chex.assert_trees_all_close(
        nnx.to_pure_dict(nnx.state(transparent, nnx.Param)),
        nnx.to_pure_dict(nnx.state(opaque, nnx.Param)),
        atol=1e-5,
    )
    chex.assert_trees_all_close(
        calls.opt_state.gamma[...], batches.opt_state.gamma[...], rtol=1e-3
    )
    assert (calls.step[...], batches.step[...]) == (12, 6)


def running_mean(mode, momentum):
    model, _ = train_nnx(mode, momentum)
    return model.layers[1].mean[...]


def test_running_averages_see_each_batch_twice_in_transparent_mode():
    """Unless the first pass's are kept, or the momentum is the square root."""
    once = running_mean("opaque", 0.81)
    twice, root, kept = (
        jnp.max(jnp.abs(running_mean(mode, momentum) - once))
        for mode, momentum in [
            ("transparent", 0.81),
            ("transparent", 0.9),
            ("averages kept", 0.81),
        ]
    )
    assert root < 0.2 * twice
    assert kept < 1e-4 < twice


def test_linen_train_state_passes_no_grad_fn():
    model = linen.Dense(1)
    params = model.init(jax.random.key(0), BATCHES[0])
    state = TrainState.create(
        apply_fn=model.apply, params=params, tx=step_tuned_sgd(0.1, opaque_mode=True)
    )
    with pytest.raises(ValueError, match="needs grad_fn"):
        state.apply_gradients(grads=params)


# Equinox and Optimistix.


def test_equinox_state_has_none_where_the_model_has_no_array():
    model = eqx.nn.MLP(2, 1, width_size=4, depth=1, key=jax.random.key(0))
    arrays = eqx.filter(model, eqx.is_inexact_array)
    velocity = inna(0.1).init(arrays).velocity
    chex.assert_trees_all_equal_structs(velocity, arrays)
    assert velocity.activation is None


def test_optimistix_makes_the_optimizers_steps():
    minimiser = optimistix.OptaxMinimiser(inna(0.2), rtol=0.0, atol=0.0)
    solution = optimistix.minimise(
        lambda params, _: loss(params), minimiser, START, max_steps=50, throw=False
    )
    expected, _ = iterate(inna(0.2), 50)
    chex.assert_trees_all_close(solution.value, expected, rtol=1e-4)


def test_optimistix_differentiates_through_inna():
    def minimum(center):
        solution = optimistix.minimise(
            lambda params, center: (params - center) ** 2,
            optimistix.OptaxMinimiser(inna(0.1), rtol=1e-6, atol=1e-6),
            jnp.zeros(()),
            center,
            max_steps=2000,
        )
        return solution.value

    value, derivative = jax.value_and_grad(minimum)(jnp.asarray(2.0))
    chex.assert_trees_all_close((value, derivative), (2.0, 1.0), rtol=1e-2)


def test_optimistix_passes_no_grad_fn():
    minimiser = optimistix.OptaxMinimiser(tuned(opaque_mode=True), rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="needs grad_fn"):
        optimistix.minimise(lambda params, _: loss(params), minimiser, START)


# Orbax, with the page's own functions.


@pytest.fixture(scope="module")
def page():
    return run("Save and restore with orbax")


class LaterState(NamedTuple):
    """INNA's state with a field more."""

    count: Any
    extra: Any
    velocity: Any


class RenamedState(NamedTuple):
    """INNA's state with another name for one of its fields."""

    count: Any
    speed: Any


@pytest.mark.parametrize(
    "solver",
    [
        inna(0.2),
        innaprop(0.2),
        step_tuned_sgd(0.2),  # stopped between its two calls
        step_tuned_sgd(0.2, opaque_mode=True),
        barzilai_borwein(0.2),
        optax.inject_hyperparams(inna)(0.2),
        optax.contrib.schedule_free(inna(0.2), 0.2),
        optax.MultiSteps(inna(0.2), 2),
    ],
    ids=[
        "inna",
        "innaprop",
        "step_tuned_sgd",
        "step_tuned_sgd opaque",
        "barzilai_borwein",
        "inject_hyperparams",
        "schedule_free",
        "MultiSteps",
    ],
)
def test_restored_state_goes_on_with_the_same_bits(solver, page, tmp_path):
    @jax.jit
    def step(params, state):
        updates, state = solver.update(
            gradient(params), state, params, grad_fn=gradient
        )
        return optax.apply_updates(params, updates), state

    carry = (START, solver.init(START))
    for _ in range(7):
        carry = step(*carry)
    page["save"](tmp_path / "run", carry)
    restored = page["restore"](tmp_path / "run", (START, solver.init(START)))
    chex.assert_trees_all_equal(restored, carry)
    chex.assert_trees_all_equal_structs(restored, carry)
    for _ in range(7):
        carry, restored = step(*carry), step(*restored)
    chex.assert_trees_all_equal(restored, carry)


def test_state_is_restored_into_one_with_a_field_more(page, tmp_path):
    _, state = iterate(inna(0.2), 3)
    page["save"](tmp_path / "run", state)
    fresh = LaterState(jnp.zeros([], jnp.int32), jnp.full(3, 7.0), jnp.zeros(3))
    later = page["restore"](tmp_path / "run", fresh)
    assert isinstance(later, LaterState)
    chex.assert_trees_all_equal(InnaState(later.count, later.velocity), state)
    chex.assert_trees_all_equal(later.extra, fresh.extra)


def test_a_stored_field_without_a_place_is_refused(page, tmp_path):
    _, state = iterate(inna(0.2), 3)
    page["save"](tmp_path / "run", state)
    fresh = RenamedState(jnp.zeros([], jnp.int32), jnp.zeros(3))
    with pytest.raises(KeyError, match="velocity"):
        page["restore"](tmp_path / "run", fresh)


def test_named_chain_keeps_names_when_a_link_is_inserted(page, tmp_path):
    old = optax.named_chain(("clip", optax.clip(1.0)), ("inna", inna(0.2)))
    new = optax.named_chain(
        ("clip", optax.clip(1.0)), ("average", optax.ema(0.9)), ("inna", inna(0.2))
    )
    _, state = iterate(old, 3)
    page["save"](tmp_path / "run", state)
    restored = page["restore"](tmp_path / "run", new.init(START))
    chex.assert_trees_all_equal(restored["inna"], state["inna"])
    assert restored["average"].count == 0
