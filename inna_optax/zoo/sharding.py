"""Arrays in parts on many devices, as JAX's types tell them.

With Explicit axes of a mesh, as :func:`jax.make_mesh` makes them, a type says along
which axis which dimension lies; inside :func:`jax.shard_map` it says along which axes
the values vary.  JAX asks of some operations that these parts of the types agree, or
that the result's is stated.  Here they are brought to agree.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import AxisType


def varying_alike(*arrays: jax.Array) -> tuple[jax.Array, ...]:
    """The arrays, each varying along all axes along which one of them does.

    A derivative with respect to what varied along fewer is then summed over the others
    by JAX, outside of a custom rule.
    """
    # An operation makes its operands alike.  Choosing the first of one is none.
    first = sum(lax.full_like(x, 0, jnp.int32, ()) for x in arrays)
    return tuple(lax.select_n(first, x) for x in arrays)


def in_auto_mode(
    function: Callable[..., jax.Array], like: Callable[..., jax.Array]
) -> Callable[..., jax.Array]:
    """``function``, inside of which the compiler chooses how arrays are sharded.

    It does so on Auto axes anyway.  On Explicit ones it refuses what has no rule, as
    to split a dimension.

    Args:
      function: from arrays to an array.
      like: has the same result, in operations that have rules; it is never run.

    Returns:
      The function, whose result is sharded as that of ``like``.
    """

    def wrapped(*arrays: jax.Array) -> jax.Array:
        meshes = (jax.typeof(x).sharding.mesh for x in arrays)
        if not any(AxisType.Explicit in mesh.axis_types for mesh in meshes):
            return function(*arrays)
        sharding = jax.make_jaxpr(like)(*arrays).out_avals[0].sharding
        kinds = zip(sharding.mesh.axis_names, sharding.mesh.axis_types, strict=True)
        explicit = tuple(name for name, kind in kinds if kind == AxisType.Explicit)
        auto = jax.sharding.auto_axes(function, axes=explicit, out_sharding=sharding)
        return auto(*arrays)

    return wrapped
