"""The auto-encoder of Hinton and Salakhutdinov (2006) as in section 4.5."""

import itertools
import math
from collections.abc import Sequence

import jax
from flax import nnx

from inna_optax._checks import as_counts
from inna_optax.zoo.arguments import check_rngs
from inna_optax.zoo.conv_unit import Activation
from inna_optax.zoo.lists import List

LECUN_NORMAL = nnx.initializers.lecun_normal()


class AutoEncoder(nnx.Module):
    """Dense layers from an image to a code and back: 784-1000-500-250-30 for MNIST.

    Problem (d) of Table 4.1.  The thesis does not state the activations of the code and
    of the output.  As in Hinton and Salakhutdinov, the code is linear and the output
    goes through the logistic function, since pixels are in [0, 1].

    Weights are drawn from ``kernel_init``, by default LeCun's normal distribution;
    biases are zero.

    Args:
      input_shape: shape of an image, each size in [1, inf).
      widths: widths of the encoder's layers, each in [1, inf); the last is that of the
        code.
      activation: applied after each hidden layer except the code.
      output_activation: applied to the output; None for none.
      kernel_init: draws the weights.
      rngs: random keys of the initialization.

    Raises:
      TypeError: if ``input_shape`` or ``widths`` are not integers, or ``rngs`` are not
        Flax's.
      ValueError: if a number is outside its range, or there are no ``widths``.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo import AutoEncoder
      >>> model = AutoEncoder((28, 28, 1), rngs=nnx.Rngs(0))
      >>> model(jnp.ones((5, 28, 28, 1))).shape
      (5, 28, 28, 1)
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        *,
        widths: Sequence[int] = (1000, 500, 250, 30),
        activation: Activation = nnx.silu,
        output_activation: Activation | None = nnx.sigmoid,
        kernel_init: nnx.Initializer = LECUN_NORMAL,
        rngs: nnx.Rngs,
    ) -> None:
        check_rngs(rngs)
        widths = as_counts("widths", widths)
        if not widths:
            raise ValueError("widths must hold at least the code's, got ().")
        down = (math.prod(as_counts("input_shape", input_shape)), *widths)

        def layers(widths: Sequence[int]) -> List:
            return List(
                nnx.Linear(n, m, kernel_init=kernel_init, rngs=rngs)
                for n, m in itertools.pairwise(widths)
            )

        self.encoder = layers(down)
        self.decoder = layers(down[::-1])
        self.activation = activation
        self.output_activation = output_activation

    def encode(self, x: jax.Array) -> jax.Array:
        """Maps images (batch, ...) to codes (batch, width of the code)."""
        return self._through(self.encoder, x.reshape(len(x), -1))

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps images (batch, ...) to their reconstructions, of the same shape.

        Args:
          x: images.
          rngs: not used; accepted so that all networks are called alike.
        """
        y = self._through(self.decoder, self.encode(x))
        if self.output_activation is not None:
            y = self.output_activation(y)
        return y.reshape(x.shape)

    def _through(self, layers: List, x: jax.Array) -> jax.Array:
        """Applies the layers, with the activation between them."""
        for layer in layers[:-1]:
            x = self.activation(layer(x))
        return layers[-1](x)
