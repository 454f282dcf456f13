import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from inna_optax import inna
from inna_optax.zoo import MLP


def test_parameter_count_and_output():
    model = MLP(64, (64, 32), 10, rngs=nnx.Rngs(0))
    params = nnx.state(model, nnx.Param)
    count = sum(x.size for x in jax.tree.leaves(params))
    assert count == (64 * 64 + 64) + (64 * 32 + 32) + (32 * 10 + 10)
    x = jnp.ones((5, 8, 8, 1))
    assert model(x).shape == (5, 10)
    by_hand = x.reshape(5, 64)
    for i, layer in enumerate(model.layers):
        by_hand = by_hand @ layer.kernel[...] + layer.bias[...]
        by_hand = nnx.elu(by_hand) if i < 2 else by_hand
    np.testing.assert_allclose(model(x), by_hand, rtol=1e-5)


def test_one_step_of_an_nnx_loop_with_inna():
    model = MLP(4, (8,), 3, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, inna(0.2), wrt=nnx.Param)
    x, labels = jnp.eye(4)[:3], jnp.arange(3)

    @nnx.jit
    def step(model, optimizer):
        def loss(model):
            return optax.softmax_cross_entropy_with_integer_labels(
                model(x), labels
            ).mean()

        value, grads = nnx.value_and_grad(loss)(model)
        optimizer.update(model, grads, unexpected=1.0)
        return value

    values = [float(step(model, optimizer)) for _ in range(30)]
    assert values[-1] < 0.5 * values[0]
