"""A run as pure functions: start, one epoch, evaluate.

A run is a function of its hyperparameters and its seed: an epoch is one `lax.scan`
over a permutation drawn from the seed's key folded with the epoch, so that nothing
but the arrays of :class:`Run` has to be kept to go on.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from inna_optax.training.task import PyTree, Task

Hyperparameters = Mapping[str, Any]


class Arrays(NamedTuple):
    """The data, on the device."""

    train_images: jax.Array  # uint8, (examples, height, width, channels)
    train_labels: jax.Array  # int32, (examples,)
    test_images: jax.Array
    test_labels: jax.Array


class Run(NamedTuple):
    """All that a run carries from one epoch to the next."""

    seed: jax.Array  # shape=(), dtype=jnp.uint32
    params: PyTree
    opt_state: optax.OptState
    model_state: PyTree


class Program(NamedTuple):
    """The functions of a run."""

    # seed, hyperparameters -> Run
    start: Callable[[jax.Array, Hyperparameters], Run]
    # run, hyperparameters, data, epoch -> Run
    epoch: Callable[[Run, Hyperparameters, Arrays, jax.Array], Run]
    # run, data -> {"train_loss", "test_loss", ...}
    evaluate: Callable[[Run, Arrays], dict[str, jax.Array]]
    gradient_evaluations_per_epoch: int


def make_program(
    task: Task,
    make_solver: Callable[[Hyperparameters], optax.GradientTransformation],
    *,
    examples: int,
    batch_size: int,
    uses_per_batch: int = 1,
    evaluation_batch: int = 1_000,
) -> Program:
    """The functions of one run.

    Args:
      task: what is trained.
      make_solver: makes the optimizer from hyperparameters, which may be traced.
      examples: number of training examples.
      batch_size: examples in a mini-batch, in [1, examples]; the rest of an epoch's
        permutation that fills no batch is left out.
      uses_per_batch: gradient steps made on a mini-batch before the next is drawn:
        2 for Step-Tuned SGD, and for all in the experiment of Figure 4.5.
      evaluation_batch: examples evaluated at once.

    Returns:
      A :class:`Program`.

    Raises:
      ValueError: if ``batch_size`` is outside its range.
    """
    if not 1 <= batch_size <= examples:
        raise ValueError(f"batch_size must be in [1, {examples}], got {batch_size}.")
    batches_per_epoch = examples // batch_size
    gradient = jax.value_and_grad(task.loss, has_aux=True)

    def start(seed: jax.Array, hyperparameters: Hyperparameters) -> Run:
        params, model_state = task.init(jax.random.key(seed))
        opt_state = make_solver(hyperparameters).init(params)
        return Run(jnp.asarray(seed, jnp.uint32), params, opt_state, model_state)

    def epoch(
        run: Run, hyperparameters: Hyperparameters, data: Arrays, index: jax.Array
    ) -> Run:
        solver = make_solver(hyperparameters)
        order_key, step_key = jax.random.split(
            jax.random.fold_in(jax.random.key(run.seed), index)
        )
        order = jax.random.permutation(order_key, examples)
        batches = order[: batches_per_epoch * batch_size].reshape(-1, batch_size)
        # A batch used twice stands twice in the sequence: no other code knows of it.
        batches = jnp.repeat(batches, uses_per_batch, axis=0)

        def step(run: Run, batch_and_count: tuple[jax.Array, jax.Array]) -> Any:
            batch, count = batch_and_count
            (_, model_state), grads = gradient(
                run.params,
                run.model_state,
                data.train_images[batch],
                data.train_labels[batch],
                jax.random.fold_in(step_key, count),
            )
            updates, opt_state = solver.update(grads, run.opt_state, run.params)
            params = optax.apply_updates(run.params, updates)
            return Run(run.seed, params, opt_state, model_state), None

        return jax.lax.scan(step, run, (batches, jnp.arange(len(batches))))[0]

    def mean_metrics(
        run: Run, images: jax.Array, labels: jax.Array
    ) -> dict[str, jax.Array]:
        """Means over all examples, `evaluation_batch` at a time."""
        count = len(labels)
        size = min(evaluation_batch, count)
        padding = -count % size
        # The last batch is filled up with examples that then weigh nothing.
        indices = jnp.pad(jnp.arange(count), (0, padding)).reshape(-1, size)
        weights = (jnp.arange(count + padding) < count).reshape(-1, size)

        def total(batch_and_weights: tuple[jax.Array, jax.Array]) -> Any:
            batch, weight = batch_and_weights
            metrics = task.metrics(
                run.params, run.model_state, images[batch], labels[batch]
            )
            return {k: jnp.sum(weight * v) for k, v in metrics.items()}

        totals = jax.lax.map(total, (indices, weights))
        means = {k: jnp.sum(v) / count for k, v in totals.items()}
        return means | {"loss": means["loss"] + task.penalty(run.params)}

    def evaluate(run: Run, data: Arrays) -> dict[str, jax.Array]:
        train = mean_metrics(run, data.train_images, data.train_labels)
        test = mean_metrics(run, data.test_images, data.test_labels)
        return {"train_loss": train["loss"]} | {f"test_{k}": v for k, v in test.items()}

    return Program(start, epoch, evaluate, batches_per_epoch * uses_per_batch)


def vectorize(program: Program) -> Program:
    """The same functions for many runs at once: a leading axis of seeds and values.

    Seeds, and each array of the hyperparameters, then have shape (runs,).
    """
    return program._replace(
        start=jax.vmap(program.start),
        epoch=jax.vmap(program.epoch, in_axes=(0, 0, None, None)),
        evaluate=jax.vmap(program.evaluate, in_axes=(0, None)),
    )
