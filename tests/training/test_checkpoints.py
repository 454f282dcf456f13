import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax import inna
from inna_optax.training import Checkpoints, Run


@pytest.mark.filterwarnings("ignore:Sharding info not provided")
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
    like = jax.eval_shape(lambda: run)
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
