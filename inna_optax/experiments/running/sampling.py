"""A text that a trained model continues."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from inna_optax.experiments.running.setting import Setting
from inna_optax.training import Run

START = b"\n"  # a text begins as a line does
TEMPERATURE = 0.8  # below one: likelier bytes than the model's own draws


def sample_text(setting: Setting, run: Run, length: int = 240) -> str:
    """As many bytes as the model of a run draws, one after the other.

    Bytes that are no text are shown as question marks.
    """
    network, facts = setting.problem.network, setting.facts
    graph = nnx.graphdef(nnx.eval_shape(lambda: network(facts, nnx.Rngs(0))))
    model = nnx.merge(graph, run.params, run.model_state, copy=True)

    def draw(window: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = model(window[None])[0, -1]
        token = jax.random.categorical(key, logits / TEMPERATURE).astype(jnp.uint8)
        return jnp.append(window[1:], token), token

    start = jnp.full(setting.problem.context, START[0], jnp.uint8)
    keys = jax.random.split(jax.random.key(run.seed), length)
    _, tokens = jax.jit(lambda start: jax.lax.scan(draw, start, keys))(start)
    return _as_text(np.asarray(tokens))


def _as_text(tokens: Any) -> str:
    text = bytes(tokens.tolist()).decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
