"""Data sets as arrays, checked before they are used."""

from inna_optax.data._load import NAMES, load
from inna_optax.data.dataset import Dataset, head
from inna_optax.data.errors import DataError

__all__ = ["NAMES", "DataError", "Dataset", "head", "load"]
