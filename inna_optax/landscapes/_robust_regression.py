"""The robust, non-convex regression of Figures 4.2 and 4.3 (section 4.7)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from inna_optax._checks import as_count, shown


class RobustRegression(NamedTuple):
    r"""One draw of the problem of section 4.7; a pytree, so that draws can be vmapped.

    The thesis's :math:`A` is ``features``, :math:`b` is ``targets``.

    .. math::
      \mathcal J(\theta) = \frac1N \sum_{n=1}^N \phi(A_n^T \theta - b_n),
      \qquad \phi(t) = \frac{t^2}{1 + t^2}
    """

    features: jax.Array  # shape (N, P).
    targets: jax.Array  # shape (N,).

    def objective(self, theta: jax.Array) -> jax.Array:
        r"""The loss :math:`\mathcal J(\theta)` (4.21) over all rows.

        Args:
          theta: an array of shape (P,).

        Returns:
          An array of shape (), in [0, 1).
        """
        return _mean_phi(self.features @ theta - self.targets)

    def batch_objective(self, theta: jax.Array, rows: jax.Array) -> jax.Array:
        """The mean of the loss's terms over the given rows.

        Args:
          theta: an array of shape (P,).
          rows: indices in [0, N), an integer array of shape (batch_size,).

        Returns:
          An array of shape (), in [0, 1).
        """
        return _mean_phi(self.features[rows] @ theta - self.targets[rows])


def _mean_phi(residuals: jax.Array) -> jax.Array:
    squares = residuals**2
    return jnp.mean(squares / (1 + squares))


def robust_regression(
    key: jax.Array, num_rows: int = 500, dim: int = 30
) -> RobustRegression:
    r"""Draws the data of section 4.7's robust regression, as in Carmon et al. (2017).

    The thesis's :math:`N` is ``num_rows``, :math:`P` is ``dim``.

    .. math::
      b = A z + 3 n_1 + n_2, \quad A_{np}, n_{1,n} \sim \mathcal N(0, 1), \quad
      z \sim \mathcal N(0, 4 I), \quad n_{2,n} \sim \mathrm{Bernoulli}(0.3)

    Args:
      key: a key of `jax.random`.
      num_rows: number of terms in the sum, in [1, inf).
      dim: number of variables, in [1, inf).

    Returns:
      A :class:`RobustRegression`.

    Raises:
      TypeError: if ``num_rows`` or ``dim`` is not an integer, or ``key`` not a key.
      ValueError: if ``num_rows`` or ``dim`` is less than 1.

    Examples:
      >>> import jax, jax.numpy as jnp
      >>> from inna_optax.landscapes import robust_regression
      >>> problem = robust_regression(jax.random.key(0))
      >>> problem.features.shape
      (500, 30)
      >>> gradient = jax.grad(problem.batch_objective)(jnp.zeros(30), jnp.arange(50))
      >>> gradient.shape
      (30,)

    References:
      Carmon et al., `"Convex Until Proven Guilty": Dimension-Free Acceleration of
      Gradient Descent on Non-Convex Functions <https://arxiv.org/abs/1705.02766>`_,
      2017

      Castera, `Inertial and Second-order Optimization Algorithms for Training
      Neural Networks <https://theses.hal.science/tel-04186508>`_, 2021
    """
    if not isinstance(key, jax.Array | np.ndarray):
        raise TypeError(
            "key must be a key of jax.random, such as jax.random.key(0), got"
            f" {shown(key)}."
        )
    num_rows, dim = as_count("num_rows", num_rows), as_count("dim", dim)
    key_a, key_z, key_normal, key_bernoulli = jax.random.split(key, 4)
    features = jax.random.normal(key_a, (num_rows, dim))
    z = 2 * jax.random.normal(key_z, (dim,))
    noise = 3 * jax.random.normal(key_normal, (num_rows,))
    outliers = jax.random.bernoulli(key_bernoulli, 0.3, (num_rows,))
    return RobustRegression(features, features @ z + noise + outliers)
