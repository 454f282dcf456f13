"""Arithmetic over pytrees in at least float32.

Coefficients such as `1 - alpha * gamma` are close to one, and bfloat16 has only eight
bits.  Every update of this package is therefore a sum of `coefficient * leaf` that is
computed in float32 or wider.  Only the result is cast to the type in which it is
stored.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

# A hyperparameter's value.  If it is known it is a Python number, with which Python
# computes in double precision; if JAX traces it it is an array of shape ().
Scalar = float | jax.Array
PyTree = Any


def working_dtype(*arrays: Any) -> jnp.dtype:
    """The type in which `arrays` are combined: theirs, but at least float32."""
    return functools.reduce(
        jnp.promote_types, map(jnp.result_type, arrays), jnp.dtype("float32")
    )


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


def zeros_like(params: PyTree, dtype: Any = None) -> PyTree:
    """Zeros for an optimizer's state: fresh arrays, sharded as `params`.

    Args:
      params: a pytree of arrays or of `jax.ShapeDtypeStruct`.
      dtype: type of the zeros (of their real and imaginary parts, if a param is
        complex); None for the params' own types, widened to float32.
    """

    def zeros(param: Any) -> jax.Array:
        own = working_dtype(param)
        if dtype is None:
            chosen = own
        elif jnp.issubdtype(own, jnp.complexfloating):
            chosen = jnp.promote_types(dtype, jnp.complex64)
        else:
            chosen = dtype
        return jnp.zeros_like(param, dtype=chosen)

    return jax.tree.map(zeros, params)


def weighted_sum(
    coefficients: Sequence[Scalar], trees: Sequence[PyTree], like: PyTree = None
) -> PyTree:
    """Returns `sum_i coefficients[i] * trees[i]`, stored in the types of `like`.

    Args:
      coefficients: real scalars.
      trees: as many pytrees of the same structure.
      like: a pytree of that structure, whose leaves' types the result has; None for
        the types in which it is computed.
    """

    def combine(like_leaf: jax.Array, *leaves: jax.Array) -> jax.Array:
        dtype = working_dtype(*leaves)
        total = sum(
            jnp.asarray(c, real_dtype(dtype)) * x.astype(dtype)
            for c, x in zip(coefficients, leaves, strict=True)
        )
        return jnp.asarray(total, dtype if like is None else like_leaf.dtype)

    return jax.tree.map(combine, trees[0] if like is None else like, *trees)


def real_vdot(left: PyTree, right: PyTree) -> jax.Array:
    """The real inner product of two pytrees, summed in at least float32."""

    def product(x: jax.Array, y: jax.Array) -> jax.Array:
        dtype = working_dtype(x, y)
        return jnp.sum(jnp.real(jnp.conj(x.astype(dtype)) * y.astype(dtype)))

    terms = jax.tree.leaves(jax.tree.map(product, left, right))
    return sum(terms, start=jnp.zeros((), scalar_dtype((left, right))))
