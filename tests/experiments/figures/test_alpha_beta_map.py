import numpy as np

from inna_optax.experiments.figures import alpha_beta_map

FIGURE = alpha_beta_map


def test_where_theory_damps_nothing_oscillates(result):
    assert result["readings"]["most_crossings_where_theory_damps"] <= 2


def test_where_theory_spirals_the_axes_are_crossed(result):
    assert result["readings"]["share_of_spirals_in_theory_that_cross"] > 0.95


def test_where_theory_diverges_values_grow(result):
    readings = result["readings"]
    assert readings["least_value_where_theory_diverges"] > readings["value_at_start"]


def test_the_radius_is_the_measured_rate(result):
    """Values fall as the radius to the power of steps, lower where a path crosses."""
    values = np.array(result["quadratic_values"], float)
    radius = np.array(result["quadratic_spectral_radius"])
    steps = result["settings"]["quadratic"]["steps"]
    slow = (radius > 0.97) & (radius < 1.0)
    rates = values[slow] ** (1 / (2 * steps))
    # Where two eigenvalues meet, steps times the radius's power; then the start's size.
    start = result["readings"]["value_at_start"]
    transient = steps ** (1 / steps) * (2 * start) ** (1 / (2 * steps))
    assert np.all(rates < radius[slow] * transient)
    assert abs(np.median(rates / radius[slow]) - 1) < 0.002


def test_damping_both_ways_beats_either_alone(result):
    ends = {
        name: np.linalg.norm(entry["path"][-1])
        for name, entry in result["marked"].items()
    }
    assert ends["D"] < min(ends["A"], ends["B"], ends["C"])


def test_draws_four_panels_and_their_colour_bars(result):
    figure = alpha_beta_map.draw(result)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert [title[:3] for title in titles] == ["(a)", "(b)", "(c)", "(d)"]
    labels = [t.get_text() for t in figure.axes[2].get_legend().get_texts()]
    assert [label[0] for label in labels] == list("ABCD")
