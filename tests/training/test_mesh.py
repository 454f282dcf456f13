import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from inna_optax import inna, innaprop, step_tuned_sgd
from inna_optax.training import array_shardings, make_mesh, put_examples


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


def test_a_mesh_with_explicit_axes_is_refused():
    """`jax.make_mesh` makes such by default."""
    mesh = jax.make_mesh((2, 2), ("data", "model"), axis_types=(AxisType.Explicit,) * 2)
    with pytest.raises(ValueError, match="type Auto, as make_mesh gives it, got Expl"):
        put_examples(np.zeros((4, 2)), mesh)
