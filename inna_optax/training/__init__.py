"""One experiment's engine: any optax transformation, any task, no trainer class."""

from inna_optax.training._fit import Progress, Resume, fit
from inna_optax.training.checkpoints import (
    CheckpointError,
    Checkpoints,
    UnreadableCheckpointError,
)
from inna_optax.training.evaluation import evaluate
from inna_optax.training.mesh import (
    array_shardings,
    make_mesh,
    put_examples,
    with_shardings,
)
from inna_optax.training.program import Arrays, Program, Run, make_program, vectorize
from inna_optax.training.records import append_history, write_history, write_json
from inna_optax.training.task import Task

__all__ = [
    "Arrays",
    "CheckpointError",
    "Checkpoints",
    "Program",
    "Progress",
    "Resume",
    "Run",
    "Task",
    "UnreadableCheckpointError",
    "append_history",
    "array_shardings",
    "evaluate",
    "fit",
    "make_mesh",
    "make_program",
    "put_examples",
    "vectorize",
    "with_shardings",
    "write_history",
    "write_json",
]
