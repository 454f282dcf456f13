"""How weights are drawn unless a network is told otherwise."""

from flax import nnx

# Variances 1/inputs, 2/inputs and 2/(inputs + outputs), with a convolution's inputs
# and outputs counted over its window: normal distributions, cut at two deviations.
LECUN_NORMAL: nnx.Initializer = nnx.initializers.lecun_normal()
HE_NORMAL: nnx.Initializer = nnx.initializers.he_normal()
GLOROT_NORMAL: nnx.Initializer = nnx.initializers.glorot_normal()
