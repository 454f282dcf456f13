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
    with_shardings,
)


def test_restores_what_was_saved(tmp_path):
    params = {"layer": {"kernel": jnp.arange(6.0).reshape(2, 3), "bias": jnp.ones(3)}}
    run = Run(jnp.uint32(3), params, inna(0.1).init(params), {})
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    assert checkpoints.latest() is None
    for epoch in range(4):
        changed = jax.tree.map(lambda x, epoch=epoch: x + epoch, run)
        checkpoints.save(changed, epoch)
    checkpoints.save(run, 3)  # exists: it is not rewritten
    checkpoints.close()

    again = Checkpoints(tmp_path / "checkpoints")
    assert again.latest() == 3
    like = with_shardings(jax.eval_shape(lambda: run), None)
    restored, history = again.restore(like, 3)
    again.close()
    assert history == []
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
    checkpoints.wait()
    like = with_shardings(jax.eval_shape(lambda: run), mesh)
    restored, _ = checkpoints.restore(like, 1)
    checkpoints.close()
    jax.tree.map(np.testing.assert_array_equal, restored, run)
    assert len(restored.params["kernel"].sharding.device_set) == (
        mesh.size if mesh else 1
    )


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    run = Run(jnp.uint32(3), {"w": jnp.ones(2)}, inna(0.1).init(jnp.ones(2)), {})
    like = with_shardings(jax.eval_shape(lambda: run), None)

    def opened(**identity):
        return Checkpoints(tmp_path, keep=3, identity=identity)

    first = opened(seed=3, hyperparameters={"learning_rate": 0.1, "nu": (1, 2)})
    first.save(run, 1)
    first.close()
    again = opened(seed=3, hyperparameters={"learning_rate": 0.1, "nu": [1, 2]})
    jax.tree.map(np.testing.assert_array_equal, again.restore(like, 1).run, run)
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
    like = with_shardings(jax.eval_shape(lambda: run), None)
    jax.tree.map(np.testing.assert_array_equal, named.restore(like, 1).run, run)
    named.close()


def a_run(value=0.0):
    params = {"w": jnp.full(1000, value)}
    return Run(jnp.uint32(3), params, inna(0.1).init(params), {})


def test_a_run_is_stored_as_it_was_though_it_goes_on_meanwhile(tmp_path):
    """The next step is given the run's memory while the checkpoint is written."""
    checkpoints = Checkpoints(tmp_path, keep=20)
    step = jax.jit(
        lambda run: jax.tree.map(lambda x: x + jnp.ones_like(x), run), donate_argnums=0
    )
    run = jax.tree.map(jnp.copy, a_run())
    for updates in range(8):
        checkpoints.save(run, updates)
        for _ in range(3):
            run = step(run)
    checkpoints.wait()
    like = with_shardings(jax.eval_shape(a_run), None)
    for updates in range(8):
        restored, _ = checkpoints.restore(like, updates)
        np.testing.assert_array_equal(restored.params["w"], 3.0 * updates)
    checkpoints.close()


def test_the_history_is_stored_with_the_run(tmp_path):
    checkpoints = Checkpoints(tmp_path, identity={"seed": 3})
    rows = [{"epoch": 0, "loss": np.array([0.1, np.nan])}]
    checkpoints.save(a_run(), 5, rows)
    rows.append({"epoch": 1})
    checkpoints.wait()
    like = with_shardings(jax.eval_shape(a_run), None)
    assert checkpoints.restore(like, 5).history == [{"epoch": 0, "loss": [0.1, None]}]
    checkpoints.close()


def test_a_checkpoint_of_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("inna_optax.training.checkpoints.FORMAT", 0)
    old = Checkpoints(tmp_path)
    old.save(a_run(), 1)
    old.close()
    monkeypatch.undo()
    again = Checkpoints(tmp_path)
    like = with_shardings(jax.eval_shape(a_run), None)
    with pytest.raises(CheckpointError, match="has format 0, and this version"):
        again.restore(like, 1)
    again.close()


def test_nothing_is_made_before_the_first_checkpoint(tmp_path):
    checkpoints = Checkpoints(tmp_path / "later")
    assert checkpoints.latest() is None
    checkpoints.wait()
    checkpoints.close()
    assert not (tmp_path / "later").exists()
