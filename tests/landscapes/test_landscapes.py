"""Each landscape is what its record says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax.landscapes import (
    CUBIC_SADDLE,
    D_CRITICAL,
    DOUBLE_WELL,
    FLAT_VALLEY,
    LANDSCAPES,
    NARROW_QUADRATIC,
    NONSMOOTH_ROSENBROCK,
    WIDE_QUADRATIC,
)
from tests.precision import enable_x64

KINKED = (NONSMOOTH_ROSENBROCK,)

every_landscape = pytest.mark.parametrize("landscape", LANDSCAPES, ids=lambda x: x.name)
smooth_landscape = pytest.mark.parametrize(
    "landscape", [x for x in LANDSCAPES if x not in KINKED], ids=lambda x: x.name
)


@pytest.fixture(autouse=True)
def float64():
    with enable_x64(True):
        yield


def _points_around(point, *, radius, count=2_000):
    noise = jax.random.normal(jax.random.key(0), (count, len(point)))
    return jnp.asarray(point) + radius * noise


def _some_point(landscape):
    return (landscape.minimizers + landscape.saddles)[0]


@pytest.mark.parametrize(
    ("landscape", "point", "value"),
    [
        (NARROW_QUADRATIC, (2.0, 3.0), 94.0),
        (WIDE_QUADRATIC, (2.0, 3.0), 22.0),
        (NONSMOOTH_ROSENBROCK, (-1.0, 1.5), 27.0),
        (NONSMOOTH_ROSENBROCK, (3.0, 2.0), 102.0),
        (FLAT_VALLEY, (2.0, 3.0), 12.5),
        (CUBIC_SADDLE, (-2.0, 3.0), 1.0),
        (DOUBLE_WELL, (1.0, 2.0), 1.0),
        (D_CRITICAL, (3.0,), 2.0),
        (D_CRITICAL, (-3.0,), 8.0),
    ],
    ids=lambda x: getattr(x, "name", None),
)
def test_values(landscape, point, value):
    assert float(landscape.objective(jnp.array(point))) == pytest.approx(value)


@every_landscape
def test_minimizers_are_global(landscape):
    values = jax.vmap(landscape.objective)(
        _points_around(_some_point(landscape), radius=3.0)
    )
    for minimizer in landscape.minimizers:
        least = landscape.objective(jnp.asarray(minimizer))
        assert least <= jnp.min(values) + 1e-12
    if not landscape.minimizers:
        assert jnp.min(values) < -10  # unbounded below.


@every_landscape
def test_saddles_are_no_extremum(landscape):
    for saddle in landscape.saddles:
        values = jax.vmap(landscape.objective)(_points_around(saddle, radius=0.1))
        center = landscape.objective(jnp.asarray(saddle))
        assert jnp.min(values) < center < jnp.max(values)


@smooth_landscape
def test_gradient_is_zero_at_minimizers_and_saddles(landscape):
    for point in landscape.minimizers + landscape.saddles:
        gradient = jax.grad(landscape.objective)(jnp.asarray(point))
        np.testing.assert_allclose(gradient, np.zeros(len(point)), atol=1e-14)


@pytest.mark.parametrize(
    ("landscape", "point", "eigenvalues"),
    [
        (NARROW_QUADRATIC, (0.0, 0.0), [2, 20]),
        (WIDE_QUADRATIC, (0.0, 0.0), [2, 4]),
        (FLAT_VALLEY, (0.0, 0.0), [0, 2]),
        (CUBIC_SADDLE, (0.0, 0.0), [0, 2]),
        (DOUBLE_WELL, (0.0, 0.0), [-8, 2]),
        (DOUBLE_WELL, DOUBLE_WELL.minimizers[0], [2, 16]),
    ],
    ids=lambda x: getattr(x, "name", None),
)
def test_hessians(landscape, point, eigenvalues):
    hessian = jax.hessian(landscape.objective)(jnp.array(point))
    np.testing.assert_allclose(jnp.linalg.eigvalsh(hessian), eigenvalues, atol=1e-12)


def test_non_smooth_rosenbrock_has_a_kink_at_its_minimizer():
    gradient = jax.grad(NONSMOOTH_ROSENBROCK.objective)
    left, right = gradient(jnp.array([1 - 1e-9, 1])), gradient(jnp.array([1 + 1e-9, 1]))
    np.testing.assert_allclose(left, [-1, 0], atol=1e-6)
    np.testing.assert_allclose(right, [1, 0], atol=1e-6)


@every_landscape
def test_objectives_can_be_jitted_and_vmapped(landscape):
    points = _points_around(_some_point(landscape), radius=1.0, count=5)
    batch = jax.jit(jax.vmap(landscape.objective))(points)
    np.testing.assert_allclose(batch, [landscape.objective(x) for x in points])


@every_landscape
def test_records_are_immutable_and_complete(landscape):
    assert landscape.reference
    points = (
        landscape.inits + landscape.minimizers + landscape.saddles + landscape.spurious
    )
    assert len({len(point) for point in points}) == 1
    hash(landscape)
    with pytest.raises(AttributeError):
        landscape.name = "another"
