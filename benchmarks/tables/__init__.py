"""The tables that are written from the records in benchmarks/results.

A module holds the tables of one record, or of records of one kind.
"""

from collections.abc import Callable
from functools import partial

from . import (
    accelerators,
    convolutions,
    devices,
    dial,
    modern,
    papers,
    problems,
    soak,
    step_cost,
    sweep,
    systems,
    training_step,
    whole,
)

Table = Callable[[], str]

#: By the name that a page of the site has between `<!-- table:` and `-->`.
TABLES: dict[str, Table] = {
    "accelerators": accelerators.accelerators,
    "accelerators_bfloat16": accelerators.bfloat16,
    "accelerators_kernels": accelerators.kernels,
    "claims": papers.of_networks,
    "compare-digits": papers.compare_digits,
    "convolutions": convolutions.convolutions,
    "damping": dial.damping,
    "damping-constant": partial(dial.damping, "figure-damping-constant"),
    "damping-e": partial(dial.damping, "figure-damping-e"),
    "damping-f": partial(dial.damping, "figure-damping-f"),
    "damping-f-large": partial(dial.damping, "figure-damping-f-large"),
    "damping-mnist": partial(dial.damping, "figure-damping-mnist"),
    "damping-mnist-small": partial(dial.damping, "figure-damping-mnist-small"),
    "damping-penalty": partial(dial.damping, "figure-damping-penalty"),
    "devices": devices.devices,
    "figures": papers.of_figures,
    "modern": modern.modern,
    "modern-f": partial(modern.modern, "figure-modern-f"),
    "modern-gpt": partial(modern.modern, "figure-modern-gpt"),
    "momentum": papers.momentum_under_the_protocol,
    "problems": problems.problems,
    "soak": soak.soak,
    "step_cost": step_cost.step_cost,
    "step_cost_gpu": step_cost.on_gpu,
    "sweep": sweep.sweep,
    "sweep_gpu": sweep.on_gpu,
    "systems_sharded_updates": systems.sharded_updates,
    "systems_together": systems.together,
    "systems_training_steps": systems.training_steps,
    "systems_transformer": systems.transformer,
    "table-3.1": papers.table_3_1,
    "training_step": training_step.training_step,
    "training_step_gpu": partial(training_step.on_gpu, "training_step_gpu"),
    "training_step_gpu_bfloat16": partial(
        training_step.on_gpu, "training_step_gpu_bfloat16"
    ),
    "whole": whole.whole,
}
