import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax import (
    barzilai_borwein,
    exact_gv_sgd,
    expected_gv_sgd,
    stochastic_gv_sgd,
)
from tests.transforms import twins
from tests.transforms.loops import iterates

BOUNDS = [(0.5, 2.0), (0.05, 8.0)]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("rule", ["nu", "absolute"])
def test_barzilai_borwein_is_algorithm_2(rule):
    problem = twins.LeastSquares()
    full = lambda theta, k: problem.full(theta)
    reference = twins.barzilai_borwein(
        full, problem.start, 100, 0.1, 2.0, absolute=rule == "absolute"
    )
    solver = barzilai_borwein(0.1, 2.0, negative_curvature=rule)
    ours, state = iterates(solver, full, problem.start, 100)
    np.testing.assert_allclose(ours, reference, rtol=1e-10, atol=1e-11)
    assert state.gamma > 0


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("m", "M"), BOUNDS)
@pytest.mark.parametrize(
    ("factory", "extras"),
    [
        (stochastic_gv_sgd, {}),
        (exact_gv_sgd, {"full_grads": "full"}),
        (expected_gv_sgd, {"curvature": "curvature"}),
    ],
)
def test_is_algorithm_4_5_or_6(factory, extras, m, M):
    problem = twins.LeastSquares()
    solver = factory(0.05, nu=1.5, gamma_min=m, gamma_max=M, delta=0.01)
    reference = twins.gradient_variation_sgd(
        problem.gradient,
        problem.start,
        100,
        0.05,
        1.5,
        m,
        M,
        0.01,
        **{
            name.removesuffix("_grads"): getattr(problem, method)
            for name, method in extras.items()
        },
    )
    extra = lambda theta, k: {
        name: jnp.asarray(getattr(problem, method)(theta))
        for name, method in extras.items()
    }
    ours, _ = iterates(solver, problem.gradient, problem.start, 100, extra=extra)
    np.testing.assert_allclose(ours, reference, rtol=1e-10, atol=1e-11)


def test_absolute_and_nu_differ_where_the_loss_is_concave():
    concave = lambda theta, k: -theta
    runs = [
        iterates(barzilai_borwein(0.1, 2.0, negative_curvature=rule), concave, [1.0], 3)
        for rule in ("nu", "absolute")
    ]
    assert [float(state.gamma) for _, state in runs] == pytest.approx([2.0, 1.0])


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
@pytest.mark.parametrize(
    "factory", [barzilai_borwein, stochastic_gv_sgd, exact_gv_sgd, expected_gv_sgd]
)
def test_gamma_survives_any_gradient(factory, bad):
    solver, grads = factory(0.1, nu=1.5), jnp.full(3, bad)
    state = solver.init(grads)
    for _ in range(3):
        _, state = solver.update(grads, state, full_grads=grads, curvature=grads)
    assert state.gamma == 1.5


@pytest.mark.parametrize(
    ("factory", "needed"),
    [(exact_gv_sgd, "full_grads"), (expected_gv_sgd, "curvature")],
)
def test_says_which_extra_argument_it_needs(factory, needed):
    solver = factory(0.1)
    with pytest.raises(
        ValueError, match=rf"{factory.__name__} needs {needed}.*update\("
    ):
        solver.update(jnp.ones(2), solver.init(jnp.ones(2)))
