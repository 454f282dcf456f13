import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax import inna
from inna_optax.training import (
    CheckpointError,
    Checkpoints,
    Run,
    array_shardings,
    make_mesh,
    with_places,
)


def test_restores_what_was_saved(tmp_path):
    params = {"layer": {"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.ones(3)}}
    run = Run(jnp.uint32(3), params, inna(0.1).init(params), {})
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    assert checkpoints.latest() is None
    for epoch in range(4):
        changed = jax.tree.map(lambda x, epoch=epoch: x + epoch, run)
        checkpoints.save(changed, epoch)
    checkpoints.save(run, 3)  # there already: kept
    checkpoints.close()

    again = Checkpoints(tmp_path / "checkpoints")
    assert again.latest() == 3
    like = with_places(jax.eval_shape(lambda: run), None)
    restored = again.restore(like, 3)
    again.close()
    assert jax.tree.structure(restored) == jax.tree.structure(run)
    jax.tree.map(np.testing.assert_array_equal, restored, changed)
    assert (
        sum(
            p.is_dir() and p.name.isdigit()
            for p in (tmp_path / "checkpoints").iterdir()
        )
        == 2
    )


@pytest.mark.parametrize("sizes", [None, {"data": 2, "model": 2}, {"model": 4}])
def test_restores_on_other_devices(tmp_path, sizes):
    params = {"kernel": jnp.arange(24.0).reshape(6, 4), "bias": jnp.ones(3)}
    run = Run(jnp.uint32(3), params, inna(0.1).init(params), {})
    parts = array_shardings(run, make_mesh({"data": 4, "model": 2}))
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(jax.device_put(run, parts), 1)
    mesh = make_mesh(sizes) if sizes else None
    restored = checkpoints.restore(with_places(jax.eval_shape(lambda: run), mesh), 1)
    checkpoints.close()
    jax.tree.map(np.testing.assert_array_equal, restored, run)
    assert len(restored.params["kernel"].sharding.device_set) == (
        mesh.size if mesh else 1
    )


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    run = Run(jnp.uint32(3), {"w": jnp.ones(2)}, inna(0.1).init(jnp.ones(2)), {})
    like = with_places(jax.eval_shape(lambda: run), None)

    def opened(**identity):
        return Checkpoints(tmp_path, keep=3, identity=identity)

    first = opened(seed=3, hyperparameters={"learning_rate": 0.1, "nu": (1, 2)})
    first.save(run, 1)
    first.close()
    again = opened(seed=3, hyperparameters={"learning_rate": 0.1, "nu": [1, 2]})
    jax.tree.map(np.testing.assert_array_equal, again.restore(like, 1), run)
    again.close()
    other = opened(seed=4, hyperparameters={})
    with pytest.raises(
        CheckpointError, match=r"1 is of another run: it has seed 3, not 4$"
    ):
        other.restore(like, 1)
    other.close()


def test_a_checkpoint_without_identity_is_anyones(tmp_path):
    run = Run(jnp.uint32(3), {"w": jnp.ones(2)}, inna(0.1).init(jnp.ones(2)), {})
    nameless = Checkpoints(tmp_path)
    nameless.save(run, 1)
    nameless.close()
    named = Checkpoints(tmp_path, identity={"seed": 3})
    like = with_places(jax.eval_shape(lambda: run), None)
    jax.tree.map(np.testing.assert_array_equal, named.restore(like, 1), run)
    named.close()
