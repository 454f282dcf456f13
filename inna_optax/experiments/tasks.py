"""Tasks for the engine, from Flax networks."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from inna_optax.data import Dataset
from inna_optax.training import Task

Network = Callable[[Dataset, nnx.Rngs], nnx.Module]


def l2_penalty(params: Any, weight: float) -> jax.Array:
    r"""The weight decay of section 4.5.1, :math:`\frac\lambda2 \|\theta\|^2`."""
    return 0.5 * weight * optax.tree.norm(params, squared=True)


def classification_task(
    network: Network, dataset: Dataset, weight_decay: float
) -> Task:
    """Cross-entropy of a network's logits, plus the L2 penalty.

    Args:
      network: makes the network from the data set and random keys.
      dataset: gives the number of classes, the images' shape and their white.
      weight_decay: lambda of :func:`l2_penalty`, in [0, inf).
    """
    graph = nnx.graphdef(nnx.eval_shape(lambda: network(dataset, nnx.Rngs(0))))

    def state_of(model: nnx.Module) -> tuple[Any, Any]:
        """The params, and all else that the network keeps."""
        params, model_state = nnx.state(model, nnx.Param, ...)
        return params, model_state

    def init(key: jax.Array) -> tuple[Any, Any]:
        return state_of(network(dataset, nnx.Rngs(key)))

    def logits_of(
        params: Any, model_state: Any, images: jax.Array, key: jax.Array | None
    ) -> tuple[jax.Array, Any]:
        model = nnx.merge(graph, params, model_state)
        if key is None:
            model.eval()
        else:
            model.train()
        logits = model(images.astype(jnp.float32) / dataset.maximum)
        return logits, state_of(model)[1]

    def loss(
        params: Any,
        model_state: Any,
        images: jax.Array,
        labels: jax.Array,
        key: jax.Array,
    ) -> tuple[jax.Array, Any]:
        logits, model_state = logits_of(params, model_state, images, key)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return jnp.mean(losses) + penalty(params), model_state

    def metrics(
        params: Any, model_state: Any, images: jax.Array, labels: jax.Array
    ) -> dict[str, jax.Array]:
        logits, _ = logits_of(params, model_state, images, None)
        return {
            "loss": optax.softmax_cross_entropy_with_integer_labels(logits, labels),
            "accuracy": jnp.argmax(logits, axis=-1) == labels,
        }

    def penalty(params: Any) -> jax.Array:
        return l2_penalty(params, weight_decay)

    return Task(init, loss, metrics, penalty)
