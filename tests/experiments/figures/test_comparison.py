"""Figures that train networks, and the picture that they share."""

import json

import matplotlib.image
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.problems import PROBLEMS, Scale
from inna_optax.experiments.catalogue.protocols import CHAPTER_2, CHAPTER_4
from inna_optax.experiments.commands import command_line
from inna_optax.experiments.figures.comparison import (
    STYLES,
    describe_scale,
    draw_comparisons,
)
from inna_optax.zoo import AutoEncoder


def curve(*values):
    return {"mean": values, "smallest": values, "largest": values}


def summary(*, accuracy=True, **changes):
    curves = {"gradient_evaluations": [0, 10, 20], "train_loss": curve(2.0, 1.0, None)}
    if accuracy:
        curves["test_accuracy"] = curve(0.1, 0.5, 0.6)
    entry = {
        "searched": ["learning_rate"],
        "hyperparameters": {"learning_rate": 0.1},
        "gradient_evaluations": 20,
        "curves": curves,
    }
    return {
        "title": "(x) DATA\nnetwork",
        "train_examples": 1_000,
        "test_examples": 500,
        "epochs": 2,
        "seeds": [0],
        "batch_size": 100,
        "each_batch_twice": False,
        "published": {
            "train_examples": 50_000,
            "test_examples": 500,
            "epochs": 300,
            "seeds": 3,
            "batch_size": 100,
        },
        "optimizers": {
            name: {"label": name.upper(), "optimizer": name, **entry}
            for name in ("inna", "adam")
        },
    } | changes


def test_the_caption_says_what_was_cut_and_only_that():
    text = describe_scale(summary())
    assert "1,000 of 50,000 training images, 500 test images" in text
    assert "2 of 300 epochs (20 gradients), 1 of 3 seeds" in text
    assert "batch 100," in text
    assert "twice" not in text
    assert "each mini-batch twice" in describe_scale(summary(each_batch_twice=True))


def test_who_was_given_other_gradients_is_named():
    """A single epoch cannot be halved for a method that uses each batch twice."""
    once = summary(epochs=1)
    once["published"]["epochs"] = 1
    once["optimizers"]["step_tuned_sgd"] = {
        **once["optimizers"]["inna"],
        "label": "Step-Tuned SGD",
        "gradient_evaluations": 40,
    }
    assert "\n1 epoch (20 gradients; Step-Tuned SGD 40), " in describe_scale(once)


def test_problems_of_the_figure_that_were_not_run_are_named():
    text = describe_scale(summary(left_out=["b", "c"]))
    assert text.endswith("\nof the figure's problems not run: b, c")
    assert "not run" not in describe_scale(summary())


def test_seeds_that_diverged_are_counted():
    of_three = summary(seeds=[0, 1, 2])
    of_three["optimizers"]["adam"]["diverged"] = 1
    text = describe_scale(of_three)
    assert text.endswith("\nseeds that diverged, left out: ADAM (1 of 3)")
    assert "diverged" not in describe_scale(summary())


def test_every_contender_has_a_line_of_its_own():
    assert STYLES.keys() == CONTENDERS.keys()
    assert len(set(map(str, STYLES.values()))) == len(STYLES)


def test_every_optimizer_of_a_protocol_has_a_colour_of_its_own():
    for protocol in (CHAPTER_2, CHAPTER_4):
        styles = [STYLES[name] for name in protocol.optimizers]
        assert len({colour for colour, _ in styles}) == len(styles)


def test_a_problem_without_accuracies_shows_none():
    figure = draw_comparisons([summary(), summary(accuracy=False)])
    visible = [axis.get_visible() for axis in figure.axes]
    assert visible == [True, True, True, False]
    lines = [len(axis.lines) for axis in figure.axes]
    assert lines == [2, 2, 2, 0]
    # What was cut stands below each column, whichever panel is its last.
    captions = [[text.get_text() for text in axis.texts] for axis in figure.axes]
    assert captions[1] == captions[2] == [describe_scale(summary())]


def test_one_summary_says_in_the_legend_what_was_chosen():
    (legend,) = draw_comparisons([summary()]).legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["INNA (lr 0.1)", "ADAM (lr 0.1)"]


def test_no_label_of_a_legend_is_cut():
    """Those of one panel, which say what was chosen, are long."""
    one_panel = summary(accuracy=False)
    for entry in one_panel["optimizers"].values():
        entry["label"] += " after a search at some length"
    for figure in (draw_comparisons([one_panel]), draw_comparisons([summary()])):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        (legend,) = figure.legends
        box = legend.get_window_extent(canvas.get_renderer())
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width


def test_settings_of_one_optimizer_have_a_line_of_their_own_each():
    entry = summary()["optimizers"]["inna"]
    variants = {f"inna-{n}": {**entry, "label": f"INNA {n}"} for n in range(4)}
    variants["adam"] = {**entry, "optimizer": "adam", "label": "Adam"}
    lines = draw_comparisons([summary(optimizers=variants)]).axes[0].lines
    assert len({line.get_color() for line in lines}) == 5


@pytest.fixture
def small_d(monkeypatch):
    """Problem d, at a scale for tests, with a network of a thousandth of the size."""

    def network(dataset, rngs):
        shape = dataset.shape
        return AutoEncoder(shape, widths=(2,), rngs=rngs)

    problem = PROBLEMS["d"]._replace(desk=Scale(1, 2, 128, 20), network=network)
    monkeypatch.setitem(PROBLEMS, "d", problem)


@pytest.mark.slow
def test_a_figure_trains_draws_and_goes_on(small_d, data_folder, tmp_path, capsys):
    out = tmp_path / "figure"
    command = [
        *("figure", "4.5", "--problems", "d", "--data-dir", str(data_folder)),
        *("--data-note", "random", "--out", str(out)),
    ]
    assert command_line.main(command) == 0
    record = json.loads((out / "figure-4.5.json").read_text())
    found = record["problems"]["d"]
    assert tuple(found["optimizers"]) == CHAPTER_4.optimizers
    assert found["title"].startswith("(d) MNIST (random)\n")
    # One pass of one batch, used twice by all.
    assert {e["gradient_evaluations"] for e in found["optimizers"].values()} == {2}
    assert matplotlib.image.imread(out / "figure-4.5.png").std() > 0.02
    runs = sorted((out / "d" / "runs").iterdir())
    assert len(runs) == 2 * len(CHAPTER_4.optimizers)
    finals = [json.loads(path.read_text())["final"]["train_loss"] for path in runs]
    assert np.isfinite(finals).all()

    assert command_line.main(command) == 2
    assert "already holds results" in capsys.readouterr().err
    times = {path: path.stat().st_mtime_ns for path in runs[1:]}
    runs[0].unlink()
    assert command_line.main([*command, "--resume"]) == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times
    again = json.loads((out / "figure-4.5.json").read_text())
    for name, entry in again["problems"]["d"]["optimizers"].items():
        assert entry["curves"] == found["optimizers"][name]["curves"]
