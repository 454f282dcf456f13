import jax.numpy as jnp
import pytest
from flax import nnx

from inna_optax.zoo.window import output_size


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("window", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_agrees_with_pooling(window, stride, padding):
    for size in range(5, 12):
        x = jnp.ones((1, size, size, 1))
        y = nnx.eval_shape(
            lambda x: nnx.max_pool(x, (window, window), (stride, stride), padding), x
        )
        assert y.shape[1] == output_size(size, window, stride, padding)
