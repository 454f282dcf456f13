"""A decoder-only transformer (Vaswani et al., 2017; Radford et al., 2019)."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from inna_optax._checks import as_count
from inna_optax.zoo.arguments import check_rngs
from inna_optax.zoo.conv_unit import Activation
from inna_optax.zoo.lists import List

LECUN_NORMAL = nnx.initializers.lecun_normal()
BASE = 10_000.0  # of the wavelengths of the positions


class TransformerBlock(nnx.Module):
    """Causal self-attention, then a perceptron.

    Each takes its input normalized, and is added to the input as it was.

    Args:
      width: number of features of a token, a multiple of 2 x ``heads``.
      heads: number of heads, in [1, inf).
      activation: applied in the perceptron, whose hidden layer is four times as wide.
      kernel_init: draws the weights.
      rngs: random keys of the initialization.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo.transformer import TransformerBlock
      >>> block = TransformerBlock(16, 2, rngs=nnx.Rngs(0))
      >>> block(jnp.ones((5, 10, 16))).shape
      (5, 10, 16)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        activation: Activation = nnx.gelu,
        kernel_init: nnx.Initializer = LECUN_NORMAL,
        rngs: nnx.Rngs,
    ) -> None:
        dense = functools.partial(
            nnx.Linear, use_bias=False, kernel_init=kernel_init, rngs=rngs
        )
        self.attention_norm = nnx.RMSNorm(width, rngs=rngs)
        self.projection = dense(width, 3 * width)
        self.attention_output = dense(width, width)
        self.perceptron_norm = nnx.RMSNorm(width, rngs=rngs)
        self.hidden = dense(width, 4 * width)
        self.perceptron_output = dense(4 * width, width)
        self.heads = heads
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (batch, length, width) to the same shape."""
        x = x + self._attention(self.attention_norm(x))
        hidden = per_token(self.hidden, self.perceptron_norm(x))
        return x + per_token(self.perceptron_output, self.activation(hidden))

    def _attention(self, x: jax.Array) -> jax.Array:
        batch, length, width = x.shape
        projected = per_token(self.projection, x)
        projected = projected.reshape(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = jnp.moveaxis(projected, (2, 3), (0, 2))
        attended = causal_attention(rotate(queries), rotate(keys), values)
        merged = jnp.swapaxes(attended, 1, 2).reshape(batch, length, width)
        return per_token(self.attention_output, merged)


class Transformer(nnx.Module):
    r"""Predicts each next token of a text from those before it.

    An embedding; ``layers`` blocks, each of causal self-attention with ``heads`` heads
    and of a perceptron whose hidden layer has 4 x ``width`` units; a normalization; and
    the embedding's transpose, which gives the logits (Press and Wolf, 2017).  Inputs of
    attention and perceptron are divided by their root mean square and scaled (Zhang and
    Sennrich, 2019).  Queries and keys are rotated by their positions (Su et al., 2021),
    so that a text may have any length.  There are no biases and no dropout.  Of
    width :math:`w`, with :math:`l` layers and :math:`v` tokens, it has
    :math:`l (12 w^2 + 2 w) + (v + 1) w` parameters: 820,352 with the defaults and bytes
    for tokens.

    Weights are drawn from ``kernel_init``, by default LeCun's normal distribution, and
    the embedding from a normal distribution of variance 1 / ``width``; scales are one.

    Args:
      vocabulary: number of tokens, in [1, inf): 256 for bytes.
      width: number of features of a token, a multiple of 2 x ``heads``.
      layers: number of blocks, in [1, inf).
      heads: number of heads of each block's attention, in [1, inf).
      activation: applied in the perceptrons.
      kernel_init: draws the weights.
      rngs: random keys of the initialization.

    Raises:
      TypeError: if a number is not an integer, or ``rngs`` are not Flax's.
      ValueError: if a number is outside its range, or ``width`` is not a multiple of
        2 x ``heads``.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo import Transformer
      >>> model = Transformer(256, width=16, layers=2, heads=2, rngs=nnx.Rngs(0))
      >>> model(jnp.ones((5, 10), jnp.uint8)).shape
      (5, 10, 256)
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        activation: Activation = nnx.gelu,
        kernel_init: nnx.Initializer = LECUN_NORMAL,
        rngs: nnx.Rngs,
    ) -> None:
        check_rngs(rngs)
        vocabulary = as_count("vocabulary", vocabulary)
        width, layers = as_count("width", width), as_count("layers", layers)
        heads = as_count("heads", heads)
        if width % (2 * heads):
            raise ValueError(
                f"width must be a multiple of 2 x heads = {2 * heads}, got {width}."
            )
        self.embedding = nnx.Embed(vocabulary, width, rngs=rngs)
        self.blocks = List(
            TransformerBlock(
                width,
                heads,
                activation=activation,
                kernel_init=kernel_init,
                rngs=rngs,
            )
            for _ in range(layers)
        )
        self.norm = nnx.RMSNorm(width, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps tokens (batch, length) to logits (batch, length, vocabulary).

        The logits at a place are those of the next token.  They depend on the tokens up
        to that place.

        Args:
          x: integers in [0, vocabulary).
          rngs: not used; accepted so that all networks are called alike.
        """
        embedding = self.embedding.embedding[...]
        # Looked up by a product, as fast as a gather here, which JAX refuses where the
        # examples are split along an Explicit axis.
        tokens = jax.nn.one_hot(
            x.astype(jnp.int32), len(embedding), dtype=embedding.dtype
        )
        x = per_token(lambda tokens: tokens @ embedding, tokens)
        for block in self.blocks:
            x = block(x)
        return per_token(self.embedding.attend, self.norm(x))


def per_token(layer: Callable[[jax.Array], jax.Array], x: jax.Array) -> jax.Array:
    """A dense layer, applied to (batch, length, features) as to one long batch.

    In that shape XLA's CPU backend multiplies matrices where it computes the gradient
    with respect to the kernel: half of the time of layer and gradients for 128 to 512
    features, measured on 2 CPU cores.
    """
    y = layer(x.reshape(-1, x.shape[-1]))
    return y.reshape(*x.shape[:-1], y.shape[-1])


def causal_attention(
    queries: jax.Array, keys: jax.Array, values: jax.Array
) -> jax.Array:
    r"""Attention to the places up to one's own.

    .. math::
      \mathrm{softmax}(Q K^\top / \sqrt{d} + M) V,
      \qquad M_{ij} = 0 \text{ if } j \le i, -\infty \text{ else}

    Heads come before places, in which order XLA's CPU backend multiplies matrices: half
    of the time of :func:`jax.nn.dot_product_attention` with its gradients, for 4 heads
    of 32 features and 128 places, measured on 2 CPU cores.

    Args:
      queries: of shape (batch, heads, length, features).
      keys: of the same shape.
      values: of the same shape.

    Returns:
      An array of that shape.
    """
    length, features = queries.shape[-2:]
    scores = queries @ jnp.swapaxes(keys, -1, -2) / features**0.5
    scores = jnp.where(np.tri(length, dtype=bool), scores, -jnp.inf)
    return jax.nn.softmax(scores) @ values


def rotate(x: jax.Array) -> jax.Array:
    r"""Rotates each pair of features by an angle that grows with the place.

    At place :math:`t` the :math:`i`-th of :math:`n` pairs is rotated by the angle
    :math:`t \cdot 10{,}000^{-i/n}`, so that the product of a query and a key depends on
    the distance of their places only (Su et al., 2021, equation (34)).

    Args:
      x: of shape (..., length, features), with an even number of features; the pairs
        are of one in the first half and one in the second.

    Returns:
      An array of that shape.
    """
    length, features = x.shape[-2:]
    pairs = features // 2
    angles = np.outer(np.arange(length), BASE ** (-np.arange(pairs) / pairs))
    cos, sin = (jnp.asarray(f(angles), x.dtype) for f in (np.cos, np.sin))
    first, second = x[..., :pairs], x[..., pairs:]
    return jnp.concatenate(
        [first * cos - second * sin, first * sin + second * cos], axis=-1
    )
