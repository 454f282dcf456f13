"""What a comparison sums up of its runs."""

import types

import numpy as np

from inna_optax.experiments.commands.compare import curves_of
from inna_optax.experiments.running.records import METRICS


def test_curves_are_of_the_seeds_that_did_not_diverge():
    def run(*losses):
        rows = [
            dict.fromkeys(METRICS, loss) | {"gradient_evaluations": 10 * i}
            for i, loss in enumerate(losses)
        ]
        return types.SimpleNamespace(history=rows)

    lost, risen = run(5.0, np.nan), run(2.0, 1e6, 21.0)
    runs = [run(4.0, 2.0, 1.0), lost, risen, run(2.0, 40.0, 3.0)]
    curves = curves_of(runs)
    assert curves["gradient_evaluations"] == [0, 10, 20]
    np.testing.assert_array_equal(curves["train_loss"]["mean"], [3.0, 21.0, 2.0])
    np.testing.assert_array_equal(curves["train_loss"]["largest"], [4.0, 40.0, 3.0])
    assert curves_of(runs[1:2])["gradient_evaluations"] == [0, 10]
