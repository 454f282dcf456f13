"""The closed forms against brute force over the matrices of a step, in NumPy."""

import numpy as np
import pytest

from inna_optax import inna_from_momentum
from inna_optax.dynamics import stable_step_size
from inna_optax.experiments.figures import momentum_rates
from tests.precision import enable_x64

FIGURE = momentum_rates


@pytest.fixture(autouse=True)
def float64():
    with enable_x64(True):
        yield


@pytest.fixture(scope="module")
def draws():
    """Momenta and shares all over the map."""
    rng = np.random.default_rng(0)
    mu = 1 - 10 ** rng.uniform(-3, 0, 300)
    return mu, 10 ** rng.uniform(-3, 0.5, 300)


def spectral_radius(mu, c, products):
    """Of damped momentum's step, along each product of effective rate and curvature."""
    mu, c, x = np.broadcast_arrays(mu, c, products)
    # The error and the average: m + (1 - mu) g, and its part in the step.
    step = np.array([[1 - c * x, -x * (1 - c)], [1 - mu, mu]])
    return np.abs(np.linalg.eigvals(np.moveaxis(step, (0, 1), (-2, -1)))).max(axis=-1)


@pytest.mark.parametrize("radius", [0.5, 0.9, 0.99, 1.0])
def test_the_interval_holds_exactly_the_curvatures_of_its_radius(draws, radius):
    mu, c = (x[:, None] for x in draws)
    low, high = momentum_rates.curvature_interval(radius, mu, c)
    products = np.geomspace(1e-4, 1e4, 400)
    found = spectral_radius(mu, c, products)
    inside = (low <= products) & (products <= high)
    assert 50 < inside.sum() < inside.size - 50
    # A double eigenvalue has half the digits.
    assert found[inside].max() < radius + 1e-7
    assert found[~inside].min() > radius - 1e-7


def test_the_largest_stable_rate_is_the_first_that_is_not(draws):
    limit = np.asarray(momentum_rates.largest_stable_rate(*draws))[:, None]
    mu, c = (x[:, None] for x in draws)
    below = spectral_radius(mu, c, limit * np.geomspace(1e-3, 0.999, 100))
    assert below.max() < 1
    assert spectral_radius(mu, c, limit * np.array([1.001, 1.5, 9.0])).min() > 1


def test_the_largest_stable_rate_is_the_printed_formula(draws):
    mu, c = draws
    s = 1 - mu
    with np.errstate(divide="ignore"):
        first = np.where(2 * c > s, 2 * (1 + mu) / (2 * c - s), np.inf)
        second = np.where(c < s, s / (s - c), np.inf)
    limit = momentum_rates.largest_stable_rate(mu, c)
    np.testing.assert_allclose(limit, np.minimum(first, second), rtol=1e-12)
    assert np.all(limit <= 4 / s * (1 + 1e-12))
    at_most = momentum_rates.largest_stable_rate(mu, s - s**2 / 4)
    np.testing.assert_allclose(at_most, 4 / s, rtol=1e-10)


def test_the_largest_stable_rate_is_inna_s(draws):
    """At the limit, INNA's learning rate is the largest stable one."""
    mu, c = draws
    eta = np.asarray(momentum_rates.largest_stable_rate(mu, c)) * (1 - mu)
    gamma, alpha, beta = inna_from_momentum(eta, mu, c)
    np.testing.assert_allclose(stable_step_size(alpha, beta, 1.0), gamma, rtol=1e-9)


@pytest.mark.parametrize("condition", [10.0, 1000.0])
def test_no_effective_rate_is_better_than_the_best(draws, condition):
    """Against all rates of a fine grid, with curvatures between the extremes."""
    mu, c = (x[:60, None, None] for x in draws)
    rates, largest = momentum_rates.best_rate(*(x[:60] for x in draws), condition)
    curvatures = np.geomspace(1 / condition, 1, 21)
    tried = (
        np.asarray(largest)[:, None, None]
        * np.append(np.geomspace(0.1, 9, 81), 1)[:, None]
    )
    worst = spectral_radius(mu, c, tried * curvatures).max(axis=-1)
    assert np.all(worst.min(axis=-1) > rates - 1e-7)
    np.testing.assert_allclose(worst[:, -1], rates, atol=1e-6)


@pytest.mark.parametrize("condition", [2.0, 10.0, 1e4])
def test_rates_with_known_closed_forms(condition):
    root = np.sqrt(condition)
    best = [
        momentum_rates.best_rate(mu, c, condition)
        for mu, c in (*momentum_rates._methods(condition).values(), (0.0, 1.0))
    ]
    rates = [float(rate) for rate, _ in best]
    polyak, nesterov, triple_momentum, _, gradient_descent = rates
    assert polyak == pytest.approx((root - 1) / (root + 1), rel=1e-7)
    assert nesterov == pytest.approx(1 - 2 / np.sqrt(3 * condition + 1), rel=1e-7)
    assert triple_momentum == pytest.approx(1 - 1 / root, rel=1e-7)
    assert gradient_descent == pytest.approx((condition - 1) / (condition + 1))
    assert float(best[-1][1]) == pytest.approx(2 * condition / (condition + 1))


def test_no_memory_makes_nesterov_s_method_faster_than_the_marked_one(readings):
    mu = 1 - np.geomspace(1, 1e-3, 2_000)
    for condition in momentum_rates.CONDITIONS:
        rates = momentum_rates.best_rate(mu, 1 - mu**2, condition)[0]
        marked = readings[f"kappa_{condition}_nesterov_rate"]
        assert marked - 1e-9 < rates.min() < marked + 1e-3


def test_nothing_on_the_maps_is_faster_than_polyak_s_heavy_ball(result):
    for condition, found in result["maps"].items():
        relative = np.array(found["relative_steps"])
        assert 1 <= relative.min() < 1.1
        point = found["methods"]["heavy_ball"]
        readings = result["readings"]
        near = readings[f"kappa_{condition}_their_memory"]
        assert near == pytest.approx(point["memory"], rel=0.1)


def test_a_share_forgives_a_memory_that_is_too_long(readings):
    for condition in (10, 100):
        name = f"kappa_{condition}_relative_steps_at_memory_100"
        assert readings[f"{name}_share_0.2"] < readings[f"{name}_heavy_ball"] / 2


def test_a_larger_share_damps_sooner_and_bears_less(readings):
    at_100 = [f"at_memory_100_{end}" for end in ("heavy_ball", "nesterov", "share_0.2")]
    stable = [readings[f"largest_stable_rate_{name}"] for name in at_100]
    np.testing.assert_allclose(stable, [398, 133.6, 10.21], rtol=1e-3)
    damped = [
        readings["steps_to_damp_" + name.replace("100_", "100_and_rate_5_", 1)]
        for name in at_100
    ]
    radius = spectral_radius(0.99, np.array([0.01, 1 - 0.99**2, 0.2]), 5.0)
    np.testing.assert_allclose(damped, -1 / np.log(radius), rtol=1e-9)
    assert damped == sorted(damped, reverse=True)


def test_draws_three_maps_the_limits_and_the_damping(result):
    figure = momentum_rates.draw(result)
    titles = [axis.get_title()[:3] for axis in figure.axes if axis.get_title()]
    assert titles == ["(a)", "(b)", "(c)", "(d)", "(e)"]
    names = [text.get_text() for text in figure.axes[0].texts]
    for name in ("Polyak ×1", "Nesterov ×1.47", "Triple Momentum ×1.72"):
        assert name in names
    limits = next(axis for axis in figure.axes if axis.get_title()[:3] == "(d)")
    assert len(limits.lines) == len(result["largest_stable_rates"]) == 7
