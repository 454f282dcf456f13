"""Data sets as arrays, checked before they are used."""

from inna_optax.data.dataset import Dataset
from inna_optax.data.load import NAMES, load

__all__ = ["NAMES", "Dataset", "load"]
