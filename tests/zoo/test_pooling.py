import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from inna_optax.zoo.pooling import avg_pool, global_avg_pool, max_pool

PLAIN = {max_pool: nnx.max_pool, avg_pool: nnx.avg_pool}
POOLS = pytest.mark.parametrize("pool", PLAIN, ids=["max", "avg"])
# height, width, channels, window, stride, padding
CASES = [
    (8, 6, 3, 2, 2, "VALID"),
    (9, 7, 3, 2, 2, "VALID"),  # a row and a column that no window sees
    (9, 7, 3, 2, 2, "SAME"),
    (28, 28, 2, 3, 2, "VALID"),
    (8, 9, 4, 3, 2, "SAME"),
    (4, 4, 2, 4, 4, "VALID"),
    (7, 7, 2, 2, 3, "VALID"),
    (9, 9, 2, 5, 2, "SAME"),
]


def images(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def value_and_gradient(function, x):
    def loss(x):
        y = function(x)
        return jnp.sum(jnp.sin(y) * jnp.arange(1, y.size + 1).reshape(y.shape)), y

    (_, y), gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))(x)
    return y, gradient


@POOLS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_flax(pool, case):
    height, width, channels, window, stride, padding = case
    x = images(2, height, width, channels)
    # Many equal values in a window: then the first has the gradient.
    x = x.at[1].set(jnp.round(jnp.maximum(x[1], 0)))
    ours = value_and_gradient(lambda x: pool(x, window, stride, padding), x)
    plain = value_and_gradient(
        lambda x: PLAIN[pool](x, (window, window), (stride, stride), padding), x
    )
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@POOLS
@pytest.mark.parametrize("place", range(4))
def test_passes_a_nan_on(pool, place):
    x = jnp.arange(4.0).at[place].set(jnp.nan).reshape(1, 2, 2, 1)
    assert jnp.isnan(pool(x, 2, 2, "VALID")).all()


@POOLS
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_accelerators_get_the_plain_layer(pool, platform):
    def text(function):
        gradient = jax.jit(jax.grad(lambda x: jnp.sum(function(x) ** 2)))
        traced = gradient.trace(jnp.ones((2, 8, 8, 3)))
        return traced.lower(lowering_platforms=(platform,)).as_text()

    ours = text(lambda x: pool(x, 3, 2, "SAME"))
    plain = text(lambda x: PLAIN[pool](x, (3, 3), (2, 2), "SAME"))
    for operation in ("reduce_window", "select_and_scatter", "slice", "compare"):
        assert ours.count(operation) == plain.count(operation)


@POOLS
def test_vmapped(pool):
    x = images(3, 2, 8, 8, 4)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(pool(x, 3, 2, "SAME") ** 2)))
    one_by_one = jnp.stack([gradient(y) for y in x])
    np.testing.assert_allclose(jax.vmap(gradient)(x), one_by_one, rtol=1e-5)


def test_global_average():
    x = images(2, 5, 4, 3)
    np.testing.assert_allclose(
        global_avg_pool(x), nnx.avg_pool(x, (5, 4))[:, 0, 0], rtol=1e-5, atol=1e-6
    )
