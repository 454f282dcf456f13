"""Data sets as arrays, checked before they are used."""

from inna_optax.data._load import NAMES, load
from inna_optax.data.dataset import Dataset, head
from inna_optax.data.errors import DataError
from inna_optax.data.text import Text, bigram_bits, load_text, unigram_bits

__all__ = [
    "NAMES",
    "DataError",
    "Dataset",
    "Text",
    "bigram_bits",
    "head",
    "load",
    "load_text",
    "unigram_bits",
]
