import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax import step_tuned_sgd
from inna_optax.training import Arrays, Task, fit, make_program, vectorize

EXAMPLES = 10


def _loss(params, images, labels):
    return 0.5 * (images.mean(axis=(1, 2, 3)) * params - labels) ** 2


TASK = Task(
    init=lambda key: (jax.random.normal(key), {"batches": jnp.int32(0)}),
    loss=lambda params, state, images, labels, key: (
        _loss(params, images, labels).mean() + 0.5 * params**2,
        {"batches": state["batches"] + 1},
    ),
    metrics=lambda params, state, images, labels: {
        "loss": _loss(params, images, labels)
    },
    penalty=lambda params: 0.5 * params**2,
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return Arrays(
        jnp.asarray(rng.integers(0, 255, (EXAMPLES, 2, 2, 1)), jnp.uint8),
        jnp.asarray(rng.integers(0, 3, EXAMPLES), jnp.int32),
        jnp.asarray(rng.integers(0, 255, (7, 2, 2, 1)), jnp.uint8),
        jnp.asarray(rng.integers(0, 3, 7), jnp.int32),
    )


def sgd(hyperparameters):
    return optax.sgd(hyperparameters["learning_rate"])


def program(**changes):
    settings = {"examples": EXAMPLES, "batch_size": 3, "evaluation_batch": 4} | changes
    return make_program(TASK, settings.pop("make_solver", sgd), **settings)


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
    run = functions.start(jnp.uint32(0), {})
    run = jax.jit(functions.epoch)(run, {}, data, 0)
    seen = np.asarray(run.opt_state[0])[: uses * EXAMPLES].reshape(EXAMPLES, uses)
    assert run.opt_state[1] == functions.gradient_evaluations_per_epoch == uses * 10
    assert run.model_state["batches"] == uses * EXAMPLES
    np.testing.assert_array_equal(seen.min(axis=1), seen.max(axis=1))
    one = lambda i: jax.grad(lambda p: TASK.loss(p, {"batches": 0}, *i, None)[0])
    expected = [
        one((data.train_images[i : i + 1], data.train_labels[i : i + 1]))(run.params)
        for i in range(EXAMPLES)
    ]
    np.testing.assert_allclose(np.sort(seen[:, 0]), np.sort(expected), rtol=1e-5)
    again = jax.jit(functions.epoch)(functions.start(jnp.uint32(0), {}), {}, data, 1)
    assert not np.array_equal(again.opt_state[0], run.opt_state[0])


def test_step_tuned_sgd_gets_each_batch_twice(data):
    functions = program(
        make_solver=lambda h: step_tuned_sgd(h["learning_rate"]), uses_per_batch=2
    )
    for run, row in fit(functions, data, 0, {"learning_rate": 0.1}, 4):
        state = run.opt_state
        assert state.count == 3 * row["epoch"]
        assert state.half_step == 0
        assert row["gradient_evaluations"] == 6 * row["epoch"]


def test_evaluation_is_the_mean_over_all_examples(data):
    """Whatever the size of the evaluation batch, and the penalty once."""
    for size in (1, 4, 5, 100):
        functions = program(evaluation_batch=size)
        run = functions.start(jnp.uint32(1), {"learning_rate": 0.1})
        metrics = functions.evaluate(run, data)
        for split, images, labels in (
            ("train", data.train_images, data.train_labels),
            ("test", data.test_images, data.test_labels),
        ):
            expected = _loss(run.params, images, labels).mean() + 0.5 * run.params**2
            np.testing.assert_allclose(metrics[f"{split}_loss"], expected, rtol=1e-5)


def test_many_runs_in_one_program_equal_single_runs(data):
    seeds, rates = [0, 1, 2], [1e-6, 1e-5, 3e-5]
    rows = list(
        fit(
            vectorize(program()),
            data,
            np.array(seeds),
            {"learning_rate": jnp.array(rates)},
            3,
        )
    )
    for i, (seed, rate) in enumerate(zip(seeds, rates, strict=True)):
        alone = list(fit(program(), data, seed, {"learning_rate": rate}, 3))
        for (_, together), (_, single) in zip(rows, alone, strict=True):
            np.testing.assert_allclose(
                together["train_loss"][i], single["train_loss"], rtol=1e-6
            )


def test_going_on_from_an_epoch_gives_the_same_bits(data):
    hyperparameters = {"learning_rate": 1e-5}
    runs = [
        (jax.tree.map(jnp.copy, run), row)
        for run, row in fit(program(), data, 0, hyperparameters, 5)
    ]
    (half, row), (whole, _) = runs[2], runs[-1]
    resumed = list(
        fit(program(), data, 0, hyperparameters, 5, resume=(half, 2, row["seconds"]))
    )
    assert [row["epoch"] for _, row in resumed] == [3, 4, 5]
    assert resumed[-1][1]["seconds"] > row["seconds"]
    np.testing.assert_array_equal(resumed[-1][0].params, whole.params)


@pytest.mark.parametrize("batch_size", [0, 11])
def test_batch_size_must_fit(batch_size):
    with pytest.raises(ValueError, match=r"batch_size must be in \[1, 10\], got"):
        program(batch_size=batch_size)
