"""LeNet-5 (LeCun et al., 1998) as in section 4.5."""

from collections.abc import Sequence
from typing import Any

import jax
from flax import nnx

from inna_optax._checks import as_count
from inna_optax.zoo.arguments import as_image_shape, check_padding, check_rngs
from inna_optax.zoo.conv_unit import Activation, ConvUnit
from inna_optax.zoo.lists import List
from inna_optax.zoo.normalization import Normalization
from inna_optax.zoo.pooling import Pool, max_pool
from inna_optax.zoo.window import output_size

LECUN_NORMAL = nnx.initializers.lecun_normal()


class LeNet(nnx.Module):
    """Conv 6 5x5, pool 2, conv 16 5x5, pool 2, dense 120, 84, ``classes``.

    Problem (e) of Table 4.1, and (f) with ``normalization=batch_norm``.  The thesis
    states neither padding nor pooling; the defaults, no padding and max pooling, are
    those of the authors' published LeNet.  The normalization, if any, follows each
    hidden layer, before its activation, and replaces the layer's bias.

    Weights are drawn from ``kernel_init``, by default LeCun's normal distribution;
    biases are zero.

    Args:
      classes: number of outputs, in [1, inf).
      input_shape: (height, width, channels) of an image; height and width are in
        [16, inf) without padding, in [4, inf) with it.
      activation: applied after each hidden layer.
      normalization: makes a normalization, as :func:`.batch_norm`; None for none.
      pool: :func:`.max_pool` or :func:`.avg_pool`.
      padding: of both convolutions, ``"VALID"`` or ``"SAME"``.
      kernel_init: draws the weights.
      rngs: random keys of the initialization.

    Raises:
      TypeError: if a number is not one, ``input_shape`` is not a sequence, or ``rngs``
        are not Flax's.
      ValueError: if a number is outside its range, ``input_shape`` does not have three,
        the images are too small, or ``padding`` is neither of the two.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo import LeNet
      >>> model = LeNet(10, (32, 32, 3), rngs=nnx.Rngs(0))
      >>> model(jnp.ones((5, 32, 32, 3))).shape
      (5, 10)
    """

    def __init__(
        self,
        classes: int,
        input_shape: Sequence[int],
        *,
        activation: Activation = nnx.elu,
        normalization: Normalization | None = None,
        pool: Pool = max_pool,
        padding: str = "VALID",
        kernel_init: nnx.Initializer = LECUN_NORMAL,
        rngs: nnx.Rngs,
    ) -> None:
        check_padding(padding)
        check_rngs(rngs)
        classes = as_count("classes", classes)
        height, width, channels = as_image_shape(
            input_shape, padding=padding, smallest=16 if padding == "VALID" else 4
        )
        self.convs: List[ConvUnit] = List([])
        for inputs, outputs in ((channels, 6), (6, 16)):
            self.convs.append(
                ConvUnit(
                    inputs,
                    outputs,
                    5,
                    padding=padding,
                    normalization=normalization,
                    activation=activation,
                    kernel_init=kernel_init,
                    rngs=rngs,
                )
            )
            height, width = (
                output_size(output_size(n, 5, 1, padding), 2, 2, "VALID")
                for n in (height, width)
            )
        self.hidden: List[nnx.Linear] = List([])
        self.normalizations: Any = List([])
        for inputs, outputs in ((16 * height * width, 120), (120, 84)):
            self.hidden.append(
                nnx.Linear(
                    inputs,
                    outputs,
                    use_bias=normalization is None,
                    kernel_init=kernel_init,
                    rngs=rngs,
                )
            )
            if normalization is not None:
                self.normalizations.append(normalization(outputs, rngs=rngs))
        self.output = nnx.Linear(84, classes, kernel_init=kernel_init, rngs=rngs)
        self.activation = activation
        self.pool = pool

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps images (batch, height, width, channels) to logits (batch, classes).

        Args:
          x: images.
          rngs: not used; accepted so that all networks are called alike.
        """
        for conv in self.convs:
            x = self.pool(conv(x), 2, 2, "VALID")
        x = x.reshape(len(x), -1)
        for i, layer in enumerate(self.hidden):
            x = layer(x)
            if self.normalizations:
                x = self.normalizations[i](x)
            x = self.activation(x)
        return self.output(x)
