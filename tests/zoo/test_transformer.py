import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from inna_optax.zoo import Transformer
from inna_optax.zoo.transformer import causal_attention, rotate

VOCABULARY, WIDTH, HEADS, LENGTH = 7, 8, 2, 6

# What is computed here is small; what takes time is to compile it.
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def make(vocabulary=VOCABULARY, width=WIDTH, layers=1, heads=HEADS, key=0):
    return Transformer(
        vocabulary, width=width, layers=layers, heads=heads, rngs=nnx.Rngs(key)
    )


def drawn(seed=0, **options):
    """The network's structure, and weights that need nothing compiled."""
    graph, params = nnx.split(nnx.eval_shape(lambda: make(**options)))
    generator = np.random.default_rng(seed)

    def draw(path, leaf):
        if path[-2].key == "scale":
            values = generator.uniform(0.5, 1.5, size=leaf.shape)
        else:
            values = generator.normal(size=leaf.shape) / np.sqrt(leaf.shape[0])
        return jnp.asarray(values, leaf.dtype)

    return graph, jax.tree.map_with_path(draw, params)


GRAPH, PARAMS = drawn()


def logits(params, x):
    return nnx.merge(GRAPH, params)(x)


logits_of = jit(logits)


def loss(params, x):
    return optax.softmax_cross_entropy_with_integer_labels(
        logits(params, x[:, :-1]), x[:, 1:]
    ).mean()


loss_and_gradient = jax.value_and_grad(loss)
gradient = jit(loss_and_gradient)


def tokens():
    generator = np.random.default_rng(0)
    return jnp.asarray(generator.integers(VOCABULARY, size=(3, LENGTH)), jnp.int32)


@pytest.mark.parametrize(
    ("vocabulary", "width", "layers", "heads"), [(256, 64, 2, 4), (5, 12, 1, 1)]
)
def test_parameters_are_as_many_as_the_formula_says(vocabulary, width, layers, heads):
    model = nnx.eval_shape(lambda: make(vocabulary, width, layers, heads))
    count = sum(x.size for x in jax.tree.leaves(nnx.state(model)))
    assert count == layers * (12 * width**2 + 2 * width) + (vocabulary + 1) * width


@pytest.mark.parametrize("length", [1, 2, 9])
@pytest.mark.parametrize("dtype", [jnp.uint8, jnp.int32])
def test_a_text_may_have_any_length(length, dtype):
    y = jax.eval_shape(logits_of, PARAMS, jax.ShapeDtypeStruct((3, length), dtype))
    assert (y.shape, y.dtype) == ((3, length, VOCABULARY), jnp.float32)


def test_bytes_of_a_vocabulary_that_has_more_tokens():
    graph, params = drawn(vocabulary=300)
    call = jit(lambda x: nnx.merge(graph, params)(x))
    x = tokens()
    np.testing.assert_array_equal(call(x.astype(jnp.uint8)), call(x))


@pytest.mark.parametrize("place", range(LENGTH))
def test_a_token_changes_its_own_logits_and_later_ones_only(place):
    x = tokens()
    other = x.at[:, place].set((x[:, place] + 1) % VOCABULARY)
    before, after = logits_of(PARAMS, x), logits_of(PARAMS, other)
    np.testing.assert_array_equal(before[:, :place], after[:, :place])
    assert (before[:, place:] != after[:, place:]).any(axis=-1).all()


def test_texts_of_a_batch_do_not_see_each_other():
    x = tokens()
    others = x.at[1:].set((x[1:] + 1) % VOCABULARY)
    np.testing.assert_array_equal(logits_of(PARAMS, x)[0], logits_of(PARAMS, others)[0])


def test_a_key_gives_one_network():
    weights = jit(lambda seed: nnx.state(make(key=jax.random.key(seed))))
    one, again, other = map(weights, (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, one, again)
    kernels = [
        (a, b)
        for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True)
        if a.ndim == 2
    ]
    assert len(kernels) == 5
    assert all(bool((a != b).any()) for a, b in kernels)


def test_keys_of_a_call_are_not_used():
    x = tokens()
    model = nnx.merge(GRAPH, PARAMS)
    call = jit(lambda x, key: model(x, rngs=nnx.Rngs(key)))
    for mode in (model.train, model.eval):
        mode()
        y = call(x, jax.random.key(3))
        np.testing.assert_allclose(y, logits_of(PARAMS, x), rtol=1e-5, atol=1e-6)


def test_embedding_and_output_are_one_array():
    with_vocabulary = [x for x in jax.tree.leaves(PARAMS) if VOCABULARY in x.shape]
    assert [x.shape for x in with_vocabulary] == [(VOCABULARY, WIDTH)]
    model = nnx.merge(GRAPH, PARAMS, copy=True)
    embedding = model.embedding.embedding
    embedding[...] = embedding[...].at[3].multiply(2)
    x = jnp.zeros_like(tokens())
    before, after = (logits_of(p, x) for p in (PARAMS, nnx.state(model)))
    # Token 3 is not in the text, so that only its own logit changes.
    np.testing.assert_allclose(after.at[..., 3].divide(2), before, rtol=1e-5)


def test_by_hand():
    """In double precision, place by place and head by head."""

    def array(variable):
        return np.asarray(variable[...], np.float64)

    def normalized(x, layer):
        return x / np.sqrt(np.mean(x**2) + 1e-6) * array(layer.scale)

    def turned(x, place):
        half = len(x) // 2
        z = x[:half] + 1j * x[half:]
        z = z * np.exp(1j * place * 10_000.0 ** (-np.arange(half) / half))
        return np.concatenate([z.real, z.imag])

    def attention(x, block):
        size = WIDTH // HEADS
        kernel = array(block.projection.kernel)
        projected = [normalized(v, block.attention_norm) @ kernel for v in x]
        # Of each: place, head, feature.
        queries, keys, values = np.reshape(projected, (-1, 3, HEADS, size)).swapaxes(
            0, 1
        )
        found = np.zeros((len(x), HEADS, size))
        for t, head in np.ndindex(len(x), HEADS):
            query = turned(queries[t, head], t)
            before = [turned(keys[s, head], s) for s in range(t + 1)]
            weights = np.exp([query @ key / np.sqrt(size) for key in before])
            found[t, head] = weights / weights.sum() @ values[: t + 1, head]
        return found.reshape(x.shape) @ array(block.attention_output.kernel)

    def perceptron(x, block):
        hidden = normalized(x, block.perceptron_norm) @ array(block.hidden.kernel)
        cube = np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)
        hidden = hidden * (1 + np.tanh(cube)) / 2
        return hidden @ array(block.perceptron_output.kernel)

    graph, params = drawn(layers=2)
    model = nnx.merge(graph, params)
    found = jit(lambda x: model(x))(tokens())
    embedding = array(model.embedding.embedding)
    for text, logits in zip(tokens(), found, strict=True):
        x = embedding[np.asarray(text)]
        for block in model.blocks:
            x = x + attention(x, block)
            x = x + np.array([perceptron(v, block) for v in x])
        by_hand = [embedding @ normalized(v, model.norm) for v in x]
        np.testing.assert_allclose(logits, by_hand, rtol=1e-4, atol=1e-5)


def test_attention_is_that_of_jax():
    generator = np.random.default_rng(0)
    q, k, v = jnp.asarray(generator.normal(size=(3, 2, HEADS, 5, 4)), jnp.float32)
    theirs = jit(functools.partial(jax.nn.dot_product_attention, is_causal=True))
    np.testing.assert_allclose(
        jit(causal_attention)(q, k, v),
        jnp.swapaxes(theirs(*(jnp.swapaxes(x, 1, 2) for x in (q, k, v))), 1, 2),
        rtol=1e-5,
        atol=1e-6,
    )


def test_rotated_products_depend_on_the_distance_of_places_only():
    query, key = np.random.default_rng(0).normal(size=(2, 8))
    queries, keys = (jit(rotate)(jnp.tile(x, (5, 1))) for x in (query, key))
    products = np.asarray(queries @ keys.T)
    for distance in range(-4, 5):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-4)
    np.testing.assert_allclose(products[0, 0], query @ key, rtol=1e-5)
    # Each distance has a product of its own.
    assert len(np.unique(products.round(4)[0])) == 5


def test_gradient_of_every_parameter_is_finite_and_not_zero():
    _, grads = gradient(PARAMS, tokens())
    for grad in jax.tree.leaves(grads):
        assert np.isfinite(grad).all()
        assert np.any(grad)


def test_over_many_networks():
    several = [drawn(seed)[1] for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
    many = jit(jax.vmap(loss_and_gradient, (0, None)))(stacked, tokens())
    for i, params in enumerate(several):
        jax.tree.map(
            lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-3, atol=1e-5),
            many,
            gradient(params, tokens()),
        )


def test_gradients_multiply_matrices():
    """XLA's CPU backend is slow where a product sums over two dimensions."""
    text = gradient.trace(PARAMS, tokens()).lower().as_text()
    summed = [
        line.split("contracting_dims = ")[1].split(" x ")[0]
        for line in text.splitlines()
        if "stablehlo.dot_general" in line
    ]
    assert len(summed) > 20
    assert not [dimensions for dimensions in summed if "," in dimensions]


def test_learns_a_pattern():
    """Every token is the one before the last, which bigrams do not tell."""
    generator = np.random.default_rng(1)
    pairs = generator.integers(VOCABULARY, size=(32, 2))
    x = jnp.asarray(np.tile(pairs, (1, 5)))
    solver = optax.adam(1e-2)

    @jit
    def train(params):
        def step(carry, _):
            params, state = carry
            loss, grads = loss_and_gradient(params, x)
            updates, state = solver.update(grads, state)
            return (optax.apply_updates(params, updates), state), loss

        return jax.lax.scan(step, (params, solver.init(params)), length=150)[1]

    losses = train(PARAMS)
    # Of the nine places predicted, the first can only be guessed.
    guessed = np.log(VOCABULARY) / 9
    assert losses[0] > 0.8 * np.log(VOCABULARY)
    assert losses[-1] < 1.5 * guessed
