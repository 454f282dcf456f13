"""The experiments' networks, in Flax (nnx)."""

from inna_optax.zoo.autoencoder import AutoEncoder
from inna_optax.zoo.lenet import LeNet
from inna_optax.zoo.mlp import MLP
from inna_optax.zoo.nin import NiN
from inna_optax.zoo.normalization import batch_norm
from inna_optax.zoo.resnet import ResNet20
from inna_optax.zoo.transformer import Transformer

__all__ = [
    "MLP",
    "AutoEncoder",
    "LeNet",
    "NiN",
    "ResNet20",
    "Transformer",
    "batch_norm",
]
