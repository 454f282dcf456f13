"""Pictures of records that are there."""

import json
import pathlib
import shutil

import matplotlib.image
import pytest

from inna_optax.experiments.figures.runs import draw_runs
from tests.experiments.shell import call

PAPERS = pathlib.Path(__file__).parents[3] / "benchmarks" / "results" / "papers"


def run(optimizer, losses, accuracy=0.5):
    rows = [
        {
            "epoch": n,
            "gradient_evaluations": 10 * n,
            "train_loss": loss,
            "test_data_loss": loss,
            "test_accuracy": accuracy,
            "seconds": 1.0,
        }
        for n, loss in enumerate(losses)
    ]
    return {
        "problem": "digits",
        "optimizer": optimizer,
        "seed": 3,
        "history": rows,
        "final": rows[-1],
    }


def test_runs_share_a_picture(tmp_path):
    for name, losses in (("one", [2.0, 1.0]), ("two", [2.0, 0.5])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(run("inna", losses)))
    out = tmp_path / "out"
    done = call("plot", tmp_path / "one", tmp_path / "two", "--out", out)
    assert done.returncode == 0, done.stderr
    assert matplotlib.image.imread(out / "runs.png").std() > 0.02
    assert str(out / "runs.png") in done.stdout
    assert call("plot", tmp_path / "one", "--out", out).returncode == 2


def test_a_panel_for_each_metric_that_all_have_measured():
    records = [("a", run("inna", [2.0, 1.0])), ("b", run("sgd", [2.0, 1.5], None))]
    axes = draw_runs(records).axes
    assert [axis.get_ylabel() for axis in axes] == ["training loss J", "test loss"]
    assert [line.get_label() for line in axes[0].lines] == [
        "a: digits, inna, seed 3",
        "b: digits, sgd, seed 3",
    ]


@pytest.mark.parametrize(
    ("folder", "pictures"),
    [
        ("compare-digits", ["comparison-digits"]),
        ("figure-damping", ["figure-damping"]),
        ("figures/figure-4.1.json", ["figure-4.1"]),
    ],
)
def test_records_are_drawn_again(folder, pictures, tmp_path):
    source = PAPERS / folder
    if source.suffix == ".json":
        (tmp_path / "one").mkdir()
        shutil.copy(source, tmp_path / "one")
        source = tmp_path / "one"
    done = call("plot", source, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for name in pictures:
        assert (tmp_path / "out" / f"{name}.png").exists()
