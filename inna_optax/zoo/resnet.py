"""ResNet-20 (He, Zhang, Ren and Sun, 2016) as in section 4.5."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from inna_optax._checks import as_count
from inna_optax.zoo.arguments import as_image_shape, check_rngs
from inna_optax.zoo.conv_unit import Activation, ConvUnit
from inna_optax.zoo.lists import List
from inna_optax.zoo.normalization import Normalization, batch_norm
from inna_optax.zoo.pooling import global_avg_pool

HE_NORMAL = nnx.initializers.he_normal()


class ResidualBlock(nnx.Module):
    """A residual block: two 3x3 convolutions, plus a shortcut, then the activation.

    The shortcut has no parameters (He et al.'s option A): it takes every ``stride``-th
    pixel of the input, and zeros for the channels that the input does not have.

    Args:
      inputs: number of input channels, in [1, outputs].
      outputs: number of output channels.
      stride: stride of the first convolution, in [1, inf).
      activation: applied after the first convolution and after the sum.
      normalization: makes a normalization for each convolution; None for none.
      kernel_init: draws the weights.
      rngs: random keys of the initialization.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo.resnet import ResidualBlock
      >>> block = ResidualBlock(
      ...     16, 32, 2, activation=nnx.relu, normalization=None, rngs=nnx.Rngs(0)
      ... )
      >>> block(jnp.ones((5, 32, 32, 16))).shape
      (5, 16, 16, 32)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        *,
        activation: Activation,
        normalization: Normalization | None,
        kernel_init: nnx.Initializer = HE_NORMAL,
        rngs: nnx.Rngs,
    ) -> None:
        # One zero on each side, not "SAME": with stride 2 "SAME" pads at the end only,
        # and the windows would not be centred on the shortcut's pixels.
        self.first = ConvUnit(
            inputs,
            outputs,
            3,
            stride=stride,
            padding=1,
            normalization=normalization,
            activation=activation,
            kernel_init=kernel_init,
            rngs=rngs,
        )
        self.second = ConvUnit(
            outputs,
            outputs,
            3,
            padding=1,
            normalization=normalization,
            activation=None,
            kernel_init=kernel_init,
            rngs=rngs,
        )
        self.stride = stride
        self.new_channels = outputs - inputs
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (batch, height, width, inputs) to the strided size, with outputs."""
        shortcut = x[:, :: self.stride, :: self.stride]
        shortcut = jnp.pad(shortcut, ((0, 0), (0, 0), (0, 0), (0, self.new_channels)))
        return self.activation(self.second(self.first(x)) + shortcut)


class ResNet20(nnx.Module):
    """Conv 16 3x3; three stages of three residual blocks with 16, 32, 64 channels.

    The second and third stage halve height and width.  Global average pooling and a
    dense layer follow: 20 layers with weights.  Problems (a) and (b) of Table 4.1.
    Convolutions have no bias if there is a normalization.

    Weights are drawn from ``kernel_init``, by default He's normal distribution (He et
    al., 2015); biases are zero.

    Args:
      classes: number of outputs, in [1, inf).
      input_shape: (height, width, channels) of an image, each in [1, inf).
      activation: applied after each convolution; after a block's second one, to the
        sum with the shortcut.
      normalization: makes a normalization, as :func:`.batch_norm`; None for none.
      kernel_init: draws the weights.
      rngs: random keys of the initialization.

    Raises:
      TypeError: if a number is not an integer, ``input_shape`` is not a sequence, or
        ``rngs`` are not Flax's.
      ValueError: if a number is outside its range, or ``input_shape`` does not have
        three.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo import ResNet20
      >>> model = ResNet20(10, (32, 32, 3), rngs=nnx.Rngs(0))
      >>> model(jnp.ones((2, 32, 32, 3))).shape
      (2, 10)
    """

    def __init__(
        self,
        classes: int,
        input_shape: Sequence[int],
        *,
        activation: Activation = nnx.relu,
        normalization: Normalization | None = batch_norm,
        kernel_init: nnx.Initializer = HE_NORMAL,
        rngs: nnx.Rngs,
    ) -> None:
        check_rngs(rngs)
        classes, input_shape = as_count("classes", classes), as_image_shape(input_shape)
        channels = 16
        self.first = ConvUnit(
            input_shape[-1],
            channels,
            3,
            padding=1,
            normalization=normalization,
            activation=activation,
            kernel_init=kernel_init,
            rngs=rngs,
        )
        self.blocks: List[ResidualBlock] = List([])
        for outputs in (16, 32, 64):
            for _ in range(3):
                self.blocks.append(
                    ResidualBlock(
                        channels,
                        outputs,
                        1 if outputs == channels else 2,
                        activation=activation,
                        normalization=normalization,
                        kernel_init=kernel_init,
                        rngs=rngs,
                    )
                )
                channels = outputs
        self.output = nnx.Linear(channels, classes, kernel_init=kernel_init, rngs=rngs)

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps images (batch, height, width, channels) to logits (batch, classes).

        Args:
          x: images.
          rngs: not used; accepted so that all networks are called alike.
        """
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.output(global_avg_pool(x))
