"""The commands that compute the papers' figures and tables."""

import matplotlib.image
import pytest

from inna_optax.experiments.catalogue.figures import FIGURES
from tests.experiments.commands.test_command_line import run, strict_json
from tests.marks import slow


def test_table(tmp_path):
    done = run("table", "3.1", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    record = strict_json(tmp_path / "table-3.1.json")
    assert [(r["initialization"], r["algorithm"][:4]) for r in record["rows"]] == [
        (start, name)
        for start in ("near_saddle", "stable_manifold")
        for name in ("INNA", "INNA", "GD")
    ]
    assert record["command"].startswith("inna-optax table 3.1")
    assert "near saddle" in done.stdout
    assert run("table", "3.1", "--out", tmp_path).returncode == 2


@pytest.mark.parametrize("number", ["3.1", slow("alpha-beta")])
def test_figure(tmp_path, number):
    done = run("figure", number, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    stem = f"figure-{number}"
    assert matplotlib.image.imread(tmp_path / f"{stem}.png").std() > 0.02
    assert (tmp_path / f"{stem}.pdf").read_bytes().startswith(b"%PDF")
    record = strict_json(tmp_path / f"{stem}.json")
    assert record["figure"] == number
    assert record["settings"] is not None
    for name in record["readings"]:
        assert name.replace("_", " ")[:20] in done.stdout


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_has_its_module(number):
    module = FIGURES[number].load()
    assert callable(module.compute)
    assert callable(module.draw)
    assert module.__doc__
