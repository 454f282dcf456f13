"""The tables that are written from the records in benchmarks/results.

A module holds the tables of one record, or of records of one kind.
"""

from collections.abc import Callable
from functools import partial

from . import (
    convolutions,
    devices,
    papers,
    problems,
    soak,
    step_cost,
    sweep,
    training_step,
    whole,
)

Table = Callable[[], str]

#: README.md's, in its order, by the name between its marks.
README: dict[str, Table] = {
    "step_cost": step_cost.step_cost,
    "compare-digits": papers.compare_digits,
    "claims": papers.of_networks,
    "figures": papers.of_figures,
    "table-3.1": papers.table_3_1,
    "problems": problems.problems,
    "sweep": sweep.sweep,
    "whole": whole.whole,
    "training_step": training_step.training_step,
    "convolutions": convolutions.convolutions,
    "devices": devices.devices,
    "soak": soak.soak,
}

#: Those that only the pages in docs have: `docs/hooks.py` puts them there.
PAGES: dict[str, Table] = {
    "step_cost_gpu": step_cost.on_gpu,
    "training_step_gpu": partial(training_step.on_gpu, "training_step_gpu"),
    "training_step_gpu_bfloat16": partial(
        training_step.on_gpu, "training_step_gpu_bfloat16"
    ),
    "sweep_gpu": sweep.on_gpu,
}
