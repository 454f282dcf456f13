"""One run on many devices: the same numbers, each array in parts, no kernel moved."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.setting import open_setting, program_for
from inna_optax.training import array_shardings, fit, make_mesh, with_shardings
from tests.marks import slow

MESHES = [{"data": 8}, {"model": 8}, {"data": 4, "model": 2}]
# Examples of a mini-batch on each of the devices along `data`: no size of a kernel.
EACH = 12


def open_on(name, mesh, folder=None, **options):
    problem = PROBLEMS[name]
    return open_setting(problem, problem.paper, data_dir=folder, mesh=mesh, **options)


def compiled_epoch(setting, optimizer):
    """The compiled function of some updates, and the shapes of its run."""
    entry = CONTENDERS[optimizer]
    program = program_for(setting, entry, setting.problem.protocol.schedule_of(entry))
    values = {"learning_rate": entry.learning_rate, **entry.defaults}
    run = jax.eval_shape(program.start, np.uint32(0), values)
    placed = with_shardings(run, setting.mesh)
    train = jax.jit(program.train, donate_argnums=0)
    return train.lower(placed, values, setting.arrays.train, 0, 0, 2).compile(), run


@pytest.mark.parametrize(
    ("sizes", "optimizer"),
    [
        *(slow(mesh, "inna") for mesh in MESHES[:-1]),
        (MESHES[-1], "inna"),
        slow(MESHES[-1], "step_tuned_sgd"),
    ],
    ids=str,
)
def test_records_are_those_of_one_device(sizes, optimizer):
    entry = CONTENDERS[optimizer]
    values = {"learning_rate": entry.learning_rate, **entry.defaults}
    histories = []
    for mesh in (None, make_mesh(sizes)):
        setting = open_on("digits", mesh, train_examples=320)
        program = program_for(
            setting, entry, setting.problem.protocol.schedule_of(entry)
        )
        *_, last = (p for p in fit(program, setting.arrays, 0, values, 2) if p.rows)
        histories.append(last)
    one, many = histories
    for row, expected in zip(many.rows, one.rows, strict=True):
        assert row["gradient_evaluations"] == expected["gradient_evaluations"]
        for metric in ("train_loss", "test_loss", "test_accuracy"):
            np.testing.assert_allclose(row[metric], expected[metric], rtol=2e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
        many.run.params,
        one.run.params,
    )


@pytest.mark.parametrize("name", ["digits", slow("d"), slow("e"), slow("f")])
@pytest.mark.parametrize("sizes", MESHES, ids=str)
def test_no_kernel_is_gathered(name, sizes, data_folder):
    mesh = make_mesh(sizes)
    batch = EACH * mesh.shape["data"]
    setting = open_on(name, mesh, data_folder, batch_size=batch, train_examples=128)
    compiled, run = compiled_epoch(setting, "inna")
    text = compiled.as_text()
    kernels = {x.shape for x in jax.tree.leaves(run.params) if x.ndim > 1}
    gathered = re.findall(r"= \(?(\w+)\[([\d,]*)\].* all-gather(?:-start)?\(", text)
    numbers = {
        tuple(map(int, filter(None, dims.split(","))))
        for dtype, dims in gathered
        if dtype.startswith("f")
    }
    assert not numbers & kernels
    if mesh.shape["model"] == 1:
        # Nothing but sums over the devices: of gradients, losses, statistics, and of
        # the images that each device picks out of its part of the data.
        assert not numbers
        assert "all-reduce" in text
    else:
        assert numbers  # activations


@pytest.mark.parametrize(
    "optimizer", ["inna", slow("innaprop"), "step_tuned_sgd", slow("adam")]
)
def test_params_and_state_stay_in_their_places(optimizer):
    setting = open_on("digits", make_mesh({"data": 4, "model": 2}))
    entry = CONTENDERS[optimizer]
    values = {"learning_rate": entry.learning_rate, **entry.defaults}
    program = program_for(setting, entry, setting.problem.protocol.schedule_of(entry))
    run = program.start(np.uint32(0), values)
    for _ in range(2):
        wanted = array_shardings(run, setting.mesh)
        for x, sharding in zip(
            jax.tree.leaves(run), jax.tree.leaves(wanted), strict=True
        ):
            assert x.sharding.is_equivalent_to(sharding, x.ndim)
        run, _ = jax.jit(program.train)(run, values, setting.arrays.train, 0, 0, 3)
    kernel = jax.tree.leaves(run.params)[1]
    assert kernel.addressable_shards[0].data.size * 2 == kernel.size


def memory_of_a_device(name, sizes, folder):
    """Bytes of what stays between the updates, data apart, and of temporaries."""
    setting = open_on(name, make_mesh(sizes), folder, batch_size=128)
    compiled, _ = compiled_epoch(setting, "inna")
    used = jax.tree.leaves(setting.arrays.train)
    data = sum(x.addressable_shards[0].data.nbytes for x in used)
    memory = compiled.memory_analysis()
    return memory.argument_size_in_bytes - data, memory.temp_size_in_bytes


# Both divide the layers' 1000, 500, 250, 30.
@pytest.mark.parametrize("parts", [2, slow(5)])
def test_params_and_state_of_a_device_are_one_part(parts, data_folder):
    whole, _ = memory_of_a_device("d", {"model": 1}, data_folder)
    part, _ = memory_of_a_device("d", {"model": parts}, data_folder)
    # Within one in a hundred: a bias of 784 and scalars cannot be parted, and the
    # compiler adds to either size some bytes of its own.
    assert part == pytest.approx(whole / parts, rel=0.01)


@pytest.mark.slow
def test_activations_of_a_device_are_one_part(data_folder):
    whole, temporaries = memory_of_a_device("e", {"data": 1}, data_folder)
    same, fewer = memory_of_a_device("e", {"data": 8}, data_folder)
    assert same == whole
    assert fewer < 1.5 * temporaries / 8


def test_a_batch_that_cannot_be_parted():
    with pytest.raises(UserError, match=r"must be a multiple of 8, .*, got 30"):
        open_on("digits", make_mesh({"data": 8}), batch_size=30)
    setting = open_on("digits", None, batch_size=30)
    with pytest.raises(ValueError, match="mesh's data axis, 8, got 30"):
        program_for(
            setting._replace(mesh=make_mesh({"data": 8})), CONTENDERS["inna"], None
        )


def test_evaluation_counts_every_example_once():
    """Though the last batch of 504 is filled up with examples that weigh nothing."""
    setting = open_on("digits", make_mesh({"data": 8}))
    program = program_for(setting, CONTENDERS["inna"], None)
    values = {"learning_rate": 0.1, **CONTENDERS["inna"].defaults}
    run = program.start(jnp.uint32(0), values)
    alone = program_for(setting._replace(mesh=None), CONTENDERS["inna"], None)
    for examples in (setting.arrays.train, setting.arrays.test):
        batches = -(-len(examples["labels"]) // 500)
        sums = program.evaluate(run, examples, 0, batches)["loss"]
        whole = alone.evaluate(run, examples, 0, batches)["loss"]
        np.testing.assert_allclose(sums.sum(), whole.sum(), rtol=1e-5)
