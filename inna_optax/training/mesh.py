"""One run on many devices: which part of each array lies where.

A mesh has two axes.  Along ``data`` lie different examples: each device computes the
gradient of its part of a mini-batch, and the sum over devices is the one collective
that training needs.  Along ``model`` lie different parts of the parameters, and with
them of the optimizer's state.  Everything else, the collectives included, is the
compiler's: the program is the one for a single device, with the places of its arrays
stated, and so are its numbers, to the rounding of sums in another order.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from inna_optax._checks import as_count, nearest, shown
from inna_optax.training.arguments import check_type

AXES = ("data", "model")


def make_mesh(
    sizes: Mapping[str, int], devices: Sequence[jax.Device] | None = None
) -> Mesh:
    """A mesh of devices with the axes ``data`` and ``model``.

    Args:
      sizes: number of devices along each axis, in [1, inf); 1 where an axis is not
        named.
      devices: which; the first of all if None.

    Returns:
      The mesh.

    Raises:
      TypeError: if ``sizes`` is not a mapping to integers, or ``devices`` are none.
      ValueError: if an axis has another name, a size is not in its range, there are
        too few devices, or there are several processes and not all are used.

    Examples:
      >>> from inna_optax.training import make_mesh
      >>> dict(make_mesh({"data": 1}).shape)
      {'data': 1, 'model': 1}
    """
    if not isinstance(sizes, Mapping):
        raise TypeError(
            f"sizes must be a mapping, such as {{'data': 2}}, got {shown(sizes)}."
        )
    for axis in sizes:
        if axis not in AXES:
            raise ValueError(
                f"an axis must be one of {', '.join(AXES)}, got {axis!r}."
                f"{nearest(axis, AXES)}"
            )
    shape = tuple(as_count(axis, sizes.get(axis, 1)) for axis in AXES)
    if devices is None:
        devices = jax.devices()
    if not (
        isinstance(devices, Sequence)
        and all(isinstance(device, jax.Device) for device in devices)
    ):
        raise TypeError(
            f"devices must be those of jax.devices(), got {shown(devices)}."
        )
    needed = math.prod(shape)
    too_few = jax.process_count() > 1 and needed < len(devices)
    if needed > len(devices) or too_few:
        asked = ", ".join(f"{axis}={size}" for axis, size in sizes.items())
        raise ValueError(
            f"{asked} takes {needed} devices, and there are {len(devices)}"
            f"{', which several processes must use all' if too_few else ''}."
        )
    return jax.make_mesh(
        shape,
        AXES,
        axis_types=(AxisType.Auto,) * len(AXES),
        devices=devices[:needed],
    )


def check_mesh(mesh: Any) -> None:
    """Raises unless ``mesh`` is one with the axes ``data`` and ``model``.

    Raises:
      TypeError: if it is not a mesh.
      ValueError: if it has other axes.
    """
    check_type("mesh", mesh, Mesh)
    if not set(AXES) <= set(mesh.axis_names):
        raise ValueError(
            f"mesh must have the axes {' and '.join(AXES)}, as make_mesh gives it, got"
            f" {', '.join(map(str, mesh.axis_names))}."
        )


def array_shardings(tree: Any, mesh: Mesh) -> Any:
    """Where the arrays of a run lie: parameters, optimizer state, running averages.

    The rule looks at an array's shape only, so that what has a parameter's shape, as
    the moments and velocities of its optimizer, lies where the parameter does.  Along
    ``model`` lies the last dimension that its size divides: a kernel's output features.
    Each device then computes its features of every layer and the activations are put
    together, never the kernels.  An array with no such dimension is everywhere.

    Args:
      tree: of arrays, or of shapes as :func:`jax.eval_shape` gives them.
      mesh: from :func:`make_mesh`.

    Returns:
      The tree's structure, with a :class:`jax.sharding.NamedSharding` at each leaf.

    Raises:
      TypeError: if ``mesh`` is not a mesh.
      ValueError: if it has not the axes ``data`` and ``model``.

    Examples:
      >>> import jax
      >>> from inna_optax.training import array_shardings, make_mesh
      >>> kernel = jax.ShapeDtypeStruct((784, 30), float)
      >>> tuple(array_shardings(kernel, make_mesh({"data": 1})).spec)
      (None, 'model')
    """
    check_mesh(mesh)
    parts = mesh.shape["model"]

    def sharding(array: Any) -> NamedSharding:
        axes: list[str | None] = [None] * len(array.shape)
        for i in reversed(range(len(axes))):
            if array.shape[i] and array.shape[i] % parts == 0:
                axes[i] = "model"
                break
        return NamedSharding(mesh, PartitionSpec(*axes))

    return jax.tree.map(sharding, tree)


def with_places(tree: Any, mesh: Mesh | None) -> Any:
    """Shapes as :func:`jax.eval_shape` gives them, with the places of their arrays.

    Args:
      tree: of shapes.
      mesh: from :func:`make_mesh`; None for the default device.

    Returns:
      The tree with a ``sharding`` at each leaf, for :meth:`.Checkpoints.restore`.

    Raises:
      TypeError: if ``mesh`` is not a mesh.
      ValueError: if it has not the axes ``data`` and ``model``.

    Examples:
      >>> import jax
      >>> from inna_optax.training import make_mesh, with_places
      >>> kernel = jax.ShapeDtypeStruct((784, 30), float)
      >>> tuple(with_places(kernel, make_mesh({"data": 1})).sharding.spec)
      (None, 'model')
    """
    if mesh is None:
        device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        shardings = jax.tree.map(lambda _: device, tree)
    else:
        shardings = array_shardings(tree, mesh)
    return jax.tree.map(
        lambda x, sharding: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
        tree,
        shardings,
    )


def place(tree: Any, mesh: Mesh | None) -> Any:
    """Inside a compiled function: the arrays of a run, held to their places."""
    if mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, array_shardings(tree, mesh))


def split(examples: Any, mesh: Mesh | None) -> Any:
    """Inside a compiled function: arrays of examples, held apart along ``data``."""
    if mesh is None:
        return examples
    along_data = NamedSharding(mesh, PartitionSpec("data"))
    return jax.lax.with_sharding_constraint(examples, along_data)


def put_examples(array: Any, mesh: Mesh | None) -> jax.Array:
    """An array of examples on the device, or a part of it on each.

    Along ``data`` if its size divides their number, else all examples everywhere.  Each
    process is given the whole array and puts the parts of its own devices.

    Args:
      array: of shape (examples, ...).
      mesh: from :func:`make_mesh`; None for the default device.

    Returns:
      The same numbers, on the devices.

    Raises:
      TypeError: if ``array`` is not an array of examples, or ``mesh`` not a mesh.
      ValueError: if the mesh has not the axes ``data`` and ``model``.

    Examples:
      >>> import numpy as np
      >>> from inna_optax.training import make_mesh, put_examples
      >>> images = put_examples(np.zeros((60, 28, 28, 1)), make_mesh({"data": 1}))
      >>> tuple(images.sharding.spec)
      ('data',)
    """
    if not getattr(array, "ndim", 0):
        raise TypeError(
            f"array must be an array of shape (examples, ...), got {shown(array)}."
        )
    if mesh is None:
        return jax.device_put(array)
    check_mesh(mesh)
    divides = len(array) % mesh.shape["data"] == 0
    spec = PartitionSpec("data") if divides else PartitionSpec()
    array = np.asarray(array)
    return jax.make_array_from_callback(
        array.shape, NamedSharding(mesh, spec), array.__getitem__
    )
