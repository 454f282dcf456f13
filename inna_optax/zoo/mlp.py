"""A multi-layer perceptron."""

import itertools
from collections.abc import Callable, Sequence

import jax
from flax import nnx

from inna_optax._checks import as_count, as_counts
from inna_optax.zoo.arguments import check_rngs
from inna_optax.zoo.lists import List


class MLP(nnx.Module):
    """Dense layers with an activation between them, for images or vectors.

    Weights are drawn from LeCun's normal distribution and biases are zero, as
    ``nnx.Linear`` initializes them.

    Args:
      inputs: number of values in an example, in [1, inf).
      hidden: width of each hidden layer, in [1, inf).
      outputs: number of outputs, in [1, inf).
      activation: applied after each hidden layer.
      rngs: random keys of the initialization.

    Raises:
      TypeError: if a number is not an integer, ``hidden`` is not a sequence, or
        ``rngs`` are not Flax's.
      ValueError: if a number is outside its range.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo import MLP
      >>> model = MLP(64, (64, 32), 10, rngs=nnx.Rngs(0))
      >>> model(jnp.ones((5, 8, 8, 1))).shape
      (5, 10)
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        *,
        activation: Callable[[jax.Array], jax.Array] = nnx.elu,
        rngs: nnx.Rngs,
    ) -> None:
        check_rngs(rngs)
        widths = (
            as_count("inputs", inputs),
            *as_counts("hidden", hidden),
            as_count("outputs", outputs),
        )
        self.layers = List(
            nnx.Linear(n, m, rngs=rngs) for n, m in itertools.pairwise(widths)
        )
        self.activation = activation

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps (batch, ...) to (batch, outputs).

        Args:
          x: images or vectors.
          rngs: not used; accepted so that all networks are called alike.
        """
        x = x.reshape(len(x), -1)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)
