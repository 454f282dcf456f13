"""Spectra against the thesis's matrices, and spirals against INNA's own iterates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import inna_optax
from inna_optax.dynamics import (
    flow_eigenvalues,
    is_gradient_like,
    map_eigenvalues,
    oscillation_interval,
)
from inna_optax.landscapes import WIDE_QUADRATIC


@pytest.fixture(scope="module")
def draws():
    rng = np.random.default_rng(1)
    alpha, beta = 10 ** rng.uniform(-2, 1, (2, 1_000))
    lam = rng.choice([-1, 1, 1, 1], 1_000) * 10 ** rng.uniform(-2, 3, 1_000)
    return lam, alpha, beta


def _flow_matrices(lam, alpha, beta):
    """The thesis's 2x2 blocks of (3.7), in (theta, psi)."""
    a = alpha - 1 / beta
    rows = [np.stack([-a - beta * lam, -1 / beta], -1), np.stack([-a, -1 / beta], -1)]
    return np.stack(rows, -2)


def _sorted_pairs(pairs):
    """sigma_+ first: by real part, then by imaginary part."""
    pairs = np.asarray(pairs)
    first, second = pairs[..., :1], pairs[..., 1:]
    equal_real = np.isclose(first.real, second.real, rtol=1e-9, atol=0)
    swap = np.where(equal_real, first.imag < second.imag, first.real < second.real)
    return np.where(swap, pairs[..., ::-1], pairs)


@pytest.mark.usefixtures("float64")
def test_flow_eigenvalues_are_those_of_the_thesis_matrix(draws):
    expected = np.linalg.eigvals(_flow_matrices(*draws))
    np.testing.assert_allclose(
        flow_eigenvalues(*draws), _sorted_pairs(expected), rtol=1e-5, atol=1e-8
    )


@pytest.mark.usefixtures("float64")
def test_flow_eigenvalues_solve_their_equation(draws):
    lam, alpha, beta = draws
    plus, minus = np.moveaxis(np.asarray(flow_eigenvalues(*draws)), -1, 0)
    np.testing.assert_allclose(plus + minus, -(alpha + beta * lam), rtol=1e-12)
    np.testing.assert_allclose(plus * minus, lam, rtol=1e-12)
    assert np.all(plus.real >= minus.real)
    assert np.all(plus.imag >= minus.imag)


@pytest.mark.usefixtures("float64")
def test_map_eigenvalues_are_those_of_one_euler_step(draws):
    expected = np.linalg.eigvals(np.eye(2) + 0.03 * _flow_matrices(*draws))
    np.testing.assert_allclose(
        map_eigenvalues(*draws, step_size=0.03),
        _sorted_pairs(expected),
        rtol=1e-5,
        atol=1e-8,
    )


@pytest.mark.usefixtures("float64")
def test_without_newton_like_damping_they_are_those_of_the_heavy_ball(draws):
    """In (theta, velocity), where theta'' + alpha theta' + lam theta = 0."""
    lam, alpha, _ = draws
    zero, one = np.zeros_like(lam), np.ones_like(lam)
    flow = np.array([[zero, one], [-lam, -alpha]]).transpose(2, 0, 1)
    for found, matrices in (
        (flow_eigenvalues(lam, alpha, 0.0), flow),
        (map_eigenvalues(lam, alpha, 0.0, 0.03), np.eye(2) + 0.03 * flow),
    ):
        expected = _sorted_pairs(np.linalg.eigvals(matrices))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.usefixtures("float64")
def test_the_heavy_ball_spirals_at_every_steep_curvature(draws):
    lam, alpha, _ = draws
    intervals = [oscillation_interval(a, 0) for a in alpha]
    low, high = np.transpose(intervals)
    np.testing.assert_allclose(low, alpha**2 / 4)
    assert np.all(high == np.inf)
    complex_pair = np.asarray(flow_eigenvalues(lam, alpha, 0.0)).imag[:, 0] > 0
    np.testing.assert_array_equal(complex_pair, lam > low)
    assert not is_gradient_like(alpha, 0).any()
    assert oscillation_interval(0, 0) == (0, np.inf)


def test_the_interval_is_finite_or_infinite_but_no_error_at_the_smallest_betas():
    assert oscillation_interval(1.0, 1e-150)[1] == pytest.approx(4e300)
    assert oscillation_interval(1.0, 1e-200)[1] == np.inf


@pytest.mark.usefixtures("float32")
def test_flow_eigenvalues_keep_their_digits_at_small_curvatures():
    lam = jnp.array([1e-7, -1e-7, 1e-12])
    plus = flow_eigenvalues(lam, alpha=0.5, beta=0.1)[:, 0]
    np.testing.assert_allclose(plus, -lam / 0.5, rtol=1e-5)


@pytest.mark.usefixtures("float64")
def test_flow_eigenvalues_of_nothing_are_zero():
    np.testing.assert_array_equal(flow_eigenvalues(0.0, alpha=0.0, beta=0.1), [0, 0])


@pytest.mark.usefixtures("float64")
def test_eigenvalues_are_complex_exactly_in_the_oscillation_interval(draws):
    lam, alpha, beta = draws
    intervals = [oscillation_interval(a, b) for a, b in zip(alpha, beta, strict=True)]
    inside = [
        i is not None and i[0] < x < i[1] for i, x in zip(intervals, lam, strict=True)
    ]
    assert 100 < sum(inside) < 900
    complex_pair = np.asarray(flow_eigenvalues(*draws)).imag[:, 0] > 0
    np.testing.assert_array_equal(complex_pair, inside)


def test_oscillation_interval_of_figure_3_2():
    low, high = oscillation_interval(alpha=2.0, beta=0.1)
    assert low == pytest.approx((2 - 0.2 - 2 * 0.8**0.5) / 0.01)
    assert high == pytest.approx((2 - 0.2 + 2 * 0.8**0.5) / 0.01)
    assert oscillation_interval(alpha=2.0, beta=1.0) is None


def test_oscillation_interval_is_empty_exactly_where_din_is_gradient_like(draws):
    _, alpha, beta = draws
    gradient_like = is_gradient_like(alpha, beta)
    assert 0 < gradient_like.sum() < gradient_like.size
    none = [
        oscillation_interval(a, b) is None for a, b in zip(alpha, beta, strict=True)
    ]
    np.testing.assert_array_equal(gradient_like, none)
    assert is_gradient_like(2.0, 0.5)
    assert oscillation_interval(2.0, 0.5) is None


def test_oscillation_interval_keeps_the_digits_of_its_lower_end():
    low, _ = oscillation_interval(alpha=1e-9, beta=0.1)
    assert low == pytest.approx((1e-9 / 2) ** 2, rel=1e-9)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("alpha", "beta", "oscillates"),
    [
        (2.0, 0.1, (True, True)),  # Figure 3.2: 2 and 4 are in (1.1, 359).
        (2.0, 1.0, (False, False)),  # Figure 3.2: no interval.
        (3.0, 0.2, (False, True)),  # the interval starts at 3.4.
        (1.0, 0.9, (True, False)),  # the interval ends at 2.1.
        (3.0, 0.0, (False, True)),  # the interval is (2.25, inf).
    ],
)
def test_inna_spirals_exactly_along_eigenvectors_in_the_interval(
    alpha, beta, oscillates
):
    interval = oscillation_interval(alpha, beta)
    expected = tuple(
        interval is not None and interval[0] < lam < interval[1] for lam in (2.0, 4.0)
    )
    assert expected == oscillates

    solver = inna_optax.inna(0.005, alpha, beta)
    theta0 = jnp.asarray(WIDE_QUADRATIC.inits[0])

    def step(carry, _):
        theta, state = carry
        updates, state = solver.update(jax.grad(WIDE_QUADRATIC.objective)(theta), state)
        return (theta + updates, state), theta

    _, path = jax.lax.scan(step, (theta0, solver.init(theta0)), None, length=20_000)
    sign_changes = jnp.sum(path[1:] * path[:-1] < 0, axis=0)
    # Over-damped motion passes its equilibrium at most once.
    for changes, oscillating in zip(sign_changes, oscillates, strict=True):
        assert changes >= 4 if oscillating else changes <= 1
