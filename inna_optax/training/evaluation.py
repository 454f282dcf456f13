"""Evaluates a run, part by part."""

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import jax
import numpy as np

from inna_optax._checks import shown
from inna_optax.training.arguments import check_type
from inna_optax.training.pace import Pace
from inna_optax.training.program import Program, Run, count_examples

T = TypeVar("T")
Means = dict[str, Any]  # each metric's mean


def evaluator(
    program: Program,
) -> Callable[[Run, Any, Callable[[int], T]], Generator[T, None, Means]]:
    """The function that evaluates a run on examples in parts, compiled once.

    After each part it yields what its third argument makes of the part's number of
    examples.
    """
    evaluate: Callable[..., Any] = jax.jit(program.evaluate)
    pace = Pace()

    def means_over(
        run: Run, examples: Any, after: Callable[[int], T]
    ) -> Generator[T, None, Means]:
        count = count_examples(examples)
        batches = -(-count // program.evaluation_batch)
        sums: dict[str, Any] = {}
        first = 0
        while first < batches:
            last, called = min(first + pace.steps, batches), time.monotonic()
            parts = {
                name: np.asarray(x, np.float64)
                for name, x in evaluate(run, examples, first, last).items()
            }
            pace.adapt(last - first, time.monotonic() - called)
            for name, values in parts.items():
                sums[name] = sums.get(name, 0.0) + values.sum(axis=-1)
            size = program.evaluation_batch
            yield after(min(last * size, count) - first * size)
            first = last
        return {name: total / count for name, total in sums.items()}

    return means_over


def finish(parts: Generator[Any, None, Means]) -> Means:
    """What a generator returns, which is run to its end."""
    while True:
        try:
            next(parts)
        except StopIteration as end:
            means: Means = end.value
            return means


def evaluate(program: Program, run: Run, examples: Any) -> dict[str, Any]:
    """The mean of each metric over examples.

    Args:
      program: the functions of the run.
      run: what is evaluated.
      examples: a pytree of arrays of shape (examples, ...), as the program's training
        data.

    Returns:
      The means by name: ``loss`` (with the penalty), ``data_loss`` (without it) and the
      task's other metrics; floats, or arrays of shape (runs,) from a vectorized
      program.

    Raises:
      TypeError: if ``program`` or ``run`` is not of its type, or ``examples`` holds
        something else than such arrays.

    Examples:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from inna_optax.training import Task, evaluate, make_program
      >>> def squares(params, batch):
      ...     return {"loss": (params - batch) ** 2}
      >>> task = Task(
      ...     init=lambda key: (jnp.zeros(()), ()),
      ...     loss=lambda params, state, batch, key: (
      ...         jnp.mean(squares(params, batch)["loss"]), state
      ...     ),
      ...     metrics=lambda params, state, batch: squares(params, batch),
      ...     penalty=lambda params: 0.5,
      ... )
      >>> program = make_program(
      ...     task, lambda h: optax.sgd(0.1), examples=4, batch_size=2
      ... )
      >>> run = program.start(0, {})
      >>> means = evaluate(program, run, jnp.array([1.0, 2.0, 3.0, 4.0]))
      >>> {name: float(mean) for name, mean in sorted(means.items())}
      {'data_loss': 7.5, 'loss': 8.0}
    """
    check_type("program", program, Program)
    check_type("run", run, Run)
    leaves = jax.tree.leaves(examples)
    if not leaves or any(np.ndim(leaf) < 1 for leaf in leaves):
        raise TypeError(
            "examples must be a pytree of arrays of shape (examples, ...), got"
            f" {shown(examples)}."
        )
    return finish(evaluator(program)(run, examples, lambda size: None))
