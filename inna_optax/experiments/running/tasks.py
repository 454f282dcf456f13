"""Tasks for the engine, from Flax networks."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from inna_optax.experiments.catalogue.problems import DataFacts, Problem
from inna_optax.training import Task

Batch = Mapping[str, jax.Array]


def l2_penalty(params: Any, weight: float) -> jax.Array:
    r"""The weight decay of section 4.5.1, :math:`\frac\lambda2 \|\theta\|^2`."""
    return 0.5 * weight * optax.tree.norm(params, squared=True)


def cross_entropy(
    logits: jax.Array, images: jax.Array, batch: Batch
) -> dict[str, jax.Array]:
    """Each example's loss, and whether its class has the largest logit."""
    del images
    labels = batch["labels"]
    return {
        "loss": optax.softmax_cross_entropy_with_integer_labels(logits, labels),
        "accuracy": jnp.argmax(logits, axis=-1) == labels,
    }


def mean_square(
    outputs: jax.Array, images: jax.Array, batch: Batch
) -> dict[str, jax.Array]:
    """Each example's loss: the mean over its pixels of the squared error."""
    del batch
    return {"loss": jnp.mean((outputs - images) ** 2, axis=(1, 2, 3))}


def bits_per_byte(
    logits: jax.Array, tokens: jax.Array, batch: Batch
) -> dict[str, jax.Array]:
    """Each example's loss: the mean over its bytes but the first, in bits."""
    del tokens
    nats = optax.softmax_cross_entropy_with_integer_labels(
        logits, batch["tokens"][:, 1:].astype(jnp.int32)
    )
    return {"loss": jnp.mean(nats, axis=-1) / math.log(2)}


OBJECTIVES = {
    "cross-entropy": cross_entropy,
    "mean square": mean_square,
    "bits per byte": bits_per_byte,
}


def inputs_of(batch: Batch, facts: DataFacts) -> jax.Array:
    """What the network is given: all tokens but the last, or scaled pixels."""
    if "tokens" in batch:
        return batch["tokens"][:, :-1]
    images = batch["images"].reshape(-1, *facts.shape)
    return images.astype(jnp.float32) / float(facts.maximum)


def make_task(problem: Problem, facts: DataFacts) -> Task:
    """The problem's network and objective as functions for the engine.

    A batch is {"images": bytes of shape (batch, height x width x channels), "labels":
    of shape (batch,)}, or {"tokens": bytes of shape (batch, context + 1)}.

    Args:
      problem: what is trained.
      facts: give the number of classes, an example's shape and the value of a white
        pixel; pixels are scaled to [0, 1].
    """
    objective = OBJECTIVES[problem.objective]
    graph = nnx.graphdef(nnx.eval_shape(lambda: problem.network(facts, nnx.Rngs(0))))

    def state_of(model: nnx.Module) -> tuple[Any, Any]:
        """The params, and all else that the network keeps."""
        params, model_state = nnx.state(model, nnx.Param, ...)
        return params, model_state

    def init(key: jax.Array) -> tuple[Any, Any]:
        return state_of(problem.network(facts, nnx.Rngs(key)))

    def measure(
        params: Any, model_state: Any, batch: Batch, key: jax.Array | None
    ) -> tuple[dict[str, jax.Array], Any]:
        """Each example's metrics; with a key in training mode, without in evaluation.

        Returns them with the model's state after the pass.
        """
        # A copy: running averages are written to, and are another trace's values.
        model = nnx.merge(graph, params, model_state, copy=True)
        if key is None:
            model.eval()
        else:
            model.train()
        inputs = inputs_of(batch, facts)
        outputs = model(inputs, rngs=None if key is None else nnx.Rngs(key))
        return objective(outputs, inputs, batch), state_of(model)[1]

    def loss(
        params: Any, model_state: Any, batch: Batch, key: jax.Array
    ) -> tuple[jax.Array, Any]:
        metrics, model_state = measure(params, model_state, batch, key)
        return jnp.mean(metrics["loss"]) + penalty(params), model_state

    def metrics(params: Any, model_state: Any, batch: Batch) -> dict[str, jax.Array]:
        return measure(params, model_state, batch, None)[0]

    def penalty(params: Any) -> jax.Array:
        return l2_penalty(params, problem.weight_decay)

    return Task(init, loss, metrics, penalty)
