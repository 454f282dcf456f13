"""A convolution with what follows it: normalization and activation."""

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from inna_optax.zoo.conv import convolve
from inna_optax.zoo.normalization import Normalization

Activation = Callable[[jax.Array], jax.Array]


class ConvUnit(nnx.Module):
    """A convolution, then a normalization if there is one, then an activation if any.

    With a normalization the convolution has no bias: subtracting the mean would remove
    it, and the normalization has a shift of its own.

    Args:
      inputs: number of input channels, in [1, inf).
      outputs: number of output channels, in [1, inf).
      window: width of the square kernel, in [1, inf).
      stride: step of the window, in [1, inf).
      padding: ``"SAME"``, ``"VALID"``, or the number of zeros on each side.
      normalization: makes the normalization, as :func:`.batch_norm`; None for none.
      activation: applied last; None for none.
      kernel_init: draws the kernel; biases are zero.
      rngs: random keys of the initialization.

    Examples:
      >>> import jax.numpy as jnp
      >>> from flax import nnx
      >>> from inna_optax.zoo.conv_unit import ConvUnit
      >>> unit = ConvUnit(
      ...     3,
      ...     8,
      ...     5,
      ...     padding="SAME",
      ...     activation=nnx.relu,
      ...     kernel_init=nnx.initializers.he_normal(),
      ...     rngs=nnx.Rngs(0),
      ... )
      >>> unit(jnp.ones((2, 32, 32, 3))).shape
      (2, 32, 32, 8)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        window: int,
        *,
        stride: int = 1,
        padding: str | int,
        normalization: Normalization | None = None,
        activation: Activation | None,
        kernel_init: nnx.Initializer,
        rngs: nnx.Rngs,
    ) -> None:
        self.conv = nnx.Conv(
            inputs,
            outputs,
            (window, window),
            stride,
            padding=padding,
            use_bias=normalization is None,
            conv_general_dilated=convolve,
            kernel_init=kernel_init,
            rngs=rngs,
        )
        self.normalization: Any = (
            None if normalization is None else normalization(outputs, rngs=rngs)
        )
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps (batch, height, width, inputs) to (batch, height, width, outputs)."""
        x = self.conv(x)
        if self.normalization is not None:
            x = self.normalization(x)
        return x if self.activation is None else self.activation(x)
