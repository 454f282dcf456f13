"""One run on many devices: which part of each array lies where.

A mesh has two axes.  Along ``data`` lie different examples: each device computes the
gradient of its part of a mini-batch, and the gradients are summed over the devices.
Along ``model`` lie different parts of the parameters, and with them of the optimizer's
state.  The program is the one for a single device, with the shardings of its arrays
stated.  The compiler chooses the collectives.  The results are those of one device, up
to the rounding of sums in another order.

The mesh may be the user's own, with Auto or Explicit axes, and one of the two axes may
be missing.  What the engine hands out lies on that mesh.  Its compiled functions run on
the same devices with Auto axes, :func:`on_mesh`: the compiler chooses the shardings
inside a step, for any network and optimizer.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
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
    """Raises unless a run can be on ``mesh``.

    Raises:
      TypeError: if it is not a mesh.
      ValueError: if it has no axis, others than ``data`` and ``model``, or Manual ones.
    """
    check_type("mesh", mesh, Mesh)
    if not mesh.axis_names or not set(mesh.axis_names) <= set(AXES):
        raise ValueError(
            f"mesh must have the axis {' or '.join(AXES)} or both, and no other, got"
            f" {', '.join(map(str, mesh.axis_names)) or 'none'}."
        )
    if AxisType.Manual in mesh.axis_types:
        raise ValueError(
            "mesh must have axes of the types Auto or Explicit, got"
            f" {', '.join(kind.name for kind in mesh.axis_types)}."
        )


def count_parts(axis: str, mesh: Mesh | None) -> int:
    """The size of an axis of the mesh, 1 if it is not there."""
    return mesh.shape.get(axis, 1) if mesh else 1


def along_data(mesh: Mesh) -> NamedSharding:
    """Of arrays of examples, split along ``data`` if the mesh has it."""
    return NamedSharding(mesh, PartitionSpec("data" if "data" in mesh.shape else None))


def everywhere(mesh: Mesh) -> NamedSharding:
    """Of arrays that every device has whole."""
    return NamedSharding(mesh, PartitionSpec())


def _is_explicit(mesh: Any) -> bool:
    return AxisType.Explicit in mesh.axis_types


def _explicit_part(sharding: NamedSharding) -> NamedSharding:
    mesh = sharding.mesh
    kinds = dict(zip(mesh.axis_names, mesh.axis_types, strict=True))
    axes = (
        axis if kinds.get(axis) == AxisType.Explicit else None for axis in sharding.spec
    )
    return NamedSharding(mesh, PartitionSpec(*axes))


@functools.cache
def _with_auto_axes(mesh: Mesh) -> Mesh:
    kinds = (AxisType.Auto,) * len(mesh.axis_names)
    return Mesh(mesh.devices, mesh.axis_names, axis_types=kinds)


def on_mesh(
    function: Callable[..., Any],
    mesh: Mesh | None,
    shardings: Callable[[Any, Mesh], Any],
) -> Callable[..., Any]:
    """``function``, compiled with Auto axes whatever mesh is around and its arrays on.

    Args:
      function: of pytrees of arrays, to a pytree of arrays.
      mesh: where its results lie; None for the default device.
      shardings: of the results on a mesh, for Explicit axes.

    Returns:
      The function; as it is if there are no Explicit axes.
    """
    if mesh is None:
        return function
    inside = _with_auto_axes(mesh).abstract_mesh

    def cast(x: Any) -> Any:
        # Of Auto axes nothing is said, so that nothing moves.
        explicit = _is_explicit(jax.typeof(x).sharding.mesh)
        return jax.sharding.reshard(x, PartitionSpec()) if explicit else x

    @jax.jit
    def compiled(*arguments: Any) -> Any:
        with jax.sharding.use_abstract_mesh(inside):
            results = function(*jax.tree.map(cast, arguments))
        if not _is_explicit(mesh):
            return results
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
            stated = jax.tree.map(_explicit_part, shardings(results, mesh))
            return jax.sharding.reshard(results, stated)

    def called(*arguments: Any) -> Any:
        meshes = (jax.typeof(x).sharding.mesh for x in jax.tree.leaves(arguments))
        around = jax.sharding.get_abstract_mesh()
        if any(map(_is_explicit, (mesh, around, *meshes))):
            return compiled(*arguments)
        return function(*arguments)

    return called


def array_shardings(tree: Any, mesh: Mesh) -> Any:
    """Where the arrays of a run lie: parameters, optimizer state, running averages.

    The rule looks at an array's shape only, so that what has a parameter's shape, as
    the moments and velocities of its optimizer, lies where the parameter does.  Along
    ``model`` lies the last dimension that its size divides: a kernel's output features.
    Each device then computes its features of every layer and the activations are put
    together, never the kernels.  An array with no such dimension is everywhere.

    Args:
      tree: of arrays, or of shapes as :func:`jax.eval_shape` gives them.
      mesh: from :func:`make_mesh`, or your own with one of its axes or both.

    Returns:
      The tree's structure, with a :class:`jax.sharding.NamedSharding` at each leaf.

    Raises:
      TypeError: if ``mesh`` is not a mesh.
      ValueError: if it has other axes than ``data`` and ``model``, or Manual ones.

    Examples:
      >>> import jax
      >>> from inna_optax.training import array_shardings, make_mesh
      >>> kernel = jax.ShapeDtypeStruct((784, 30), float)
      >>> tuple(array_shardings(kernel, make_mesh({"data": 1})).spec)
      (None, 'model')
    """
    check_mesh(mesh)
    parts = mesh.shape.get("model")

    def sharding(array: Any) -> NamedSharding:
        axes: list[str | None] = [None] * len(array.shape)
        for i in reversed(range(len(axes))):
            if parts and array.shape[i] and array.shape[i] % parts == 0:
                axes[i] = "model"
                break
        return NamedSharding(mesh, PartitionSpec(*axes))

    return jax.tree.map(sharding, tree)


def with_shardings(tree: Any, mesh: Mesh | None) -> Any:
    """Shapes as :func:`jax.eval_shape` gives them, with the shardings of their arrays.

    Args:
      tree: of shapes.
      mesh: as in :func:`array_shardings`; None for the default device.

    Returns:
      The tree with a ``sharding`` at each leaf, for :meth:`.Checkpoints.restore`.

    Raises:
      TypeError: if ``mesh`` is not a mesh.
      ValueError: if it has other axes than ``data`` and ``model``, or Manual ones.

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
    shardings = array_shardings(tree, _with_auto_axes(mesh))
    return jax.lax.with_sharding_constraint(tree, shardings)


def constrain_batch(examples: Any, mesh: Mesh | None) -> Any:
    """Inside a compiled function: arrays of examples, split along ``data``."""
    if mesh is None:
        return examples
    sharding = along_data(_with_auto_axes(mesh))
    return jax.lax.with_sharding_constraint(examples, sharding)


def put_examples(examples: Any, mesh: Mesh | None) -> Any:
    """Arrays of examples on the device, or a part of each on each device.

    They are split along ``data`` if its size divides their number, else all examples
    are on every device.  Each process is given the whole arrays and puts the parts of
    its own devices.

    Args:
      examples: a pytree of arrays of shape (examples, ...).
      mesh: as in :func:`array_shardings`; None for the default device.

    Returns:
      The same numbers, on the devices.

    Raises:
      TypeError: if a leaf is not an array of examples, or ``mesh`` not a mesh.
      ValueError: if the mesh has other axes than ``data`` and ``model``, or Manual
        ones.

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
        divides = len(array) % count_parts("data", mesh) == 0
        sharding = along_data(mesh) if divides else everywhere(mesh)
        array = np.asarray(array)
        return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)

    return jax.tree.map(put, examples)
