"""Each published problem starts, trains and can be compiled for accelerators."""

import json

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.problems import DATASETS, PROBLEMS, TEXT
from inna_optax.experiments.catalogue.protocols import CHAPTER_2
from inna_optax.experiments.commands import command_line
from inna_optax.experiments.running.setting import open_setting, program_for
from tests.marks import slow

TRAIN = 130  # examples in `data_folder`
PUBLISHED = [n for n, p in PROBLEMS.items() if {"digits", TEXT}.isdisjoint(p.datasets)]


@pytest.fixture
def quickly_compiled():
    """For programs that run once."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.mark.usefixtures("quickly_compiled")
@pytest.mark.parametrize("name", [n if n == "f" else slow(n) for n in PUBLISHED])
def test_the_paper_scale_command_runs_its_first_epoch(name, data_folder, tmp_path):
    problem = PROBLEMS[name]
    optimizer = (
        "step_tuned_sgd" if "step_tuned_sgd" in problem.protocol.optimizers else "inna"
    )
    batch, out = problem.batch_size, tmp_path / "run"
    status = command_line.main(
        [
            *("train", name, "--optimizer", optimizer, "--data-dir", str(data_folder)),
            *("--train-examples", str(batch), "--epochs", "1", "--out", str(out)),
        ]
    )
    assert status == 0
    record = json.loads((out / "results.json").read_text())
    assert record["problem"] == name
    assert record["dataset"] in problem.datasets
    assert record["batch_size"] == batch
    assert record["decay"] == problem.protocol.schedule._asdict()
    before, after = record["history"]
    uses = 2 if optimizer == "step_tuned_sgd" else 1
    assert after["gradient_evaluations"] == uses
    assert after["train_loss"] != before["train_loss"]
    assert (after["test_accuracy"] is None) == (problem.objective == "mean square")


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_update_lowers_for_accelerators(name, data_folder):
    problem = PROBLEMS[name]
    setting = open_setting(problem, problem.desk, data_dir=data_folder, batch_size=16)
    entry = problem.protocol.entry(problem.protocol.optimizers[1])
    program = program_for(setting, entry.optimizer, entry.schedule)
    values = entry.grid[0]
    run = jax.eval_shape(program.start, jnp.uint32(0), values)
    train = jax.jit(lambda run, data: program.train(run, values, data, 0, 0, 2))
    lowered = train.trace(run, setting.arrays.train).lower(
        lowering_platforms=("cuda", "tpu")
    )
    assert "stablehlo.while" in lowered.as_text()


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_those_of_the_papers(name):
    problem = PROBLEMS[name]
    if problem.protocol is CHAPTER_2:  # section 2.6.2.1
        assert (problem.batch_size, problem.paper.epochs) == (32, 200)
        assert (problem.paper.seeds, problem.paper.train_examples) == (5, 50_000)
        assert problem.weight_decay == 0
        return
    epochs, search = {"a": (500, 50), "b": (500, 50), "d": (500, 50)}.get(
        name, (300, 30)
    )
    assert (problem.batch_size, problem.paper.epochs) == (128, epochs)
    assert problem.protocol.search_share * epochs == search
    assert problem.paper.seeds == 3
    assert problem.weight_decay == 1e-4
    assert set(problem.datasets) <= set(DATASETS)


@pytest.mark.slow
def test_batch_normalization_counts_a_batch_used_twice_twice(data_folder):
    """Running averages after one mini-batch and steps that do not move."""
    problem = PROBLEMS["f"]
    states = []
    for twice in (False, True):
        setting = open_setting(
            problem,
            problem.desk,
            data_dir=data_folder,
            train_examples=16,
            batch_size=16,
            each_batch_twice=twice,
        )
        entry = problem.protocol.entry("sgd")
        program = program_for(setting, entry.optimizer, entry.schedule)
        start = program.start(jnp.uint32(0), {"learning_rate": 0.0})
        updates = program.gradient_evaluations_per_epoch
        run, _ = jax.jit(program.train)(
            start, {"learning_rate": 0.0}, setting.arrays.train, 0, 0, updates
        )
        states.append([jax.tree.leaves(r.model_state) for r in (start, run)])
    (start, once), (_, twice) = states
    assert len(start) == 8  # mean and variance of four layers
    for before, one, two in zip(start, once, twice, strict=True):
        # 0.9 of what was, 0.1 of the batch's; then the same again.
        batch = (one - 0.9 * before) / 0.1
        np.testing.assert_allclose(two, 0.81 * before + 0.19 * batch, atol=1e-4)


def test_chapter_2_trains_on_the_first_50_000(data_folder):
    setting = open_setting(
        PROBLEMS["mnist-nin"], PROBLEMS["mnist-nin"].paper, data_dir=data_folder
    )
    assert setting.whole == (130, 20)  # a smaller data set is taken whole
    assert PROBLEMS["mnist-nin"].paper.train_examples == 50_000


def test_the_data_are_on_the_device_as_rows_of_bytes(data_folder):
    setting = open_setting(PROBLEMS["e"], PROBLEMS["e"].desk, data_dir=data_folder)
    images = setting.arrays.train["images"]
    assert (images.shape, images.dtype) == ((TRAIN, 32 * 32 * 3), jnp.uint8)
    assert not any(isinstance(x, jax.Array) for x in setting.facts)


@pytest.mark.slow
def test_the_curvature_is_measured_under_one_dropout_mask(data_folder):
    """Problem (c) has dropout: gamma is as with the mask of the first use given twice.

    With a mask of its own for each use the difference of the gradients is noise.
    """
    problem = PROBLEMS["mnist-nin"]  # the same dropout, in a smaller network
    setting = open_setting(
        problem, problem.desk, data_dir=data_folder, train_examples=8, batch_size=8
    )
    contender = CONTENDERS["step_tuned_sgd"]
    values = {"learning_rate": 1e-3, **contender.defaults}
    values |= {"gamma_min": 1e-6, "gamma_max": 1e6}
    program = program_for(setting, contender, None)
    run = program.start(np.uint32(0), values)
    after, _ = jax.jit(program.train)(run, values, setting.arrays.train, 0, 0, 2)
    first, second = after.opt_state.first_gradient, after.opt_state.curvature_average
    # G = (1 - beta)(second - first gradient), small beside the gradient of one mask.
    change = optax.tree.norm(second) / (1 - values["beta"])
    assert change < 0.1 * optax.tree.norm(first)
