"""One run on many devices: which part of each array lies where.

A mesh has two axes.  Along ``data`` lie different examples: each device computes the
gradient of its part of a mini-batch, and the gradients are summed over the devices.
Along ``model`` lie different parts of the parameters, and with them of the optimizer's
state.  The program is the one for a single device, with the shardings of its arrays
stated.  The compiler chooses the collectives.  The results are those of one device, up
to the rounding of sums in another order.
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
      ValueError: if it has other axes, or axes whose shardings are Explicit, as
        `jax.make_mesh` makes them, or Manual.
    """
    check_type("mesh", mesh, Mesh)
    if not set(AXES) <= set(mesh.axis_names):
        raise ValueError(
            f"mesh must have the axes {' and '.join(AXES)}, as make_mesh gives it, got"
            f" {', '.join(map(str, mesh.axis_names))}."
        )
    if any(kind != AxisType.Auto for kind in mesh.axis_types):
        raise ValueError(
            "mesh must have axes of the type Auto, as make_mesh gives it, got"
            f" {', '.join(kind.name for kind in mesh.axis_types)}: the compiler chooses"
            " the shardings inside a step."
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


def with_shardings(tree: Any, mesh: Mesh | None) -> Any:
    """Shapes as :func:`jax.eval_shape` gives them, with the shardings of their arrays.

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
      >>> from inna_optax.training import make_mesh, with_shardings
      >>> kernel = jax.ShapeDtypeStruct((784, 30), float)
      >>> tuple(with_shardings(kernel, make_mesh({"data": 1})).sharding.spec)
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


def constrain_state(tree: Any, mesh: Mesh | None) -> Any:
    """Inside a compiled function: the arrays of a run, with their shardings."""
    if mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, array_shardings(tree, mesh))


def constrain_batch(examples: Any, mesh: Mesh | None) -> Any:
    """Inside a compiled function: arrays of examples, split along ``data``."""
    if mesh is None:
        return examples
    along_data = NamedSharding(mesh, PartitionSpec("data"))
    return jax.lax.with_sharding_constraint(examples, along_data)


def put_examples(examples: Any, mesh: Mesh | None) -> Any:
    """Arrays of examples on the device, or a part of each on each device.

    They are split along ``data`` if its size divides their number, else all examples
    are on every device.  Each process is given the whole arrays and puts the parts of
    its own devices.

    Args:
      examples: a pytree of arrays of shape (examples, ...).
      mesh: from :func:`make_mesh`; None for the default device.

    Returns:
      The same numbers, on the devices.

    Raises:
      TypeError: if a leaf is not an array of examples, or ``mesh`` not a mesh.
      ValueError: if the mesh has not the axes ``data`` and ``model``.

    Examples:
      >>> import numpy as np
      >>> from inna_optax.training import make_mesh, put_examples
      >>> images = put_examples(np.zeros((60, 28, 28, 1)), make_mesh({"data": 1}))
      >>> tuple(images.sharding.spec)
      ('data',)
    """
    if mesh is not None:
        check_mesh(mesh)

    def put(array: Any) -> jax.Array:
        if not getattr(array, "ndim", 0):
            raise TypeError(
                f"examples must be arrays of shape (examples, ...), got {shown(array)}."
            )
        if mesh is None:
            return jax.device_put(array)
        divides = len(array) % mesh.shape["data"] == 0
        spec = PartitionSpec("data") if divides else PartitionSpec()
        array = np.asarray(array)
        return jax.make_array_from_callback(
            array.shape, NamedSharding(mesh, spec), array.__getitem__
        )

    return jax.tree.map(put, examples)
