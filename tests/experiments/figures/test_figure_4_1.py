import json

import numpy as np
import pytest

from inna_optax.experiments.figures import figure_4_1
from tests.precision import enable_x64


@pytest.fixture(scope="module")
def result():
    with enable_x64(True):
        yield json.loads(json.dumps(figure_4_1.compute("desk"), allow_nan=False))


def phi(t):
    return t**2 / (1 + t**2)


def slope(t):
    return 2 * t / (1 + t**2) ** 2


def curvature(t):
    return (2 - 6 * t**2) / (1 + t**2) ** 3


def test_steps_are_those_of_the_closed_form(result):
    zero, one, two = result["path"]["theta"]
    readings = result["readings"]
    assert zero == figure_4_1.THETA_0
    assert one == pytest.approx(zero - figure_4_1.NU * slope(zero))
    assert two == pytest.approx(one - slope(one) / curvature(one))
    np.testing.assert_allclose(result["path"]["value"], phi(np.array([zero, one, two])))
    assert readings["curvature_at_theta_0"] == pytest.approx(curvature(zero))
    assert readings["curvature_at_theta_1"] == pytest.approx(curvature(one))


def test_readings_hold(result):
    readings = result["readings"]
    assert readings["curvature_at_theta_0"] < 0 < readings["curvature_at_theta_1"]
    assert readings["gamma_at_theta_0"] == figure_4_1.NU
    assert readings["gamma_at_theta_0"] > 5 * readings["gamma_at_theta_1"]
    assert readings["large_step_where_concave"]
    assert readings["theta_2_minimizes_the_model"]
    assert readings["loss_decreases"]


def test_models_touch_the_loss_and_the_second_has_its_minimum_at_theta_2(result):
    for name, start in zip(("minus", "plus"), result["path"]["theta"][:2], strict=True):
        curve = result["models"][name]
        thetas, values = np.array(curve["theta"]), np.array(curve["value"])
        near = np.abs(thetas - start) < 0.1
        np.testing.assert_allclose(values[near], phi(thetas[near]), atol=2e-3)
    assert values.min() >= result["readings"]["minimum_of_q_plus"]
    lowest = thetas[values.argmin()]
    assert lowest == pytest.approx(result["path"]["theta"][2], abs=0.02)


def test_drawing_needs_the_result_only(result):
    figure = figure_4_1.draw(result)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(labels) == 3
    assert "$q^-$" in labels[1]
    assert "$q^+$" in labels[2]
    assert len(figure.axes) == 1
