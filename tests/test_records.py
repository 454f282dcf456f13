"""Records say where they come from; pictures are what their records draw."""

import json
import pathlib
import re

import matplotlib.image
import numpy as np
import pytest

from inna_optax.training.checkpoints import FORMAT
from tests.experiments.shell import call

RESULTS = pathlib.Path(__file__).parents[1] / "benchmarks" / "results"
# Beside them may lie what git ignores: the runs that a summary sums up.
RUNS = {"runs", "search", "unfinished"}
RECORDS = sorted(x for x in RESULTS.rglob("*.json") if not RUNS & {*x.parts})
FOLDERS = sorted({path.parent for path in (RESULTS / "papers").rglob("*.png")})
# Of 255, over all pixels and colours: letters move with Matplotlib's version, curves
# do not.
MOST = 12.0


def identifier(path):
    return str(path.relative_to(RESULTS))


@pytest.mark.parametrize("path", RECORDS, ids=identifier)
def test_a_record_says_how_it_was_made(path):
    record = json.loads(path.read_text())
    assert {"command", "date", "machine", "versions"} <= record.keys()
    assert {"jax", "inna-optax"} <= record["versions"].keys()
    # To be typed in a clone of the repository, wherever that is.
    assert not re.search(r"--out[ =]/", record["command"])
    # Networks that were trained: of this format, with its keys and masks.
    networks = record.get("problems", {}).values()
    for summary in [record] if "optimizers" in record else networks:
        assert summary["format"] == FORMAT


@pytest.mark.parametrize("folder", FOLDERS, ids=identifier)
def test_a_picture_is_what_its_record_draws(folder, tmp_path):
    done = call("plot", folder, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    drawn = {path.name: path for path in tmp_path.glob("*.png")}
    for kept in folder.glob("*.png"):
        name = kept.name
        if name in ("comparison.png", "sensitivity.png"):
            problem = json.loads((folder / "summary.json").read_text())["problem"]
            name = {
                "comparison.png": f"comparison-{problem}.png",
                "sensitivity.png": f"comparison-{problem}-sensitivity.png",
            }[name]
        pixels = [matplotlib.image.imread(path) for path in (kept, drawn[name])]
        assert pixels[0].shape == pixels[1].shape, name
        difference = 255 * np.sqrt(np.mean((pixels[0] - pixels[1]) ** 2))
        assert difference < MOST, name
