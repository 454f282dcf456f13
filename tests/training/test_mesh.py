import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from inna_optax import inna, innaprop, step_tuned_sgd
from inna_optax.training import (
    Arrays,
    Checkpoints,
    Task,
    array_shardings,
    fit,
    make_mesh,
    make_program,
    put_examples,
    vectorize,
    with_shardings,
)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((784, 1000), (None, "model")),
        ((3, 3, 16, 32), (None, None, None, "model")),
        ((84, 10), ("model", None)),  # 10 is no multiple of 4
        ((10,), (None,)),
        ((), ()),
        ((0, 3), (None, None)),
    ],
)
def test_the_last_dimension_that_divides_lies_along_model(shape, axes):
    array = jax.ShapeDtypeStruct(shape, jnp.float32)
    sharding = array_shardings(array, make_mesh({"data": 2, "model": 4}))
    assert sharding.spec == PartitionSpec(*axes)


@pytest.mark.parametrize("make", [inna, innaprop, step_tuned_sgd])
def test_optimizer_state_lies_where_its_params_do(make):
    mesh = make_mesh({"model": 8})
    params = {"kernel": jnp.ones((6, 16)), "bias": jnp.ones(16), "scale": jnp.ones(3)}
    wanted = array_shardings(params, mesh)
    state = make(0.1).init(params)
    trees = [
        field
        for field in jax.tree.leaves(
            array_shardings(state, mesh), is_leaf=lambda x: isinstance(x, dict)
        )
        if isinstance(field, dict)
    ]
    assert trees
    assert all(tree == wanted for tree in trees)


@pytest.mark.parametrize(
    ("sizes", "answer"),
    [
        ({"data": 4, "model": 4}, "data=4, model=4 takes 16 devices, and there are 8"),
        ({"rows": 2}, "an axis must be one of data, model, got 'rows'"),
        ({"data": 0}, r"data must be in \[1, inf\), got 0"),
    ],
)
def test_a_mesh_that_cannot_be(sizes, answer):
    with pytest.raises(ValueError, match=answer):
        make_mesh(sizes)


@pytest.mark.parametrize(("count", "each"), [(16, 4), (17, 17)])
def test_examples_are_parted_where_their_number_allows(count, each):
    images = np.arange(count * 2, dtype=np.uint8).reshape(count, 2)
    put = put_examples(images, make_mesh({"data": 4, "model": 2}))
    np.testing.assert_array_equal(put, images)
    assert {shard.data.shape[0] for shard in put.addressable_shards} == {each}


@pytest.mark.parametrize(
    ("names", "kinds", "answer"),
    [
        ("x", (AxisType.Auto,), "data or model or both, and no other, got x"),
        (("data", "fsdp"), (AxisType.Auto,) * 2, "and no other, got data, fsdp"),
        (("data",), (AxisType.Manual,), "of the types Auto or Explicit, got Manual"),
    ],
)
def test_a_mesh_that_no_run_can_be_on(names, kinds, answer):
    devices = np.array(jax.devices()).reshape((8,) + (1,) * (len(kinds) - 1))
    with pytest.raises(ValueError, match=answer):
        put_examples(np.zeros((8, 2)), Mesh(devices, names, axis_types=kinds))


KINDS = [
    (AxisType.Explicit, AxisType.Explicit),
    (AxisType.Explicit, AxisType.Auto),
    (AxisType.Auto, AxisType.Auto),
]


def own(kinds, shape=(4, 2), names=("data", "model")):
    """A user's own mesh."""
    devices = jax.devices()[: np.prod(shape)]
    return jax.make_mesh(shape, names, axis_types=kinds, devices=devices)


def around(mesh):
    return contextlib.nullcontext() if mesh is None else jax.set_mesh(mesh)


def loss_of(params, batch):
    images, labels = batch
    return (jnp.tanh(images @ params["kernel"]).sum(axis=-1) - labels) ** 2


TASK = Task(
    init=lambda key: ({"kernel": jax.random.normal(key, (6, 8))}, {}),
    loss=lambda params, state, batch, key: (loss_of(params, batch).mean(), state),
    metrics=lambda params, state, batch: {"loss": loss_of(params, batch)},
    penalty=lambda params: 0.0,
)
IMAGES = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)
LABELS = np.arange(16, dtype=np.float32)
RATE = {"learning_rate": 0.1}


def program_on(mesh):
    return make_program(
        TASK,
        lambda values: inna(values["learning_rate"]),
        examples=16,
        batch_size=8,
        mesh=mesh,
    )


def trained(mesh, examples=None, seed=0):
    """The rows and the last run."""
    placed = put_examples((IMAGES, LABELS), mesh) if examples is None else examples
    data = Arrays(placed, placed)
    *_, last = (p for p in fit(program_on(mesh), data, seed, RATE, 1) if p.rows)
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in last.rows]
    return rows, last.run


@pytest.fixture(scope="module")
def reference():
    return trained(make_mesh({"data": 4, "model": 2}))


def assert_equal(found, wanted):
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


@pytest.mark.parametrize("kinds", KINDS, ids=str)
@pytest.mark.parametrize("outer", [None, *KINDS[::2]], ids=str)
def test_a_run_on_a_mesh_of_any_kind_is_that_on_auto_axes(kinds, outer, reference):
    """To the bit, and its arrays lie on that mesh, whatever mesh is set."""
    mesh = own(kinds)
    with around(outer and own(outer)):
        rows, run = trained(mesh)
    assert_equal((rows, run), reference)
    assert run.params["kernel"].sharding.is_equivalent_to(
        array_shardings(run, mesh).params["kernel"], 2
    )
    assert {x.sharding.mesh for x in jax.tree.leaves(run)} == {mesh}


@pytest.mark.parametrize(
    "specs", [("data", "data"), ("model", None), (("data", "model"), "data")], ids=str
)
def test_the_users_arrays_may_lie_otherwise(specs, reference):
    mesh = own(KINDS[0])
    with jax.set_mesh(mesh):
        examples = tuple(
            jax.device_put(x, NamedSharding(mesh, PartitionSpec(axis)))
            for x, axis in zip((IMAGES, LABELS), specs, strict=True)
        )
        assert_equal(trained(mesh, examples, jnp.uint32(0)), reference)
        assert_equal(trained(mesh, (jnp.asarray(IMAGES), LABELS)), reference)


@pytest.mark.parametrize("name", ["data", "model"])
def test_a_mesh_with_one_axis(name):
    mesh = own((AxisType.Explicit,), (2,), (name,))
    assert_equal(trained(mesh), trained(make_mesh({name: 2})))


def test_many_runs_on_explicit_axes():
    values = {"learning_rate": np.array([0.1, 0.05], np.float32)}
    found = []
    for kinds in KINDS[::2]:
        mesh = own(kinds)
        many = vectorize(program_on(mesh))
        with jax.set_mesh(mesh):
            run = many.start(np.arange(2, dtype=np.uint32), values)
            examples = put_examples((IMAGES, LABELS), mesh)
            run, loss = jax.jit(many.train)(run, values, examples, 0, 0, 2)
            found.append((run, loss, many.evaluate(run, examples, 0, 1)))
    assert_equal(*found)


@pytest.mark.parametrize("outer", KINDS[::2], ids=str)
@pytest.mark.parametrize("kinds", KINDS[::2], ids=str)
def test_checkpoints_while_a_mesh_is_set(kinds, outer, reference, tmp_path):
    _, run = reference
    mesh = own(kinds)
    with jax.set_mesh(own(outer)):
        checkpoints = Checkpoints(tmp_path)
        checkpoints.save(jax.device_put(run, array_shardings(run, mesh)), 2)
        checkpoints.wait()
        like = with_shardings(jax.eval_shape(lambda: run), mesh)
        restored, _ = checkpoints.restore(like, 2)
        checkpoints.close()
    assert_equal(restored, run)
    assert {x.sharding.mesh for x in jax.tree.leaves(restored)} == {mesh}
