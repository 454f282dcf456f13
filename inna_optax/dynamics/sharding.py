"""Params in parts on a mesh with Explicit axes, as :func:`jax.make_mesh` makes them.

There JAX's types say how an array is sharded, and arrays sharded otherwise neither
concatenate nor replace each other in a loop.  What computes with all params at once
therefore takes them whole, and gives the user's function each in its own parts.
"""

from typing import Any

import jax
from jax.sharding import AxisType, NamedSharding, PartitionSpec


def whole(params: Any) -> Any:
    """The pytree, each leaf whole on every device of its mesh's Explicit axes."""

    def one(x: jax.Array) -> jax.Array:
        mesh = jax.typeof(x).sharding.mesh
        if AxisType.Explicit not in mesh.axis_types:
            return x
        return jax.sharding.reshard(x, NamedSharding(mesh, PartitionSpec()))

    return jax.tree.map(one, params)


def in_parts(tree: Any, params: Any, *, leading_axes: int = 0) -> Any:
    """The pytree, each leaf sharded along Explicit axes as that of ``params``.

    Args:
      tree: of arrays of the shapes of ``params``.
      params: a pytree of the same structure.
      leading_axes: number of axes that come first in each leaf of ``tree`` only.
    """

    def one(x: jax.Array, param: jax.Array) -> jax.Array:
        mesh, spec = jax.typeof(param).sharding.mesh, jax.typeof(param).sharding.spec
        if AxisType.Explicit not in mesh.axis_types:
            return x
        spec = PartitionSpec(*(None,) * leading_axes, *spec)
        return jax.sharding.reshard(x, NamedSharding(mesh, spec))

    return jax.tree.map(one, tree, params)
