import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax import step_tuned_sgd
from inna_optax.training import Arrays, Resume, Task, fit, make_program, vectorize

EXAMPLES = 10


def _loss(params, batch):
    images, labels = batch
    return 0.5 * (images.mean(axis=(1, 2, 3)) * params - labels) ** 2


TASK = Task(
    init=lambda key: (jax.random.normal(key), {"batches": jnp.int32(0)}),
    loss=lambda params, state, batch, key: (
        _loss(params, batch).mean() + 0.5 * params**2,
        {"batches": state["batches"] + 1},
    ),
    metrics=lambda params, state, batch: {"loss": _loss(params, batch)},
    penalty=lambda params: 0.5 * params**2,
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)

    def examples(count):
        return (
            jnp.asarray(rng.integers(0, 255, (count, 2, 2, 1)), jnp.uint8),
            jnp.asarray(rng.integers(0, 3, count), jnp.int32),
        )

    return Arrays(train=examples(EXAMPLES), test=examples(7))


def sgd(hyperparameters):
    return optax.sgd(hyperparameters["learning_rate"])


def program(**changes):
    settings = {"examples": EXAMPLES, "batch_size": 3, "evaluation_batch": 4} | changes
    return make_program(TASK, settings.pop("make_solver", sgd), **settings)


def epoch_of(functions, data, index=0, parts=(0,), hyperparameters=None):
    """The run after one epoch, run in parts that begin at those updates."""
    values = hyperparameters or {}
    run = functions.start(jnp.uint32(0), values)
    train = jax.jit(functions.train)
    ends = (*parts[1:], functions.gradient_evaluations_per_epoch)
    for first, last in zip(parts, ends, strict=True):
        run, loss = train(run, values, data.train, index, first, last)
    return run, loss


def history(*arguments, **options):
    return [row for progress in fit(*arguments, **options) for row in progress.rows]


def recording():
    """A solver whose state holds the gradients that it received, in order."""
    return optax.GradientTransformation(
        lambda params: (jnp.zeros(20), jnp.int32(0)),
        lambda grads, state, params=None: (
            jnp.zeros_like(grads),
            (state[0].at[state[1]].set(grads), state[1] + 1),
        ),
    )


@pytest.mark.parametrize("uses", [1, 2])
def test_an_epoch_passes_once_over_the_data(data, uses):
    """Params that stand still: the gradients tell which batches were seen."""
    functions = program(
        make_solver=lambda _: recording(), uses_per_batch=uses, batch_size=1
    )
    run, _ = epoch_of(functions, data)
    seen = np.asarray(run.opt_state[0])[: uses * EXAMPLES].reshape(EXAMPLES, uses)
    assert run.opt_state[1] == functions.gradient_evaluations_per_epoch == uses * 10
    assert run.model_state["batches"] == uses * EXAMPLES
    np.testing.assert_array_equal(seen.min(axis=1), seen.max(axis=1))
    one = lambda i: jax.grad(lambda p: TASK.loss(p, {"batches": 0}, i, None)[0])
    expected = [
        one(jax.tree.map(lambda x, i=i: x[i : i + 1], data.train))(run.params)
        for i in range(EXAMPLES)
    ]
    np.testing.assert_allclose(np.sort(seen[:, 0]), np.sort(expected), rtol=1e-5)
    again, _ = epoch_of(functions, data, index=1)
    assert not np.array_equal(again.opt_state[0], run.opt_state[0])


@pytest.mark.parametrize("parts", [(0, 1), (0, 2, 3), (0, 1, 2, 3, 4, 5)])
def test_an_epoch_in_parts_is_the_same_to_the_bit(data, parts):
    functions = program(
        make_solver=lambda h: step_tuned_sgd(h["learning_rate"]), uses_per_batch=2
    )
    rate = {"learning_rate": 1e-5}
    whole, _ = epoch_of(functions, data, hyperparameters=rate)
    again, _ = epoch_of(functions, data, parts=parts, hyperparameters=rate)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_loss_of_a_part_is_the_mean_over_its_batches(data):
    still = program(make_solver=lambda _: optax.set_to_zero(), batch_size=5)
    run, loss = epoch_of(still, data)
    expected = _loss(run.params, data.train).mean()
    np.testing.assert_allclose(loss, expected + 0.5 * run.params**2, rtol=1e-6)


def test_step_tuned_sgd_gets_each_batch_twice(data):
    functions = program(
        make_solver=lambda h: step_tuned_sgd(h["learning_rate"]), uses_per_batch=2
    )
    for progress in fit(functions, data, 0, {"learning_rate": 0.1}, 4):
        for row in progress.rows[-1:]:
            state = progress.run.opt_state
            assert state.count == 3 * row["epoch"]
            assert state.half_step == 0
            assert row["gradient_evaluations"] == 6 * row["epoch"]


def test_evaluation_is_the_mean_over_all_examples(data):
    """Whatever the size of the evaluation batch, and the penalty once."""
    for size in (1, 4, 5, 100):
        functions = program(evaluation_batch=size)
        (*_, last) = fit(functions, data, 1, {"learning_rate": 1e-6}, 1)
        for split, examples in (("train", data.train), ("test", data.test)):
            params, row = last.run.params, last.rows[-1]
            expected = _loss(params, examples).mean()
            np.testing.assert_allclose(row[f"{split}_data_loss"], expected, rtol=1e-5)
            np.testing.assert_allclose(
                row[f"{split}_loss"], expected + 0.5 * params**2, rtol=1e-5
            )


def test_the_history_begins_before_the_first_epoch(data):
    functions = program()
    rows = history(functions, data, 3, {"learning_rate": 1e-5}, 2)
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    params = program().start(jnp.uint32(3), {"learning_rate": 1e-5}).params
    expected = _loss(params, data.test).mean()
    expected += 0.5 * params**2
    np.testing.assert_allclose(rows[0]["test_loss"], expected, rtol=1e-5)
    assert rows[0]["gradient_evaluations"] == 0


def test_many_runs_in_one_program_equal_single_runs(data):
    seeds, rates = [0, 1, 2], [1e-6, 1e-5, 3e-5]
    rows = history(
        vectorize(program()),
        data,
        np.array(seeds),
        {"learning_rate": jnp.array(rates)},
        3,
    )
    for i, (seed, rate) in enumerate(zip(seeds, rates, strict=True)):
        alone = history(program(), data, seed, {"learning_rate": rate}, 3)
        for together, single in zip(rows, alone, strict=True):
            np.testing.assert_allclose(
                together["train_loss"][i], single["train_loss"], rtol=1e-6
            )


def copy(run):
    return jax.tree.map(jnp.copy, run)


def test_going_on_from_anywhere_gives_the_same_bits(data, monkeypatch):
    """From the middle of an epoch, and from its end with or without its row."""
    # So short that each part is one update, on every machine.
    monkeypatch.setattr("inna_optax.training.pace.PART_SECONDS", 0.0)
    functions = program(batch_size=2)  # 5 updates an epoch
    rate = {"learning_rate": 1e-5}
    whole, stops = [], []
    for progress in fit(functions, data, 0, rate, 4):
        measured = whole[-1]["epoch"] if whole else -1
        stops.append((copy(progress.run), progress.gradient_evaluations, measured))
        whole += progress.rows
    assert {updates % 5 for _, updates, _ in stops} == set(range(5))
    for run, updates, measured in stops:
        resume = Resume(copy(run), updates, measured, 100.0)
        rest, last = [], None
        for progress in fit(functions, data, 0, rate, 4, resume=resume):
            rest, last = rest + progress.rows, progress.run
        if last is None:  # nothing was left to do
            continue
        np.testing.assert_array_equal(last.params, stops[-1][0].params)
        assert all(row.pop("seconds") > 100 for row in rest)
        expected = [{k: v for k, v in r.items() if k != "seconds"} for r in whole]
        assert expected[measured + 1 :] == rest


@pytest.mark.parametrize("every", [1, 2, 3])
def test_rows_are_as_many_epochs_apart(data, every):
    rows = history(program(), data, 0, {"learning_rate": 1e-5}, 5, evaluate_every=every)
    wanted = [n for n in range(6) if n % every == 0 or n == 5]
    assert [row["epoch"] for row in rows] == wanted


def test_the_last_row_of_a_shorter_run_is_gone_on_from(data):
    """A longer run has rows where it would have them, but for those that are there."""
    functions, rate = program(), {"learning_rate": 1e-5}
    *_, last = fit(functions, data, 0, rate, 3, evaluate_every=2)
    resume = Resume(last.run, last.gradient_evaluations, 3, 0.0)
    rows = history(functions, data, 0, rate, 6, evaluate_every=2, resume=resume)
    assert [row["epoch"] for row in rows] == [4, 6]


NOISY = TASK._replace(
    init=lambda key: (jax.random.normal(key), {}),
    loss=lambda params, state, batch, key: (
        params * jax.random.normal(key) + 0 * _loss(params, batch).mean(),
        state,
    ),
)


@pytest.mark.parametrize("uses", [1, 2, 3])
def test_a_batch_used_again_is_used_with_the_same_random_numbers(data, uses):
    """The gradients are the random numbers, such as a dropout mask's."""
    functions = make_program(
        NOISY,
        lambda _: recording(),
        examples=EXAMPLES,
        batch_size=2,
        uses_per_batch=uses,
    )
    run, _ = epoch_of(functions, data)
    seen = np.asarray(run.opt_state[0])[: 5 * uses].reshape(5, uses)
    np.testing.assert_array_equal(seen.min(axis=1), seen.max(axis=1))
    again, _ = epoch_of(functions, data, index=1)
    other = np.asarray(again.opt_state[0])[: 5 * uses].reshape(5, uses)
    assert len({*seen[:, 0].tolist(), *other[:, 0].tolist()}) == 10


def test_initialization_and_epochs_have_keys_of_their_own(data):
    """None of the keys that an epoch uses is one that Flax would draw from the seed."""
    drawn = []

    def init(key):
        drawn.extend(jax.random.fold_in(key, n) for n in range(64))
        return jnp.zeros(()), {}

    functions = make_program(
        NOISY._replace(init=init),
        lambda _: recording(),
        examples=EXAMPLES,
        batch_size=1,
    )
    run = functions.start(jnp.uint32(0), {})
    initial = {float(jax.random.normal(key)) for key in drawn}
    for epoch in range(3):
        after, _ = functions.train(run, {}, data.train, epoch, 0, EXAMPLES)
        assert not initial & set(np.asarray(after.opt_state[0][:EXAMPLES]).tolist())


def test_one_program_is_vectorized_once():
    functions = program()
    assert vectorize(functions) is vectorize(functions)


@pytest.mark.parametrize("batch_size", [0, 11])
def test_batch_size_must_fit(batch_size):
    with pytest.raises(ValueError, match=r"batch_size must be in \[1, 10\], got"):
        program(batch_size=batch_size)


def test_the_evaluated_params_may_be_others_than_those_that_are_trained(data):
    """As of schedule-free methods; the penalty is theirs, too."""
    halved = program(evaluated=lambda state, params: params / 2)
    plain = program()
    run = plain.start(jnp.uint32(0), {"learning_rate": 0.1})
    half = run._replace(params=run.params / 2)
    found = halved.evaluate(run, data.test, 0, 2)
    expected = plain.evaluate(half, data.test, 0, 2)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert halved.start(jnp.uint32(0), {"learning_rate": 0.1}).params == run.params
