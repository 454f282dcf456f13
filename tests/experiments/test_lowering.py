"""The main job's training step lowers for accelerators that are not there."""

import jax
import jax.export
import jax.numpy as jnp
import pytest

from inna_optax.experiments.experiment import load_arrays, program_for
from inna_optax.experiments.optimizers import OPTIMIZERS
from inna_optax.experiments.problems import PROBLEMS


@pytest.mark.parametrize("platform", ["cuda", "rocm", "tpu"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_epoch_lowers_for(optimizer, platform):
    problem, entry = PROBLEMS["digits"], OPTIMIZERS[optimizer]
    dataset, arrays = load_arrays(problem)
    program = program_for(problem, entry, dataset, problem.batch_size)
    hyperparameters = {"learning_rate": 0.1, **entry.defaults}
    run = jax.eval_shape(program.start, jnp.uint32(0), hyperparameters)
    epoch = jax.jit(lambda run, data: program.epoch(run, hyperparameters, data, 0))
    lowered = epoch.trace(run, arrays).lower(lowering_platforms=(platform,))
    assert "stablehlo.while" in lowered.as_text()
