"""What is trained: a network's functions, free of any framework."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

PyTree = Any


class Task(NamedTuple):
    """The pure functions that the engine needs.

    ``params`` are what the optimizer moves.  ``model_state`` is what the network itself
    moves while it trains (running averages), possibly empty.  A ``batch`` is a pytree
    of arrays of shape (batch, ...): some examples of the training or test data.
    """

    # key -> (params, model_state)
    init: Callable[[jax.Array], tuple[PyTree, PyTree]]
    # params, model_state, batch, key -> (objective on the batch, model_state)
    loss: Callable[..., tuple[jax.Array, PyTree]]
    # params, model_state, batch -> each example's metrics, arrays of shape (batch,);
    # "loss" is one of them, without the penalty
    metrics: Callable[..., dict[str, jax.Array]]
    # params -> what the objective adds to the mean of the losses
    penalty: Callable[[PyTree], jax.Array]
