"""What all networks have in common; the parameters are counted by hand."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from inna_optax import inna
from inna_optax.zoo import (
    MLP,
    AutoEncoder,
    LeNet,
    NiN,
    ResNet20,
    Transformer,
    batch_norm,
)
from inna_optax.zoo.resnet import ResidualBlock
from tests.marks import slow

CIFAR, MNIST = (32, 32, 3), (28, 28, 1)
CHAPTER_4 = {"activation": nnx.elu, "normalization": batch_norm}


def dense(inputs, outputs):
    return inputs * outputs + outputs


def conv(window, inputs, outputs, bias=True):
    return window * window * inputs * outputs + bias * outputs


COUNTS = {
    # 32 - 4 = 28, 14, 14 - 4 = 10, 5: 5 * 5 * 16 = 400 inputs of the first dense layer.
    "lenet": (
        lambda rngs: LeNet(10, CIFAR, rngs=rngs),
        conv(5, 3, 6)
        + conv(5, 6, 16)
        + dense(400, 120)
        + dense(120, 84)
        + dense(84, 10),
        62_006,
    ),
    # 28 - 4 = 24, 12, 12 - 4 = 8, 4: 4 * 4 * 16 = 256.
    "lenet on mnist": (
        lambda rngs: LeNet(10, MNIST, rngs=rngs),
        conv(5, 1, 6)
        + conv(5, 6, 16)
        + dense(256, 120)
        + dense(120, 84)
        + dense(84, 10),
        44_426,
    ),
    # 32, 16, 8: 8 * 8 * 16 = 1,024.
    "lenet, padded": (
        lambda rngs: LeNet(10, CIFAR, padding="SAME", rngs=rngs),
        conv(5, 3, 6)
        + conv(5, 6, 16)
        + dense(1024, 120)
        + dense(120, 84)
        + dense(84, 10),
        136_886,
    ),
    # Scale and shift for each of the hidden layers' outputs instead of the bias.
    "lenet, batch norm": (
        lambda rngs: LeNet(10, CIFAR, normalization=batch_norm, rngs=rngs),
        (5 * 5 * 3 * 6 + 2 * 6)
        + (5 * 5 * 6 * 16 + 2 * 16)
        + (400 * 120 + 2 * 120)
        + (120 * 84 + 2 * 84)
        + dense(84, 10),
        62_232,
    ),
    "nin": (
        lambda rngs: NiN(10, CIFAR, rngs=rngs),
        (conv(5, 3, 192) + conv(1, 192, 160) + conv(1, 160, 96))
        + (conv(5, 96, 192) + conv(1, 192, 192) + conv(1, 192, 192))
        + (conv(3, 192, 192) + conv(1, 192, 192) + conv(1, 192, 10))
        + dense(10, 10),
        967_096,
    ),
    "nin on cifar100, batch norm": (
        lambda rngs: NiN(100, CIFAR, **CHAPTER_4, rngs=rngs),
        (5 * 5 * 3 * 192 + 192 * 160 + 160 * 96)
        + (5 * 5 * 96 * 192 + 192 * 192 + 192 * 192)
        + (3 * 3 * 192 * 192 + 192 * 192 + 192 * 100)
        + 2 * (192 + 160 + 96 + 192 + 192 + 192 + 192 + 192 + 100)
        + dense(100, 100),
        995_964,
    ),
    # He et al. say 0.27M.
    "resnet20": (
        lambda rngs: ResNet20(10, CIFAR, rngs=rngs),
        conv(3, 3, 16, bias=False)
        + 6 * conv(3, 16, 16, bias=False)
        + conv(3, 16, 32, bias=False)
        + 5 * conv(3, 32, 32, bias=False)
        + conv(3, 32, 64, bias=False)
        + 5 * conv(3, 64, 64, bias=False)
        + 2 * (7 * 16 + 6 * 32 + 6 * 64)
        + dense(64, 10),
        269_722,
    ),
    "resnet20 on cifar100": (
        lambda rngs: ResNet20(100, CIFAR, rngs=rngs),
        269_722 - dense(64, 10) + dense(64, 100),
        275_572,
    ),
    "resnet20 without normalization": (
        lambda rngs: ResNet20(10, CIFAR, normalization=None, rngs=rngs),
        269_722 - (7 * 16 + 6 * 32 + 6 * 64),  # a bias for scale and shift
        269_034,
    ),
    "autoencoder": (
        lambda rngs: AutoEncoder(MNIST, rngs=rngs),
        (dense(784, 1000) + dense(1000, 500) + dense(500, 250) + dense(250, 30))
        + (dense(30, 250) + dense(250, 500) + dense(500, 1000) + dense(1000, 784)),
        2_837_314,
    ),
    # Of each block: queries, keys and values; what attention gives; the perceptron; two
    # scales of the normalizations.  One more scale, and the embedding.
    "transformer": (
        lambda rngs: Transformer(256, rngs=rngs),
        4 * (128 * 3 * 128 + 128 * 128 + 2 * 128 * 512 + 2 * 128) + 128 + 256 * 128,
        820_352,
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_count(name):
    make, by_hand, in_digits = COUNTS[name]
    model = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
    params = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert sum(p.size for p in params) == by_hand == in_digits


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: LeNet(100, MNIST, rngs=nnx.Rngs(0)), MNIST),
        (
            lambda: LeNet(100, (20, 24, 2), padding="SAME", rngs=nnx.Rngs(0)),
            (20, 24, 2),
        ),
        (lambda: NiN(100, MNIST, rngs=nnx.Rngs(0)), MNIST),
        (lambda: NiN(100, CIFAR, padding="SAME", rngs=nnx.Rngs(0)), CIFAR),
        (lambda: ResNet20(100, MNIST, rngs=nnx.Rngs(0)), MNIST),
        (lambda: MLP(784, (7,), 100, rngs=nnx.Rngs(0)), MNIST),
        (lambda: AutoEncoder(CIFAR, widths=(9, 4), rngs=nnx.Rngs(0)), CIFAR),
    ],
)
def test_output_shape(make, shape):
    model = nnx.eval_shape(make)
    model.eval()
    y = nnx.eval_shape(lambda model, x: model(x), model, jnp.ones((5, *shape)))
    assert y.shape == ((5, *shape) if isinstance(model, AutoEncoder) else (5, 100))


# As small as they can be made, for the tests that compute.
SMALL = {
    "lenet": (lambda rngs: LeNet(3, (16, 16, 1), rngs=rngs), (16, 16, 1)),
    "lenet, batch norm": (
        lambda rngs: LeNet(3, (16, 16, 1), normalization=batch_norm, rngs=rngs),
        (16, 16, 1),
    ),
    "nin": (lambda rngs: NiN(3, (8, 8, 1), padding="SAME", rngs=rngs), (8, 8, 1)),
    "nin, batch norm": (
        lambda rngs: NiN(3, (8, 8, 1), padding="SAME", **CHAPTER_4, rngs=rngs),
        (8, 8, 1),
    ),
    "resnet20": (lambda rngs: ResNet20(3, (8, 8, 3), rngs=rngs), (8, 8, 3)),
    "autoencoder": (
        lambda rngs: AutoEncoder((4, 4, 1), widths=(9, 3), rngs=rngs),
        (4, 4, 1),
    ),
    "transformer": (
        lambda rngs: Transformer(3, width=8, layers=1, heads=2, rngs=rngs),
        (5,),  # tokens
    ),
}
DEEP = {"nin", "nin, batch norm", "resnet20"}
ALL = pytest.mark.parametrize("name", SMALL)
EXPLICIT = AxisType.Explicit
# JAX 0.7 has no gradient of a dense layer whose examples are split along an Explicit
# axis; what is between was not tried.
needs_dense_gradients = pytest.mark.skipif(
    jax.__version_info__ < (0, 10), reason="JAX has none of a dense layer there"
)
NORMALIZED = ["lenet, batch norm", "nin, batch norm", "resnet20"]


# What is computed here is small; what takes time is to compile it.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def small(name):
    """The network, with weights that need nothing compiled, and a few examples."""
    make, shape = SMALL[name]
    generator = np.random.default_rng(0)

    def draw(path, leaf):
        match path[-2].key:
            case "kernel" | "embedding":
                values = generator.normal(size=leaf.shape)
                return jnp.asarray(
                    values / np.sqrt(np.prod(leaf.shape[:-1])), leaf.dtype
                )
            case "scale" | "var":
                return jnp.ones(leaf.shape, leaf.dtype)
            case "bias" | "mean":
                return jnp.zeros(leaf.shape, leaf.dtype)
        raise AssertionError(path)

    graph, state = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))
    model = nnx.merge(graph, jax.tree.map_with_path(draw, state))
    if len(shape) == 1:
        return model, jnp.asarray(generator.integers(3, size=(4, *shape)))
    return model, jnp.asarray(generator.uniform(size=(4, *shape)), jnp.float32)


def loss_of(graph):
    """A pure loss, as the engine wants it: of params, state, examples and a key."""

    def loss(params, state, x, key):
        model = nnx.merge(graph, params, state, copy=True)
        y = model(x, rngs=nnx.Rngs(key))
        if y.shape == x.shape:
            value = jnp.mean((y - x) ** 2)
        else:
            *places, classes = y.shape
            labels = jnp.arange(math.prod(places)).reshape(places) % classes
            value = optax.softmax_cross_entropy_with_integer_labels(y, labels).mean()
        return value, nnx.state(model, nnx.Not(nnx.Param))

    return loss


@pytest.mark.parametrize("name", [slow(n) if n in DEEP else n for n in SMALL])
def test_steps_with_inna(name):
    model, x = small(name)
    model.train()
    graph, params, state = nnx.split(model, nnx.Param, ...)
    solver = inna(0.05)

    @jit
    def step(params, state, opt_state, key):
        (value, state), grads = jax.value_and_grad(loss_of(graph), has_aux=True)(
            params, state, x, key
        )
        updates, opt_state = solver.update(grads, opt_state)
        return optax.apply_updates(params, updates), state, opt_state, value

    before, values = (params, state), []
    opt_state = solver.init(params)
    for key in jax.random.split(jax.random.key(2), 2):
        params, state, opt_state, value = step(params, state, opt_state, key)
        values.append(float(value))
    assert np.isfinite(values).all()
    assert jax.tree.structure((params, state)) == jax.tree.structure(before)
    # Params, and the running averages of those that have them.
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), (params, state), before)
    assert all(jax.tree.leaves(moved))
    assert bool(jax.tree.leaves(state)) == (name in NORMALIZED)


@ALL
def test_gradient_lowers(name):
    make, shape = SMALL[name]
    model = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
    model.train()
    graph, params, state = nnx.split(model, nnx.Param, ...)
    step = jax.jit(jax.value_and_grad(loss_of(graph), has_aux=True))
    traced = step.trace(params, state, jnp.ones((4, *shape)), jax.random.key(0))
    text = traced.lower(lowering_platforms=("cuda", "tpu")).as_text()
    has_convolutions = name not in {"autoencoder", "transformer"}
    assert ("stablehlo.convolution" in text) == has_convolutions


@needs_dense_gradients
@ALL
def test_gradient_traces_on_an_explicit_axis(name):
    """As `jax.make_mesh` makes it, with the examples split along it."""
    model, x = small(name)
    model.train()
    graph, params, state = nnx.split(model, nnx.Param, ...)
    mesh = jax.make_mesh(
        (4,), ("data",), devices=jax.devices()[:4], axis_types=(EXPLICIT,)
    )
    split = NamedSharding(mesh, PartitionSpec("data"))
    with jax.set_mesh(mesh):
        found = jax.eval_shape(
            jax.grad(loss_of(graph), has_aux=True),
            params,
            state,
            jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=split),
            jax.random.key(0),
        )
    shapes = jax.tree.map(jnp.shape, (found[0], found[1]))
    assert shapes == jax.tree.map(jnp.shape, (params, state))


@pytest.mark.parametrize(
    "kind",
    [pytest.param(EXPLICIT, marks=needs_dense_gradients), AxisType.Manual],
)
@pytest.mark.parametrize("name", ["lenet", "transformer"])
def test_gradient_with_examples_in_parts_is_that_of_one_device(name, kind):
    model, x = small(name)
    graph, params = nnx.split(model)
    gradient = jax.grad(lambda params, x: jnp.sum(jnp.sin(nnx.merge(graph, params)(x))))
    one = jit(gradient)(params, x)
    axes = (EXPLICIT if kind == EXPLICIT else AxisType.Auto,)
    mesh = jax.make_mesh((2,), ("data",), devices=jax.devices()[:2], axis_types=axes)
    whole, split = PartitionSpec(), PartitionSpec("data")
    function = gradient
    if kind == AxisType.Manual:
        function = jax.shard_map(gradient, in_specs=(whole, split), out_specs=whole)
    with jax.set_mesh(mesh):
        many = jit(function)(params, jax.device_put(x, NamedSharding(mesh, split)))
    for a, b in zip(jax.tree.leaves(many), jax.tree.leaves(one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


def call_of(model):
    """The network's outputs and what it keeps, for a key."""
    graph, state = nnx.split(model)

    @jit
    def call(state, x, key):
        model = nnx.merge(graph, state, copy=True)
        y = model(x, rngs=None if key is None else nnx.Rngs(key))
        return y, nnx.state(model, nnx.Not(nnx.Param))

    return functools.partial(call, state)


@pytest.mark.parametrize("name", NORMALIZED)
def test_running_averages_stay_in_evaluation(name):
    model, x = small(name)
    before = nnx.state(model, nnx.Not(nnx.Param))
    model.eval()
    call = call_of(model)
    all_at_once, state = call(x, None)
    jax.tree.map(np.testing.assert_array_equal, state, before)
    # So that an image's output does not depend on which others are in its batch.
    others = x.at[1:].set(1 - x[1:])
    np.testing.assert_allclose(call(others, None)[0][0], all_at_once[0], rtol=1e-4)


def test_dropout_in_training_only():
    model, x = small("nin")
    model.train()
    call = call_of(model)
    (one, state), (again, _), (other, _) = (
        call(x, jax.random.key(i)) for i in (0, 0, 1)
    )
    assert jax.tree.leaves(state) == []  # no keys or counters to carry along
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    with pytest.raises(ValueError, match="rngs"):
        call(x, None)
    model.eval()
    call = call_of(model)
    one, other, none = (
        call(x, key)[0] for key in (jax.random.key(0), jax.random.key(1), None)
    )
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one, none, rtol=1e-5)


def test_the_shortcut_of_a_residual_block_is_pixels_and_zeros():
    block = ResidualBlock(
        2,
        5,
        2,
        activation=nnx.relu,
        normalization=None,
        kernel_init=nnx.initializers.zeros,
        rngs=nnx.Rngs(0),
    )
    x = jax.random.uniform(jax.random.key(0), (1, 6, 6, 2))
    y = block(x)
    np.testing.assert_array_equal(y[..., :2], x[:, ::2, ::2])
    np.testing.assert_array_equal(y[..., 2:], 0)


def test_an_autoencoder_without_output_activation_returns_the_logits():
    model, x = small("autoencoder")
    squashed = model(x)
    model.output_activation = None
    np.testing.assert_allclose(nnx.sigmoid(model(x)), squashed, rtol=1e-5)


def test_autoencoder_by_hand():
    model, x = small("autoencoder")
    y = x.reshape(4, 16)
    for i, layer in enumerate([*model.encoder, *model.decoder]):
        y = y @ layer.kernel[...] + layer.bias[...]
        if i in (0, 2):  # neither the code nor the output
            y = y * nnx.sigmoid(y)
        if i == 1:
            np.testing.assert_allclose(model.encode(x), y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        model(x), nnx.sigmoid(y).reshape(x.shape), rtol=1e-4, atol=1e-5
    )
