"""A run as pure functions: start, train, evaluate.

A run is a function of its hyperparameters and its seed.  An epoch is one compiled loop
over a permutation of the examples, drawn from the seed's key and the epoch's number.
To continue a run it is therefore enough to know the arrays of :class:`Run` and how many
updates made them.  The loop's bounds are arguments: an epoch can be run whole or in
parts, between which a caller shows progress or stops, and the bits are the same.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from inna_optax._checks import as_count
from inna_optax.training.arguments import check_type
from inna_optax.training.mesh import (
    array_shardings,
    check_mesh,
    constrain_batch,
    constrain_state,
    count_parts,
    everywhere,
    on_mesh,
)
from inna_optax.training.task import PyTree, Task

Hyperparameters = Mapping[str, Any]


class Arrays(NamedTuple):
    """The data, on the device: pytrees of arrays of shape (examples, ...)."""

    train: PyTree  # of all training examples
    test: PyTree  # of all test examples


class Run(NamedTuple):
    """All that a run carries from one epoch to the next."""

    seed: jax.Array  # shape=(), dtype=jnp.uint32
    params: PyTree  # what is trained
    opt_state: optax.OptState  # of the optimizer
    model_state: PyTree  # the rest of the network's, such as running averages


class Program(NamedTuple):
    """The functions of a run."""

    # seed, hyperparameters -> Run
    start: Callable[[jax.Array, Hyperparameters], Run]
    # run, hyperparameters, training examples, epoch, first, last -> the run after the
    # updates first <= i < last of that epoch, and the mean of their losses
    train: Callable[..., tuple[Run, jax.Array]]
    # run, examples, first, last -> each metric's sum over the examples of a batch, in
    # an array of shape (batches,), zero but for first <= batch < last
    evaluate: Callable[..., dict[str, jax.Array]]
    gradient_evaluations_per_epoch: int  # each mini-batch's, as often as it is used
    evaluation_batch: int  # examples that are evaluated at once
    mesh: Mesh | None  # the devices, None for the default one


def count_examples(examples: PyTree) -> int:
    """The number of examples in a pytree of arrays of shape (examples, ...)."""
    return len(jax.tree.leaves(examples)[0])


def make_program(
    task: Task,
    make_solver: Callable[[Hyperparameters], optax.GradientTransformation],
    *,
    examples: int,
    batch_size: int,
    uses_per_batch: int = 1,
    evaluation_batch: int = 500,
    mesh: Mesh | None = None,
    evaluated: Callable[[optax.OptState, PyTree], PyTree] | None = None,
) -> Program:
    """The functions of one run.

    The seed's key is split once: one part initializes the network, the other gives the
    permutation of each epoch and the random numbers of each mini-batch.  A mini-batch
    that is used several times is used with the same random numbers each time, so with
    the same dropout mask: the gradients then belong to one function, and their
    difference measures its curvature.

    Args:
      task: what is trained.
      make_solver: makes the optimizer from hyperparameters, which may be traced.
      examples: number of training examples, in [1, inf).
      batch_size: examples in a mini-batch, in [1, examples]; the rest of an epoch's
        permutation that fills no batch is left out.
      uses_per_batch: gradient steps made on a mini-batch before the next is drawn, in
        [1, inf): 2 for Step-Tuned SGD, and for all in the experiment of Figure 4.5.
        Each is a forward and a backward pass in training mode.  Batch normalization
        moves its running averages in each, so that a mini-batch used twice counts
        twice in them.
      evaluation_batch: examples evaluated at once, in [1, inf).
      mesh: the devices, from :func:`.make_mesh`, or your own with one of its axes or
        both, Auto or Explicit; the default device if None.  Along ``data`` a mini-batch
        is split, along ``model`` the parameters are, see :func:`.array_shardings`.
      evaluated: a function of the optimizer's state and the parameters, to those that
        are evaluated, such as ``optax.contrib.schedule_free_eval_params``; the
        parameters themselves if None.

    Returns:
      A :class:`Program`.

    Raises:
      TypeError: if an argument is not of its type.
      ValueError: if a number is outside its range, ``batch_size`` is not a multiple of
        the mesh's axis ``data``, or the mesh has other axes than those two, or Manual
        ones.
    """
    check_type("task", task, Task)
    if not callable(make_solver):
        raise TypeError(
            "make_solver must be a function from hyperparameters to an optimizer, got"
            f" {type(make_solver).__name__}."
        )
    if evaluated is not None and not callable(evaluated):
        raise TypeError(
            "evaluated must be a function of the optimizer's state and the parameters,"
            f" got {type(evaluated).__name__}."
        )
    examples = as_count("examples", examples)
    batch_size = as_count("batch_size", batch_size, most=examples)
    uses_per_batch = as_count("uses_per_batch", uses_per_batch)
    evaluation_batch = as_count("evaluation_batch", evaluation_batch)
    if mesh is not None:
        check_mesh(mesh)
    parts = count_parts("data", mesh)
    if batch_size % parts:
        raise ValueError(
            f"batch_size must be a multiple of the mesh's data axis, {parts}, got"
            f" {batch_size}."
        )
    evaluation_batch += -evaluation_batch % parts
    batches_per_epoch = examples // batch_size
    gradient = jax.value_and_grad(task.loss, has_aux=True)

    def start(seed: jax.Array, hyperparameters: Hyperparameters) -> Run:
        init_key, _ = jax.random.split(jax.random.key(seed))
        params, model_state = task.init(init_key)
        opt_state = make_solver(hyperparameters).init(params)
        # A copy: a run is donated, the caller's seed is not.
        run = Run(jnp.array(seed, jnp.uint32), params, opt_state, model_state)
        return constrain_state(run, mesh)

    def train(
        run: Run,
        hyperparameters: Hyperparameters,
        data: PyTree,
        epoch: jax.Array,
        first: jax.Array,
        last: jax.Array,
    ) -> tuple[Run, jax.Array]:
        solver = make_solver(hyperparameters)
        _, train_key = jax.random.split(jax.random.key(run.seed))
        order_key, batch_key = jax.random.split(jax.random.fold_in(train_key, epoch))
        order = jax.random.permutation(order_key, examples)
        batches = order[: batches_per_epoch * batch_size].reshape(-1, batch_size)

        def update(count: jax.Array, carry: tuple[Run, jax.Array]) -> Any:
            run, total = carry
            number = count // uses_per_batch
            (loss, model_state), grads = gradient(
                run.params,
                run.model_state,
                _examples_at(data, batches[number], mesh),
                jax.random.fold_in(batch_key, number),
            )
            updates, opt_state = solver.update(grads, run.opt_state, run.params)
            params = optax.apply_updates(run.params, updates)
            run = Run(run.seed, params, opt_state, model_state)
            return constrain_state(run, mesh), total + loss.astype(total.dtype)

        run, total = jax.lax.fori_loop(first, last, update, (run, jnp.zeros(())))
        return run, total / jnp.asarray(last - first, total.dtype)

    def evaluate(
        run: Run, data: PyTree, first: jax.Array, last: jax.Array
    ) -> dict[str, jax.Array]:
        count = count_examples(data)
        size = min(evaluation_batch, count + -count % parts)
        params = evaluated(run.opt_state, run.params) if evaluated else run.params
        penalty = task.penalty(params)

        def sums_of(number: jax.Array) -> dict[str, jax.Array]:
            indices = number * size + jnp.arange(size)
            # Beyond the last example stand copies of it, which weigh nothing.
            batch = _examples_at(data, jnp.minimum(indices, count - 1), mesh)
            metrics = task.metrics(params, run.model_state, batch)
            values = {
                **metrics,
                "data_loss": metrics["loss"],
                "loss": metrics["loss"] + penalty,
            }
            return {
                name: jnp.sum(jnp.where(indices < count, value.astype(float), 0.0))
                for name, value in values.items()
            }

        shapes = jax.eval_shape(sums_of, jnp.int32(0))
        batches = -(-count // evaluation_batch)
        totals = {k: jnp.zeros(batches, x.dtype) for k, x in shapes.items()}
        return jax.lax.fori_loop(
            first,
            last,
            lambda i, totals: {
                k: totals[k].at[i].set(x) for k, x in sums_of(i).items()
            },
            totals,
        )

    begin = on_mesh(start, mesh, array_shardings)
    return Program(
        # On a mesh compiled as a whole, so that no device ever holds all of it.
        jax.jit(begin) if mesh else begin,
        on_mesh(train, mesh, array_shardings),
        on_mesh(evaluate, mesh, lambda sums, mesh: everywhere(mesh)),
        batches_per_epoch * uses_per_batch,
        evaluation_batch,
        mesh,
    )


def _examples_at(data: PyTree, indices: jax.Array, mesh: Mesh | None) -> PyTree:
    return jax.tree.map(lambda array: constrain_batch(array[indices], mesh), data)


def vectorize(program: Program) -> Program:
    """The same functions for many runs at once: a leading axis of seeds and values.

    Seeds, and each array of the hyperparameters, then have shape (runs,).  The same
    program gives the same functions again, so that they compile once.

    Raises:
      TypeError: if ``program`` is not a :class:`Program`.
    """
    check_type("program", program, Program)
    return _vectorized(program)


@functools.lru_cache(maxsize=32)
def _vectorized(program: Program) -> Program:
    return program._replace(
        start=jax.vmap(program.start),
        train=jax.vmap(program.train, in_axes=(0, 0, None, None, None, None)),
        evaluate=jax.vmap(program.evaluate, in_axes=(0, None, None, None)),
    )
