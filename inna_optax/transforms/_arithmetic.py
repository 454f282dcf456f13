"""Arithmetic over pytrees in at least float32.

Coefficients such as `1 - alpha * gamma` are close to one, and bfloat16 has only eight
bits.  Every update of this package is therefore a sum of `coefficient * leaf` that is
computed in float32 or wider.  Only the result is cast to the type in which it is
stored.

A leaf is whatever JAX takes for an array: also a Python float, a NumPy scalar, an array
of float64 where JAX has only float32.  A gradient may be None, as equinox gives it for
what is not differentiable: its update is None, and its state stays.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from inna_optax._checks import shown

# A hyperparameter's value.  If it is known it is a Python number, with which Python
# computes in double precision; if JAX traces it it is an array of shape ().
Scalar = float | jax.Array
PyTree = Any
# Names of axes of `shard_map`, `pmap` or `vmap`.
AxisName = str | tuple[str, ...]


def working_dtype(*leaves: Any) -> jnp.dtype:
    """The type in which `leaves` are combined: theirs, but at least float32."""
    return functools.reduce(_promoted, map(_own_dtype, leaves), jnp.dtype("float32"))


def _own_dtype(leaf: Any) -> jnp.dtype:
    """A leaf's type, float32 for types of 8 bits and less, which JAX promotes to none.

    `leaf` may also be a type.
    """
    dtype = jnp.result_type(leaf)
    is_narrow = jnp.issubdtype(dtype, jnp.floating) and jnp.finfo(dtype).bits <= 8
    return jnp.dtype("float32") if is_narrow else dtype


def _promoted(left: Any, right: Any) -> jnp.dtype:
    # Which type to compute in is stated here, so JAX's strict mode need not ask.
    with jax.numpy_dtype_promotion("standard"):
        return jnp.promote_types(left, right)


def real_dtype(dtype: Any) -> jnp.dtype:
    """The type of the real and imaginary parts of `dtype`'s numbers."""
    return jnp.finfo(dtype).dtype


def scalar_dtype(tree: PyTree) -> jnp.dtype:
    """The real type, at least float32, of the scalars kept beside `tree`."""
    return real_dtype(working_dtype(*jax.tree.leaves(tree)))


def rounding_error(tree: PyTree) -> float:
    """The largest machine epsilon with which `tree`'s leaves are computed."""
    types = {working_dtype(leaf) for leaf in jax.tree.leaves(tree)}
    return max(float(jnp.finfo(dtype).eps) for dtype in types or {jnp.float32})


def map_leaves(function: Callable[..., Any], *trees: PyTree) -> PyTree:
    """`jax.tree.map`, where None is a leaf: one tree may have it where others do not.

    The first tree gives the structure.
    """
    return jax.tree.map(function, *trees, is_leaf=lambda leaf: leaf is None)


def differentiable(updates: PyTree) -> PyTree:
    """The gradients, with zeros for those of integers, which have no arithmetic."""

    def zeros_if_float0(gradient: Any) -> Any:
        if getattr(gradient, "dtype", None) == jax.dtypes.float0:
            return jnp.zeros(gradient.shape, jnp.float32)
        return gradient

    return jax.tree.map(zeros_if_float0, updates)


def update_dtypes(updates: PyTree, params: PyTree) -> PyTree:
    """The types of the updates that an optimizer returns.

    Those to which gradients and params promote: rounded to the type of float16
    gradients, an update would be zero where float32 params should move.  Without
    params None, which stands for the types in which the updates are computed.
    """
    if params is None:
        return None

    def dtype(gradient: Any, param: Any) -> Any:
        if gradient is None or param is None:
            return None
        types = jnp.result_type(gradient), jnp.result_type(param)
        return types[0] if types[0] == types[1] else working_dtype(*types)

    return map_leaves(dtype, updates, params)


def zeros_like(params: PyTree, dtype: Any = None) -> PyTree:
    """Zeros for an optimizer's state: fresh arrays, sharded as `params`.

    Args:
      params: a pytree of numbers, arrays or `jax.ShapeDtypeStruct`.
      dtype: type of the zeros (of their real and imaginary parts, if a param is
        complex); None for the params' own types, widened to float32.

    Raises:
      TypeError: if a leaf of `params` is something else.
    """

    def zeros(own: Any, param: Any) -> jax.Array:
        if dtype is None:
            chosen = own
        elif jnp.issubdtype(own, jnp.complexfloating):
            chosen = _promoted(dtype, jnp.complex64)
        else:
            chosen = dtype
        return jnp.zeros_like(param, dtype=chosen)

    return jax.tree.map(zeros, _working_dtypes(params), params)


def _working_dtypes(params: PyTree) -> PyTree:
    """The type in which each leaf is computed with.

    Raises:
      TypeError: if a leaf is neither a number nor an array of numbers.
    """

    def dtype(path: Any, param: Any) -> jnp.dtype:
        try:
            return working_dtype(param)
        except TypeError:
            raise TypeError(
                "params must be numbers and arrays of numbers, got"
                f" {shown(param)} at params{jax.tree_util.keystr(path)}."
            ) from None

    return jax.tree_util.tree_map_with_path(dtype, params)


def weighted_sum(
    coefficients: Sequence[Scalar], trees: Sequence[PyTree], like: PyTree = None
) -> PyTree:
    """Returns `sum_i coefficients[i] * trees[i]`, stored in the types of `like`.

    Args:
      coefficients: real scalars.
      trees: as many pytrees of the same structure.  Where one of them has None the
        result has the leaf of `like`.
      like: a pytree of that structure, of arrays or types; None for the types in
        which the sum is computed.
    """

    def combine(like_leaf: Any, *leaves: Any) -> Any:
        if any(leaf is None for leaf in leaves):
            return None if like is None else like_leaf
        dtype = working_dtype(*leaves)
        real = real_dtype(dtype)
        with jax.numpy_dtype_promotion("standard"):  # a real times a complex number
            total = sum(
                jnp.asarray(c, real) * jnp.asarray(x, dtype)
                for c, x in zip(coefficients, leaves, strict=True)
            )
        return jnp.asarray(total, dtype if like is None else jnp.result_type(like_leaf))

    return map_leaves(combine, trees[0] if like is None else like, *trees)


def real_vdot(
    left: PyTree, right: PyTree, axis_name: AxisName | None = None
) -> jax.Array:
    """The real inner product of two pytrees, summed in at least float32.

    Leaves that are None in one of them are left out.  With `axis_name` each device
    holds its part of the leaves, and the sum is over the parts of all devices along it.
    """

    def product(x: Any, y: Any) -> jax.Array | None:
        if x is None or y is None:
            return None
        dtype = working_dtype(x, y)
        x, y = jnp.asarray(x, dtype), jnp.asarray(y, dtype)
        return jnp.sum(jnp.real(jnp.conj(x) * y))

    terms = jax.tree.leaves(map_leaves(product, left, right))
    return _total(terms, scalar_dtype((left, right)), axis_name)


def zero_vdot(tree: PyTree, axis_name: AxisName | None = None) -> jax.Array:
    """Zero, of the type of :func:`real_vdot` of `tree` with itself.

    Inside `shard_map` an array's type says along which axes it varies from device to
    device, and the carry of a loop keeps its type.
    """
    dtype = scalar_dtype(_working_dtypes(tree))
    zeros = [
        jnp.zeros_like(leaf, dtype, shape=())
        for leaf in jax.tree.leaves(tree)
        if isinstance(leaf, jax.core.Tracer)  # other arrays may lie on other devices
    ]
    return _total(zeros, dtype, axis_name)


def _total(
    terms: Sequence[jax.Array], dtype: Any, axis_name: AxisName | None
) -> jax.Array:
    """The sum of scalars, and over the devices along `axis_name`."""
    sums: dict[tuple[str, ...], jax.Array] = {}
    for term in terms:
        axes = _summed_axes(term, axis_name)
        sums[axes] = sums.get(axes, jnp.zeros((), dtype)) + term.astype(dtype)
    return sum(
        (jax.lax.psum(x, axes) if axes else x for axes, x in sums.items()),
        start=jnp.zeros((), dtype),
    )


def _summed_axes(term: jax.Array, axis_name: AxisName | None) -> tuple[str, ...]:
    """The axes of `axis_name` along which devices hold different parts.

    Without those along which `term` is known to be equal, so that it counts once: that
    is known where `shard_map` checks what varies (`check_vma=True`).
    """
    if axis_name is None:
        return ()
    axes = axis_name if isinstance(axis_name, tuple) else (axis_name,)
    return tuple(
        axis
        for axis in axes
        if axis in _varying(term) or axis not in _varying(jax.lax.axis_index(axis))
    )


def _varying(x: jax.Array) -> frozenset[str]:
    """The axes of `shard_map` along which `x` is known to vary."""
    kind = jax.typeof(x)
    # jax 0.10 moved it.
    return kind.mat.varying if hasattr(kind, "mat") else kind.vma


def placed_as(x: Any, like: jax.Array) -> jax.Array:
    """`x` in the type of `like`, with its sharding on meshes with Explicit axes.

    There a gradient may be everywhere while the state is split.  Sums of the two are
    split, but `jnp.where` refuses them.  XLA removes the sum with zero.
    """
    return jnp.asarray(x, like.dtype) + jnp.zeros_like(like)
