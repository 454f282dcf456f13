"""The extreme eigenvalues of a loss's Hessian, from Hessian-vector products."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from matfree import decomp

from inna_optax._checks import as_count
from inna_optax.dynamics.arguments import check_key
from inna_optax.dynamics.sharding import in_parts, whole
from inna_optax.transforms._arithmetic import working_dtype


class HessianExtremes(NamedTuple):
    """The smallest and the largest eigenvalue that Lanczos's method found."""

    smallest: jax.Array  # shape=(): never below the true smallest, up to rounding.
    largest: jax.Array  # shape=(): never above the true largest, up to rounding.
    # shape=(): each of the two is at most this far from an eigenvalue, up to rounding.
    error: jax.Array


def hessian_extremes(
    loss_fn: Callable[[Any], jax.Array],
    params: Any,
    *,
    iterations: int = 64,
    key: jax.Array | None = None,
) -> HessianExtremes:
    """The smallest and largest eigenvalue of the Hessian of ``loss_fn`` at ``params``.

    Uses Lanczos's method with full reorthogonalization, from a random vector.  One
    iteration costs one Hessian-vector product, about two gradients.  The Hessian is
    never formed, but ``iterations`` vectors of the params' size are kept.

    Args:
      loss_fn: from params to the loss, an array of shape ().
      params: any pytree of real floating-point arrays, such as a Flax network's
        ``nnx.state(model, nnx.Param)``.  Arithmetic is done in at least float32.  If
        they vary inside `jax.shard_map`, this needs ``check_vma=False``.
      iterations: number of Hessian-vector products, in [1, inf); at most one per
        parameter is made, and that many give the exact extremes up to rounding.  On a
        large network the result is accurate to ``error``.
      key: a key of `jax.random` for the first vector; None for ``jax.random.key(0)``.

    Returns:
      A :class:`HessianExtremes`.

    Raises:
      TypeError: if a leaf of ``params`` is not of real floating-point type,
        ``iterations`` is not an integer, or ``key`` is not a key.
      ValueError: if ``iterations`` is less than 1 or ``params`` holds no number.

    Examples:
      >>> import jax.numpy as jnp
      >>> from inna_optax.dynamics import hessian_extremes
      >>> def loss(params): return 25 * params['a'] ** 2 - jnp.sum(params['b'] ** 2)
      >>> params = {'a': jnp.array(1.0), 'b': jnp.ones(3)}
      >>> extremes = hessian_extremes(loss, params)
      >>> print(f'{extremes.smallest:.3f} {extremes.largest:.3f}')
      -2.000 50.000

    References:
      Kraemer, `Matfree <https://github.com/pnkraemer/matfree>`_, 2023

      Ghorbani et al., `An Investigation into Neural Net Optimization via Hessian
      Eigenvalue Density <https://arxiv.org/abs/1901.10159>`_, 2019
    """
    iterations = as_count("iterations", iterations)
    if key is None:
        key = jax.random.key(0)
    check_key(key)
    for leaf in jax.tree.leaves(params):
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.floating):
            raise TypeError(
                "params must be real floating-point arrays, got a leaf of type"
                f" {jnp.result_type(leaf)}."
            )
    wide = jax.tree.map(lambda x: jnp.asarray(x, working_dtype(x)), params)
    flat, unravel = ravel_pytree(whole(wide))
    if flat.size == 0:
        raise ValueError("params must hold at least one number, got none.")
    gradient = jax.grad(lambda x: loss_fn(in_parts(unravel(x), wide)))

    @jax.jit
    def extremes(x: jax.Array, start: jax.Array) -> HessianExtremes:
        # matfree's Lanczos with full reorthogonalization is its Arnoldi.  Only the
        # diagonal and the subdiagonal of the Hessenberg matrix are used: above them
        # there is rounding noise once the Krylov space is exhausted.
        lanczos = decomp.hessenberg(
            min(iterations, x.size), reortho="full", custom_vjp=False
        )
        result = lanczos(lambda v: jax.jvp(gradient, (x,), (v,))[1], start)
        return _extreme_eigenvalues(
            jnp.diagonal(result.J_small),
            jnp.append(
                jnp.diagonal(result.J_small, offset=-1),
                jnp.linalg.norm(result.residual),
            ),
        )

    start = jax.random.normal(key, flat.shape, flat.dtype)
    # On GPU and TPU float32 matrix products have 10 or 8 bits of precision by default.
    with jax.default_matmul_precision("highest"):
        return extremes(flat, start)


def _extreme_eigenvalues(diagonal: jax.Array, lengths: jax.Array) -> HessianExtremes:
    """Extreme eigenvalues of Lanczos's tridiagonal matrix, up to its breakdown.

    ``lengths[i]`` is the norm of what iteration i found outside the Krylov space.  The
    last one is not part of the matrix; it gives the error.  Lanczos breaks down where a
    length is rounding noise: the space is then invariant, and what follows is noise.
    """
    scale = jax.lax.cummax(jnp.maximum(jnp.abs(diagonal), lengths))
    noise = 100 * jnp.finfo(diagonal.dtype).eps * scale
    alive = jnp.cumprod(lengths > noise).astype(bool)
    lengths = jnp.where(alive, lengths, 0)
    # Entries after the breakdown are decoupled by the zero length.  They are set to the
    # first entry, which lies between the extremes.
    reached = jnp.append(True, alive[:-1])
    diagonal = jnp.where(reached, diagonal, diagonal[0])
    matrix = jnp.diag(diagonal) + jnp.diag(lengths[:-1], 1) + jnp.diag(lengths[:-1], -1)
    eigenvalues, eigenvectors = jnp.linalg.eigh(matrix)
    errors = lengths[-1] * jnp.abs(eigenvectors[-1])
    return HessianExtremes(
        eigenvalues[0], eigenvalues[-1], jnp.maximum(errors[0], errors[-1])
    )
