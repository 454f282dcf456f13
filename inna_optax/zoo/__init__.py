"""The experiments' networks, in Flax (nnx)."""

from inna_optax.zoo.mlp import MLP

__all__ = ["MLP"]
