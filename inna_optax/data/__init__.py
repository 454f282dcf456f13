"""Data sets as arrays, checked before they are used."""

from inna_optax.data.dataset import Dataset, head
from inna_optax.data.errors import DataError
from inna_optax.data.load import NAMES, load

__all__ = ["NAMES", "DataError", "Dataset", "head", "load"]
