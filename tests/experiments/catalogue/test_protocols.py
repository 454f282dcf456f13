import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax.experiments.catalogue import dial, modern
from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.figures import COMPARISONS
from inna_optax.experiments.catalogue.protocols import (
    CHAPTER_2,
    CHAPTER_4,
    epochs_for,
    search_epochs_for,
)
from inna_optax.experiments.catalogue.schedules import Cosine, Decay, WarmUp

RATES = {1e-4, 1e-3, 1e-2, 1e-1, 1.0}


def test_grids_are_those_of_section_4_5_1():
    for name, extra in (("inna", {}), ("step_tuned_sgd", {"nu": {1.0, 2.0, 5.0}})):
        points = CHAPTER_4.entry(name).grid
        assert {p["learning_rate"] for p in points} == RATES
        for key, values in extra.items():
            assert {p[key] for p in points} == values
    assert {p["b1"] for p in CHAPTER_4.entry("adam").grid} == {0.1, 0.5, 0.9, 0.99}


def test_nu_beyond_gamma_max_raises_gamma_max():
    """Section 4.8.2: max(gamma_max, nu); no two points of the grid are the same run."""
    points = CHAPTER_4.entry("step_tuned_sgd").grid
    for point in points:
        assert point["gamma_max"] == max(2.0, point["nu"])
    assert len({tuple(point.items()) for point in points}) == 15


@pytest.mark.parametrize(("protocol", "speed"), [(CHAPTER_2, 1.0), (CHAPTER_4, 0.1)])
def test_inna_starts_at_full_speed_in_chapter_2_and_from_rest_in_chapter_4(
    protocol, speed
):
    """psi_0 of section 2.6.2.1; the authors' PyTorch release, whose speed is beta."""
    for point in protocol.entry("inna").grid:
        assert (point["initial_speed"], point["beta"]) == (speed, 0.1)


@pytest.mark.parametrize("gradient", [1.0, 1e-4, 1e-7])
def test_epsilon_is_outside_the_root(gradient):
    """First steps of (1.30) with Keras's epsilon and of (1.31) with PyTorch's."""
    grads = jnp.float32(gradient)

    def first_step(name):
        contender = CONTENDERS[name]
        solver = contender.make(1.0, **contender.defaults)
        return -float(solver.update(grads, solver.init(grads))[0])

    expected = gradient / (gradient + 1e-7)
    np.testing.assert_allclose(first_step("adagrad"), expected, rtol=1e-5)
    expected = gradient / (0.1 * gradient + 1e-8)
    np.testing.assert_allclose(first_step("rmsprop"), expected, rtol=1e-5)


def test_adagrad_sums_squares():
    solver = CONTENDERS["adagrad"].make(0.5)
    grads = jnp.float32(3.0)
    _, state = solver.update(grads, solver.init(grads))
    update, _ = solver.update(jnp.float32(4.0), state)
    np.testing.assert_allclose(update, -0.5 * 4 / 5, rtol=1e-6)


def test_chapter_2_searches_the_learning_rate_alone():
    for name in CHAPTER_2.optimizers:
        points = CHAPTER_2.entry(name).grid
        assert [p["learning_rate"] for p in points] == sorted(RATES)
    assert search_epochs_for(CHAPTER_2, 200, 1) == 15


def test_a_batch_used_twice_halves_the_passes():
    assert epochs_for(100, 1) == 100
    assert search_epochs_for(CHAPTER_4, 100, 1) == 10
    assert epochs_for(100, 2) == 50
    assert search_epochs_for(CHAPTER_4, 100, 2) == 5


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("name", CONTENDERS)
def test_the_learning_rate_of_chapter_4_decays_once_an_epoch_or_never(name, twice):
    entry = CONTENDERS[name]
    recording = entry._replace(make=lambda rate, **others: rate)
    uses = max(entry.uses_per_batch, 2 if twice else 1)
    rate = recording.solver(
        {"learning_rate": 0.1, **entry.defaults}, CHAPTER_4.schedule_of(entry), 3 * uses
    )
    inertial = ("inna", "damped_momentum", "momentum", "nesterov")
    if name in (*inertial, "step_tuned_sgd", "sgd"):
        # Step-Tuned SGD reads it once a mini-batch, the others at each update.
        reads = 3 * uses // entry.uses_per_batch
        expected = [0.1 / (k // reads + 1) ** 0.501 for k in range(9)]
        np.testing.assert_allclose([rate(k) for k in range(9)], expected, rtol=1e-6)
    else:
        assert rate == 0.1


def test_the_learning_rate_of_chapter_2_decays_at_each_update():
    for name, decays in (("inna", True), ("sgd", True), ("adagrad", False)):
        recording = CONTENDERS[name]._replace(make=lambda rate, **others: rate)
        rate = recording.solver(
            {"learning_rate": 0.1}, CHAPTER_2.schedule_of(CONTENDERS[name]), 7
        )
        if decays:
            np.testing.assert_allclose(rate(8), 0.1 / 3, rtol=1e-6)
        else:
            assert rate == 0.1


def test_figure_2_2_has_the_four_choices_of_section_2_6_2():
    entries = COMPARISONS["2.2"].entries(CHAPTER_2)
    found = [(p["alpha"], p["beta"]) for p in (entry.grid[0] for entry in entries)]
    assert found == [(0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.5, 1.0)]


def test_figure_2_4_has_slower_decays_and_adam():
    *inna, adam = COMPARISONS["2.4"].entries(CHAPTER_2)
    powers = [1 / 2, 1 / 4, 1 / 8, 1 / 16]
    assert [entry.schedule for entry in inna] == [Decay(q, "update") for q in powers]
    assert adam.name == "adam"


@pytest.mark.parametrize("number", COMPARISONS)
def test_entries_of_a_figure_have_names_of_their_own(number):
    for protocol in (CHAPTER_2, CHAPTER_4):
        names = [entry.name for entry in COMPARISONS[number].entries(protocol)]
        assert len(set(names)) == len(names)


def test_a_cosine_rises_falls_and_ends_at_zero():
    """Warm-up over 2 of 20 updates, then half a cosine."""
    rates = np.array([Cosine(0.1).over(4).of(0.3, 5)(k) for k in range(20)])
    np.testing.assert_allclose(rates[:2], [0.075, 0.225], rtol=1e-5)
    assert rates.argmax() == 2
    np.testing.assert_allclose(rates[10:12].mean(), 0.15, rtol=1e-5)
    assert np.all(np.diff(rates[2:]) < 0)
    assert 0 < rates[-1] < 0.01


def test_a_cosine_needs_no_warmup():
    rates = [Cosine(0.0).over(2).of(0.3, 5)(k) for k in range(10)]
    expected = 0.15 * (1 + np.cos(np.pi * (np.arange(10) + 0.5) / 10))
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def test_step_tuned_sgd_ends_its_cosine_with_its_run():
    """It reads the schedule once a mini-batch, which it uses twice."""
    recording = CONTENDERS["step_tuned_sgd"]._replace(make=lambda rate, **others: rate)
    rate = recording.solver(
        {"learning_rate": 1.0, **recording.defaults}, Cosine(0.0).over(3), 10
    )
    assert 0 < float(rate(3 * 5 - 1)) < 0.03


def test_the_dial_and_nesterovs_method_get_as_many_trials():
    dial_entry, nesterov, heavy_ball = dial.entries(dial.PROTOCOL)
    assert len(dial_entry.grid) == len(nesterov.grid) == 48
    for point in nesterov.grid:
        assert point["damping"] == 1 - point["momentum"] ** 2
    for point in heavy_ball.grid:
        assert point["damping"] == 1 - point["momentum"]
    for entry in (dial_entry, nesterov, heavy_ball):
        assert len({tuple(point.items()) for point in entry.grid}) == len(entry.grid)
        assert isinstance(entry.schedule, Cosine)


def test_a_warm_up_ends_at_its_share():
    rates = [WarmUp(0.2).over(2).of(0.3, 10)(k) for k in range(20)]
    np.testing.assert_allclose(rates[:5], 0.3 * np.array([1, 2, 3, 4, 4]) / 4)
    np.testing.assert_allclose(rates[4:], 0.3)


@pytest.mark.parametrize("name", modern.SPACES)
def test_all_get_as_many_different_trials_that_their_optimizer_takes(name):
    points = modern.points(name)
    assert len(points) == len({tuple(point.items()) for point in points}) == 24
    assert modern.points(name) == points  # the same each time
    contender = CONTENDERS[name]
    for point in points:
        contender.solver({**contender.defaults, **point}, Cosine(0.1, 2), 4)


def test_trials_spread_over_each_range():
    """Each value is tried as often as the others, but for one time."""
    points = modern.points("adamw")
    for name, values in modern.SPACES["adamw"].ranges.items():
        counts = [sum(point[name] == value for point in points) for value in values]
        assert max(counts) - min(counts) <= 1


def test_the_settings_of_innaprops_paper_are_tried():
    tried = {(point["alpha"], point["beta"]) for point in modern.points("innaprop")}
    assert {(0.1, 0.9), (2.0, 2.0)} <= tried


def test_only_the_schedule_free_have_no_cosine():
    entries = modern.entries(modern.PROTOCOL)
    free = [e.name for e in entries if not isinstance(e.schedule, Cosine)]
    assert free == ["schedule_free_adamw"]
    assert {len(entry.grid) for entry in entries} == {modern.TRIALS}
