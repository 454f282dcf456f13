import numpy as np
import pytest

from inna_optax.experiments.figures import figure_3_1

FIGURE = figure_3_1


@pytest.mark.parametrize("name", figure_3_1.FUNCTIONS)
def test_both_have_a_singular_critical_point(readings, name):
    assert readings[f"{name}_gradient_norm"] == 0
    assert readings[f"{name}_smallest_eigenvalue"] == pytest.approx(0, abs=1e-12)
    assert readings[f"{name}_largest_eigenvalue"] == pytest.approx(2)


def test_a_minimizer_of_the_first_and_no_extremum_of_the_second(readings):
    assert readings["valley_least_increase_around"] == pytest.approx(0, abs=1e-12)
    assert readings["cubic_least_increase_around"] == pytest.approx(
        -(figure_3_1.RADIUS**3)
    )
    assert readings["cubic_greatest_increase_around"] > 0


def test_the_surfaces_are_those_of_the_functions(result):
    x = np.linspace(-1, 1, figure_3_1.POINTS)
    x, y = np.meshgrid(x, x)
    for name, expected in (("valley", (x + y) ** 2 / 2), ("cubic", x**3 + y**2)):
        np.testing.assert_allclose(result["surfaces"][name], expected, atol=1e-6)


def test_draws_two_surfaces(result):
    figure = figure_3_1.draw(result)
    assert [axis.name for axis in figure.axes] == ["3d", "3d"]
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[0].endswith("a minimizer")
    assert titles[1].endswith("no extremum")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["critical point (0, 0)"]
