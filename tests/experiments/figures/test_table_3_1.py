import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from inna_optax import inna
from inna_optax.experiments.figures import table_3_1
from inna_optax.experiments.figures.trajectories import trajectories
from inna_optax.landscapes import DOUBLE_WELL
from tests.precision import enable_x64


@pytest.fixture(scope="module")
def table():
    with enable_x64(True):
        yield table_3_1.compute()


def rows(table, initialization):
    return [r for r in table["rows"] if r["initialization"] == initialization]


def test_off_the_manifold_no_run_ends_at_the_saddle(table):
    near = rows(table, "near_saddle")
    assert len(near) == 3
    for row in near:
        assert row["percent_saddle"] == 0
        assert row["percent_minus"] + row["percent_plus"] == 100
        # A fair coin, 1,000 times: four standard deviations.
        assert abs(row["percent_minus"] - 50) < 4 * 100 * 0.5 / np.sqrt(1_000)


def test_on_the_manifold_every_run_ends_at_the_saddle(table):
    on = rows(table, "stable_manifold")
    assert [row["percent_saddle"] for row in on] == [100, 100, 100]
    assert [row["mean_escape_iterations"] for row in on] == [None, None, None]


def test_counted_as_the_authors_did_the_escapes_are_the_printed_ones(table):
    near = rows(table, "near_saddle")
    counts = [int(row["escape_count_as_in_thesis"]) for row in near]
    printed = [row["escape_count_printed_in_thesis"] for row in near]
    assert counts == printed == [36, 35, 37]


def test_true_escapes_are_those_of_a_plain_loop(table):
    """The first row again, in NumPy, one run after another."""
    starts = table_3_1._starts(table["seed"])[0][:50]
    gamma, alpha, beta = table["step_size"], 0.5, 1.0
    gradient = lambda t: np.array([4 * t[0] ** 3 - 8 * t[0], 2 * t[1]])
    escapes = []
    for theta in starts:
        v, k = (beta - 1) * gradient(theta), 0
        while abs(theta[0]) <= 1.0:
            g = gradient(theta)
            theta = theta + gamma * (v - beta * g)
            v = (1 - alpha * gamma) * v - gamma * (1 - alpha * beta) * g
            k += 1
        escapes.append(k)
    runs = jax.vmap(lambda x: table_3_1._run(alpha, beta, x))(jnp.asarray(starts))
    np.testing.assert_array_equal(runs[1], escapes)


@pytest.mark.usefixtures("x64")
def test_gradient_descent_is_inna_with_alpha_and_beta_one():
    path = [
        trajectories(
            lambda h, make=make: make(h["rate"]),
            DOUBLE_WELL.objective,
            [[0.3, 1.9]],
            {"rate": [0.02]},
            steps=500,
        ).iterates
        for make in (optax.sgd, lambda rate: inna(rate, alpha=1.0, beta=1.0))
    ]
    np.testing.assert_allclose(*path, rtol=1e-12, atol=1e-14)
