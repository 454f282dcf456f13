"""The main job's training step lowers for accelerators that are not there."""

import jax
import jax.export
import jax.numpy as jnp
import pytest

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.running.setting import open_setting, program_for


@pytest.mark.parametrize("optimizer", CONTENDERS)
def test_an_epoch_lowers(optimizer):
    problem, entry = PROBLEMS["digits"], CONTENDERS[optimizer]
    setting = open_setting(problem, problem.desk)
    program = program_for(setting, entry, problem.protocol.schedule_of(entry))
    hyperparameters = {"learning_rate": 0.1, **entry.defaults}
    run = jax.eval_shape(program.start, jnp.uint32(0), hyperparameters)
    train = jax.jit(
        lambda run, data: program.train(run, hyperparameters, data, 0, 0, 44)
    )
    lowered = train.trace(run, setting.arrays.train).lower(
        lowering_platforms=("cuda", "rocm", "tpu")
    )
    assert "stablehlo.while" in lowered.as_text()
