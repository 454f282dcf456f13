import numpy as np
import pytest

from inna_optax.experiments import protocol
from inna_optax.experiments.experiment import load_arrays, program_for
from inna_optax.experiments.optimizers import OPTIMIZERS
from inna_optax.experiments.problems import PROBLEMS
from inna_optax.training import fit


def test_grids_are_those_of_section_4_5_1():
    rates = {1e-4, 1e-3, 1e-2, 1e-1, 1.0}
    for name, extra in (("inna", {}), ("step_tuned_sgd", {"nu": {1.0, 2.0, 5.0}})):
        points = protocol.grid(OPTIMIZERS[name])
        assert {p["learning_rate"] for p in points} == rates
        for key, values in extra.items():
            assert {p[key] for p in points} == values
    assert {p["b1"] for p in protocol.grid(OPTIMIZERS["adam"])} == {0.1, 0.5, 0.9, 0.99}


def test_a_batch_used_twice_halves_the_passes():
    step_tuned, sgd = OPTIMIZERS["step_tuned_sgd"], OPTIMIZERS["sgd"]
    assert protocol.epochs_for(sgd, 100) == 100
    assert protocol.search_epochs_for(sgd, 100) == 10
    assert protocol.epochs_for(step_tuned, 100) == 50
    assert protocol.search_epochs_for(step_tuned, 100) == 5


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_learning_rate_decays_once_an_epoch_or_never(name):
    entry = OPTIMIZERS[name]._replace(make=lambda rate, **others: rate)
    rate = entry.solver({"learning_rate": 0.1, **entry.defaults}, batches_per_epoch=3)
    if name in ("inna", "step_tuned_sgd", "sgd"):
        expected = [0.1 / (k // 3 + 1) ** 0.501 for k in range(9)]
        np.testing.assert_allclose([rate(k) for k in range(9)], expected, rtol=1e-6)
    else:
        assert rate == 0.1


def test_the_search_survives_a_run_that_diverges():
    problem, entry = PROBLEMS["digits"], OPTIMIZERS["sgd"]
    dataset, arrays = load_arrays(problem)
    points = [{"learning_rate": 0.1}, {"learning_rate": 1e20}]
    program = program_for(problem, entry, dataset, 32)
    histories = protocol.train_together(
        program, arrays, points, [0, 0], 2, lambda _: None
    )
    assert np.isfinite(histories[0][-1]["train_loss"])
    assert not np.isfinite(histories[1][-1]["train_loss"])
    alone = [
        float(row["train_loss"]) for _, row in fit(program, arrays, 0, points[0], 2)
    ]
    together = [row["train_loss"] for row in histories[0]]
    np.testing.assert_allclose(together, alone, rtol=1e-4)
