"""Network in Network (Lin, Chen and Yan, 2014) as in sections 2.6.2 and 4.5."""

import itertools
from collections.abc import Sequence

import jax
from flax import nnx

from inna_optax._checks import as_count, check_number
from inna_optax.zoo.arguments import as_image_shape, check_padding, check_rngs
from inna_optax.zoo.conv_unit import Activation, ConvUnit
from inna_optax.zoo.lists import List
from inna_optax.zoo.normalization import Normalization
from inna_optax.zoo.pooling import Pool, avg_pool, global_avg_pool, max_pool

GLOROT_NORMAL = nnx.initializers.glorot_normal()


class NiN(nnx.Module):
    """Three stages of a convolution and two 1x1 convolutions, then a dense layer.

    Conv 192 5x5, 160 1x1, 96 1x1, pool 3 stride 2, dropout; conv 192 5x5, 192 1x1,
    192 1x1, pool 3 stride 2, dropout; conv 192 3x3, 192 1x1, ``classes`` 1x1, global
    average pooling; and a dense layer that the original lacks.

    The defaults are those of chapter 2, ReLU and no normalization, and of the authors'
    published Keras network: no padding, max pooling after the first stage and average
    pooling after the second.  The Keras network ends in a 2x2 pooling, which covers the
    whole of a 32x32 image's last stage; here the global average does so for any size.
    Problem (c) of Table 4.1 is ``activation=nnx.elu, normalization=batch_norm``.  The
    normalization, if any, follows each convolution, before its activation, and replaces
    the bias.

    Weights are drawn from ``kernel_init``, by default Glorot's normal distribution:
    chapter 2 says normal, and Glorot's scale is Keras's default.  Biases are zero.

    Args:
      classes: number of outputs, in [1, inf).
      input_shape: (height, width, channels) of an image; height and width are in
        [27, inf) without padding, in [1, inf) with it.
      activation: applied after each convolution.
      normalization: makes a normalization, as :func:`.batch_norm`; None for none.
      pools: the two poolings, after the first and after the second stage.
      padding: of convolutions and pooling, ``"VALID"`` or ``"SAME"``.
      dropout: probability of dropping a value, in [0, 1).
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
      >>> from inna_optax.zoo import NiN
      >>> model = NiN(10, (32, 32, 3), rngs=nnx.Rngs(0))
      >>> model.train()
      >>> model(jnp.ones((2, 32, 32, 3)), rngs=nnx.Rngs(1)).shape
      (2, 10)
    """

    def __init__(
        self,
        classes: int,
        input_shape: Sequence[int],
        *,
        activation: Activation = nnx.relu,
        normalization: Normalization | None = None,
        pools: tuple[Pool, Pool] = (max_pool, avg_pool),
        padding: str = "VALID",
        dropout: float = 0.5,
        kernel_init: nnx.Initializer = GLOROT_NORMAL,
        rngs: nnx.Rngs,
    ) -> None:
        check_padding(padding)
        check_number("dropout", dropout, "[0, 1)")
        check_rngs(rngs)
        classes = as_count("classes", classes)
        *_, channels = as_image_shape(
            input_shape, padding=padding, smallest=27 if padding == "VALID" else 1
        )
        stages = ((5, (192, 160, 96)), (5, (192, 192, 192)), (3, (192, 192, classes)))
        self.stages: List[List[ConvUnit]] = List([])
        for window, features in stages:
            widths = itertools.pairwise((channels, *features))
            self.stages.append(
                List(
                    ConvUnit(
                        inputs,
                        outputs,
                        window if first else 1,
                        padding=padding,
                        normalization=normalization,
                        activation=activation,
                        kernel_init=kernel_init,
                        rngs=rngs,
                    )
                    for first, (inputs, outputs) in zip(
                        (True, False, False), widths, strict=True
                    )
                )
            )
            channels = features[-1]
        self.output = nnx.Linear(classes, classes, kernel_init=kernel_init, rngs=rngs)
        # Without keys of its own, so that the network's state does not depend on how
        # often it was called: each call passes keys.
        self.dropout = nnx.Dropout(dropout)
        self.pools = pools
        self.padding = padding

    def __call__(self, x: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Maps images (batch, height, width, channels) to logits (batch, classes).

        Args:
          x: images.
          rngs: random keys of dropout, for training: its stream ``dropout`` is used or,
            if there is none, the default one.
        """
        *first_stages, last_stage = self.stages
        for stage, pool in zip(first_stages, self.pools, strict=True):
            for unit in stage:
                x = unit(x)
            x = self.dropout(pool(x, 3, 2, self.padding), rngs=rngs)
        for unit in last_stage:
            x = unit(x)
        return self.output(global_avg_pool(x))
