import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from inna_optax.zoo import conv
from inna_optax.zoo.conv import convolve

ONE = ((1, 1), (1, 1))
# height, width, channels, features, window, stride, padding
CASES = [
    (6, 6, 12, 8, 1, 1, "SAME"),  # a dense layer over the channels
    (6, 6, 12, 8, 1, 1, "VALID"),
    (7, 6, 4, 5, 1, 2, "SAME"),
    (6, 6, 4, 5, 1, 1, ONE),  # not one: zeros around
    (9, 8, 3, 6, 5, 1, "SAME"),
    (12, 12, 3, 64, 5, 1, "VALID"),  # few channels to many features
    (9, 8, 1, 64, 5, 1, "SAME"),
    (8, 8, 3, 64, 3, 2, "SAME"),
    (8, 8, 4, 6, 3, 1, ONE),
    (8, 8, 4, 6, 3, 2, ONE),  # the last window ends before the padding does
    (9, 7, 4, 6, 3, 2, "VALID"),
    (8, 8, 4, 6, 2, 3, "VALID"),  # pixels that no window sees
    (5, 6, 4, 6, 3, 1, ((4, 0), (0, 3))),  # more zeros than the window is wide
    (12, 12, 3, 6, 5, 1, "VALID"),  # few features: 2 places as one, 8 in the gradient
    (8, 8, 5, 16, 3, 2, ONE),  # 2 in the gradient, and strides
    (7, 5, 6, 4, 3, 1, "SAME"),  # few features, and columns that cannot be shared
    (6, 6, 24, 40, 3, 1, "SAME"),  # a product a row of the kernel
    (12, 12, 4, 6, 3, 2, ONE),
    (12, 11, 33, 9, 3, 2, ONE),  # many channels: a column more
    (9, 9, 40, 48, 5, 1, "VALID"),
    (4, 4, 8, 9, 3, 1, "VALID"),  # few places
    (5, 4, 8, 9, 3, 2, "SAME"),
]


def convolutions(window, stride, padding, **options):
    """Ours and JAX's own, as functions of images and kernel."""
    options |= {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    strides = (stride, stride)
    return [
        lambda x, kernel, f=f: f(x, kernel, strides, padding, **options)
        for f in (convolve, jax.lax.conv_general_dilated)
    ]


def arrays(height, width, channels, features, window, groups=1):
    generator = np.random.default_rng(0)
    return (
        jnp.asarray(generator.normal(size=(3, height, width, channels)), jnp.float32),
        jnp.asarray(
            generator.normal(size=(window, window, channels // groups, features))
            / window,
            jnp.float32,
        ),
    )


def value_and_gradients(function, x, kernel):
    def loss(x, kernel):
        y = function(x, kernel)
        return jnp.sum(jnp.sin(y)), y

    (_, y), grads = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(x, kernel)
    return y, grads


def assert_close(a, b, tolerance=2e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(
            a, b, rtol=tolerance, atol=tolerance * float(jnp.max(jnp.abs(b)))
        ),
        a,
        b,
    )


def compare(case, tolerance=2e-5, dtype=jnp.float32, groups=1, **options):
    inputs = [a.astype(dtype) for a in arrays(*case[:5], groups=groups)]
    ours, plain = (
        value_and_gradients(function, *inputs)
        for function in convolutions(*case[4:], **options)
    )
    assert ours[0].dtype == dtype
    assert_close(ours, plain, tolerance)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_the_plain_convolution_and_its_gradients(case):
    compare(case)


@pytest.mark.parametrize("case", CASES[4:6] + CASES[-3:], ids=str)
def test_some_images_at_a_time(case, monkeypatch):
    monkeypatch.setattr(conv, "MOST_NUMBERS", 1)
    compare(case)


def test_leaves_unusual_convolutions_to_jax():
    compare((8, 8, 4, 6, 3, 1, "SAME"), rhs_dilation=(2, 2))
    compare((8, 8, 4, 6, 3, 1, "SAME"), groups=2, feature_group_count=2)


def test_keeps_bfloat16():
    # Sums over up to 192 numbers of 8 bits.
    compare((8, 8, 3, 64, 5, 1, "SAME"), tolerance=0.05, dtype=jnp.bfloat16)


@pytest.mark.parametrize("window", [1, 3])
def test_in_a_layer(window):
    """Flax passes more than JAX asks for: dilations, precision, sharding."""
    ours, plain = (
        nnx.Conv(3, 4, (window, window), conv_general_dilated=f, rngs=nnx.Rngs(0))
        for f in (convolve, jax.lax.conv_general_dilated)
    )
    x, _ = arrays(6, 6, 3, 4, window)
    assert_close(ours(x), plain(x))
    shapes, plain_shapes = (
        {
            jax.tree_util.keystr(path): x.shape
            for path, x in jax.tree.leaves_with_path(s)
        }
        for s in (nnx.state(ours), nnx.state(plain))
    )
    assert shapes == plain_shapes


TWO = pytest.mark.parametrize(
    "case", [(8, 8, 3, 64, 5, 1, "SAME"), (8, 8, 4, 6, 3, 2, ONE)], ids=str
)


def gradient_of(function):
    return jax.grad(lambda x, kernel: jnp.sum(jnp.sin(function(x, kernel))), (0, 1))


@TWO
def test_over_many_networks_and_their_images(case):
    many = [jnp.stack([a, 2 * a]) for a in arrays(*case[:5])]
    ours, plain = (
        jax.jit(jax.vmap(gradient_of(function)))(*many)
        for function in convolutions(*case[4:])
    )
    assert_close(ours, plain)


@TWO
def test_hessian_times_vector(case):
    x, kernel = arrays(*case[:5])
    vector = (x + 1, kernel - 1)
    ours, plain = (
        jax.jit(lambda *a, f=f: jax.jvp(gradient_of(f), a, vector))(x, kernel)
        for f in convolutions(*case[4:])
    )
    assert_close(ours, plain)


def orders_of_dimensions(function, inputs, platform):
    traced = jax.jit(gradient_of(function)).trace(*inputs)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    return [
        line.split("dim_numbers = ")[1].split(", window")[0]
        for line in text.splitlines()
        if "stablehlo.convolution" in line
    ]


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@TWO
def test_accelerators_get_the_plain_convolutions(case, platform):
    ours, plain = (
        orders_of_dimensions(function, arrays(*case[:5]), platform)
        for function in convolutions(*case[4:])
    )
    assert len(ours) == 3
    assert ours == plain


def test_all_convolutions_are_in_the_order_of_the_cpu_library():
    """In others XLA runs loops of scalars, where a `lax.scan` is around them."""
    library = "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"
    case = (12, 12, 4, 6, 3, 2, ONE)
    ours, plain = (
        orders_of_dimensions(function, arrays(*case[:5]), "cpu")
        for function in convolutions(*case[4:])
    )
    # The gradient by the kernel is products.
    assert ours == [library] * 2
    assert set(plain) != {library}


def test_one_program_for_several_platforms():
    case = (8, 8, 4, 6, 3, 2, ONE)
    inputs = arrays(*case[:5])
    gradient = jax.jit(gradient_of(convolutions(*case[4:])[0]))
    exported = jax.export.export(gradient, platforms=("cpu", "cuda", "tpu"))(*inputs)
    assert_close(exported.call(*inputs), gradient(*inputs))


SPLIT, WHOLE = PartitionSpec("data"), PartitionSpec()


def mesh_of(kind):
    devices = jax.devices()[:3]
    return jax.make_mesh((3,), ("data",), axis_types=(kind,), devices=devices)


# Each form on CPU: a dense layer, patches, few features, a column more, a plain one.
FORMS = pytest.mark.parametrize("case", [CASES[i] for i in (0, 20, 13, 18, 8)], ids=str)


@FORMS
def test_images_split_along_an_explicit_axis(case):
    """As `jax.make_mesh` makes axes; the gradients lie where their primals do."""
    inputs, mesh = arrays(*case[:5]), mesh_of(AxisType.Explicit)
    ours, plain = convolutions(*case[4:])
    with jax.set_mesh(mesh):
        placed = [
            jax.device_put(a, NamedSharding(mesh, spec))
            for a, spec in zip(inputs, (SPLIT, WHOLE), strict=True)
        ]
        found = value_and_gradients(ours, *placed)
    assert [jax.typeof(a).sharding.spec[0] for a in jax.tree.leaves(found)] == [
        "data",
        "data",
        None,
    ]
    assert_close(found, value_and_gradients(plain, *inputs))


@TWO
def test_hessian_times_vector_on_an_explicit_axis(case):
    x, kernel = arrays(*case[:5])
    ours, plain = convolutions(*case[4:])
    mesh = mesh_of(AxisType.Explicit)

    def product(function):
        vector = (x + 1, kernel - 1)
        return jax.jit(lambda *a: jax.jvp(gradient_of(function), a, vector))

    with jax.set_mesh(mesh):
        found = product(ours)(jax.device_put(x, NamedSharding(mesh, SPLIT)), kernel)
    assert_close(found, product(plain)(x, kernel))


@pytest.mark.skipif(
    jax.__version_info__ < (0, 10), reason="JAX 0.7 batches no convolution there"
)
def test_networks_on_an_explicit_axis():
    """`vmap` over networks of which each device has its own."""
    case = (8, 8, 4, 6, 3, 2, ONE)
    many = [jnp.stack([a, 2 * a, 3 * a]) for a in arrays(*case[:5])]
    ours, plain = (jax.vmap(gradient_of(f)) for f in convolutions(*case[4:]))
    mesh = mesh_of(AxisType.Explicit)
    with jax.set_mesh(mesh):
        placed = jax.device_put(many, NamedSharding(mesh, SPLIT))
        found = jax.jit(ours)(*placed)
    assert_close(found, jax.jit(plain)(*many))


# Where images and kernel vary, and what the gradients are then.
VARYING = [
    *((case, SPLIT, WHOLE) for case in FORMS.args[1]),
    (CASES[13], WHOLE, SPLIT),
    (CASES[13], SPLIT, SPLIT),
]


@pytest.mark.parametrize(("case", "images", "kernels"), VARYING, ids=str)
def test_inside_shard_map(case, images, kernels):
    """As the plain one: summed over the axes along which only the other varies."""
    x, kernel = arrays(*case[:5])
    if kernels == SPLIT:
        kernel = jnp.concatenate([kernel, 2 * kernel, 3 * kernel], axis=-1)
    specs = (images, PartitionSpec(None, None, None, *kernels))

    def on_devices(function):
        gradient = jax.shard_map(
            gradient_of(function),
            mesh=mesh_of(AxisType.Auto),
            in_specs=specs,
            out_specs=specs,
        )
        return jax.jit(gradient)(x, kernel)

    ours, plain = map(on_devices, convolutions(*case[4:]))
    assert_close(ours, plain)
