"""Lists of layers, under the name that the installed version of Flax has for them."""

from typing import TYPE_CHECKING

from flax import nnx

if TYPE_CHECKING or hasattr(nnx, "List"):
    from flax.nnx import List
else:  # Flax 0.11 takes Python's.
    List = list

__all__ = ["List"]
