"""Lanczos against dense Hessians, also where the Krylov space is small."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.flatten_util import ravel_pytree
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from inna_optax.dynamics import hessian_extremes
from tests.precision import enable_x64

pytestmark = pytest.mark.usefixtures("float32")


class Network(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(4, 16, rngs=rngs)
        self.norm = nnx.LayerNorm(16, rngs=rngs)
        self.out = nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, x):
        return self.out(nnx.relu(self.norm(self.hidden(x))))


@pytest.fixture(scope="module")
def network():
    """A Flax network's loss on 64 examples, its params, its Hessian's eigenvalues."""
    with enable_x64(False):
        graphdef, params = nnx.split(Network(nnx.Rngs(0)))
        key_x, key_y = jax.random.split(jax.random.key(1))
        x = jax.random.normal(key_x, (64, 4))
        y = jax.random.randint(key_y, (64,), 0, 3)

        def loss(params):
            logits = nnx.merge(graphdef, params)(x)
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        flat, unravel = ravel_pytree(params)
        dense = jax.jit(jax.hessian(lambda theta: loss(unravel(theta))))(flat)
        return loss, params, jnp.linalg.eigvalsh(dense)


def test_extremes_of_a_network_are_those_of_its_dense_hessian(network):
    loss, params, eigenvalues = network
    assert eigenvalues[0] < -0.05  # no minimum, so that both ends are tested.
    keys = jax.random.split(jax.random.key(2), 5)
    extremes = jax.vmap(lambda key: hessian_extremes(loss, params, key=key))(keys)
    np.testing.assert_allclose(extremes.smallest, 5 * [eigenvalues[0]], rtol=1e-3)
    np.testing.assert_allclose(extremes.largest, 5 * [eigenvalues[-1]], rtol=1e-3)


@pytest.mark.parametrize("iterations", [1, 4, 16])
def test_error_bounds_the_distance_to_an_eigenvalue(network, iterations):
    loss, params, eigenvalues = network
    smallest, largest, error = hessian_extremes(loss, params, iterations=iterations)
    rounding = 1e-5 * jnp.max(jnp.abs(eigenvalues))
    for value in (smallest, largest):
        assert jnp.min(jnp.abs(eigenvalues - value)) <= error + rounding
        assert eigenvalues[0] - rounding <= value <= eigenvalues[-1] + rounding
    assert iterations > 1 or error > 1e-2  # one iteration admits its error.


def test_extremes_where_the_krylov_space_is_exhausted():
    """After as many iterations as there are distinct eigenvalues only noise is left."""
    spectra = jnp.array(
        [
            [1.0] * 64,  # the first vector is an eigenvector.
            [0.0] * 64,  # a flat loss.
            [-2.0] * 64,
            [5.0, 5.0, 5.0, -1.0] + [0.0] * 60,
            [1e-6] * 63 + [1e3],
            [1.0] * 62 + [100.0, -3.0],
            [-20.0 + 3.0 * i for i in range(64)],
        ]
    )
    basis = jnp.linalg.qr(jax.random.normal(jax.random.key(3), (64, 64))).Q

    def extremes(eigenvalues):
        def loss(x):
            return jnp.sum(eigenvalues * (basis @ x) ** 2) / 2

        return hessian_extremes(loss, jnp.zeros(64))

    smallest, largest, _ = jax.vmap(extremes)(spectra)
    tolerance = 1e-5 * jnp.max(jnp.abs(spectra), axis=1)
    assert jnp.all(jnp.abs(smallest - jnp.min(spectra, axis=1)) <= tolerance)
    assert jnp.all(jnp.abs(largest - jnp.max(spectra, axis=1)) <= tolerance)


@pytest.mark.parametrize("curvature", [3.0, 0.0])
def test_extremes_of_a_single_param(curvature):
    extremes = hessian_extremes(lambda x: curvature * x**2 / 2, jnp.array(1.0))
    np.testing.assert_allclose(extremes, [curvature, curvature, 0.0], atol=1e-6)


def test_params_of_half_precision_are_widened():
    params = {"a": jnp.ones(3, jnp.bfloat16), "b": jnp.ones((2, 2), jnp.float32)}

    def loss(p):
        return 2 * jnp.sum(p["a"] ** 2) - jnp.sum(p["b"] ** 2)

    extremes = hessian_extremes(loss, params)
    assert extremes.largest.dtype == jnp.float32
    np.testing.assert_allclose(extremes[:2], [-2.0, 4.0], rtol=1e-5)


def test_works_under_jit_and_vmap():
    def largest(x):
        return hessian_extremes(lambda y: jnp.sum(y**4), x).largest

    points = jnp.array([[1.0, 2.0], [3.0, 1.0]])
    np.testing.assert_allclose(jax.jit(jax.vmap(largest))(points), [48, 108], rtol=1e-5)


def mixed(p):
    return jnp.sum(p["a"] ** 4) + jnp.sum(p["b"] ** 2) * jnp.sum(p["c"].astype(float))


MIXED = {
    "a": jnp.arange(8.0).reshape(4, 2),
    "b": jnp.arange(3.0),
    "c": jnp.ones((2, 4), jnp.bfloat16),
}


def on_mesh(kind):
    """A mesh, and params that each lie on it otherwise."""
    mesh = jax.make_mesh(
        (2, 2), ("x", "y"), axis_types=(kind,) * 2, devices=jax.devices()[:4]
    )
    specs = {"a": ("x",), "b": (), "c": (None, "y")}
    return mesh, {
        k: jax.device_put(v, NamedSharding(mesh, PartitionSpec(*specs[k])))
        for k, v in MIXED.items()
    }


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_params_in_parts_have_the_curvatures_of_one_device(kind):
    mesh, params = on_mesh(kind)
    wanted = hessian_extremes(mixed, MIXED)[:2]

    def extremes(params):
        return hessian_extremes(mixed, params)[:2]

    np.testing.assert_allclose(extremes(params), wanted, rtol=1e-4)
    with jax.set_mesh(mesh):
        np.testing.assert_allclose(extremes(params), wanted, rtol=1e-4)
        np.testing.assert_allclose(jax.jit(extremes)(params), wanted, rtol=1e-4)


def test_a_loss_that_is_nan_gives_nan():
    extremes = hessian_extremes(lambda x: jnp.nan * jnp.sum(x**2), jnp.ones(3))
    assert jnp.isnan(extremes.smallest)
    assert jnp.isnan(extremes.largest)


def test_complex_params_are_refused():
    with pytest.raises(TypeError, match="type complex64"):
        hessian_extremes(lambda p: jnp.float32(0), jnp.ones(2, jnp.complex64))
