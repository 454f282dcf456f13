"""The commands that use what `train` left: evaluate and export."""

import json
import pathlib
import re

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file

from inna_optax import data
from inna_optax.zoo import MLP
from tests.experiments.shell import call, results_of, strict_json
from tests.experiments.shell import run as run_command


def trained(folder, *options, optimizer="inna"):
    done = call(
        *("train", "digits", "--optimizer", optimizer, "--epochs", 3),
        *("--out", folder, *options),
    )
    assert done.returncode == 0, done.stderr
    return strict_json(folder / "results.json")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    return folder, trained(folder)


def cells(table):
    """The numbers of a printed table by the first cell of their row."""
    rows = (re.split(r"\s*[│┃|]\s*", line.strip("│┃| ")) for line in table.splitlines())
    return {first: numbers for first, *numbers in rows if numbers}


def exported_network(arrays):
    """The network of problem `digits` with those arrays."""
    model = MLP(64, (64, 32), 10, rngs=nnx.Rngs(0))
    graph, params = nnx.split(model, nnx.Param)
    names = [
        "params." + jax.tree_util.keystr(path, simple=True, separator=".")
        for path, _ in jax.tree.leaves_with_path(params)
    ]
    assert set(names) == set(arrays)
    filled = jax.tree.unflatten(jax.tree.structure(params), [arrays[n] for n in names])
    return nnx.merge(graph, filled)


def accuracy(model):
    digits = data.load("digits")
    logits = model(digits.test_images / digits.maximum)
    return float(np.mean(np.argmax(logits, -1) == digits.test_labels))


def test_evaluate_finds_what_training_measured(run):
    folder, record = run
    done = call("evaluate", folder)
    assert done.returncode == 0, done.stderr
    found = cells(done.stdout)
    final = record["final"]
    assert found["loss"] == [f"{final[f'{x}_loss']:.5g}" for x in ("train", "test")]
    assert found["data loss"] == [
        f"{final[f'{x}_data_loss']:.5g}" for x in ("train", "test")
    ]
    assert found["accuracy"][1] == f"{final['test_accuracy']:.5g}"
    assert "after 3 epochs" in done.stdout


def test_evaluate_tells_the_examples_of_the_run(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    trained(folder, "--train-examples", 320)
    monkeypatch.chdir(tmp_path)
    done = call("evaluate", "run")
    assert "320 examples" in done.stdout


def test_a_run_on_many_devices_is_evaluated_on_one(tmp_path):
    folder = tmp_path / "run"
    record = trained(folder, "--mesh", "data=2,model=2")
    done = run_command("evaluate", folder)  # where there is one device
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    loss = float(cells(done.stdout)["loss"][0])
    assert loss == pytest.approx(record["final"]["train_loss"], rel=1e-4)


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_an_exported_network_reads_digits_as_the_trained_one(run, tmp_path, ending):
    folder, record = run
    file = tmp_path / f"network{ending}"
    done = call("export", folder, file)
    assert done.returncode == 0, done.stderr
    arrays = dict(np.load(file)) if ending == ".npz" else load_file(file)
    found = accuracy(exported_network(arrays))
    assert found == pytest.approx(record["final"]["test_accuracy"], abs=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_the_page_names_an_array_that_is_there(run, tmp_path):
    page = pathlib.Path(__file__).parents[3] / "docs" / "command-line.md"
    (name,) = re.findall(r'load\("digits.npz"\)\["(.+?)"\]', page.read_text())
    file = tmp_path / "digits.npz"
    assert call("export", run[0], file).returncode == 0
    assert np.load(file)[name].shape == (64, 64)


def test_nothing_is_overwritten(run, tmp_path):
    file = tmp_path / "network.npz"
    file.write_text("mine")
    done = call("export", run[0], file)
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert file.read_text() == "mine"


def test_an_average_is_exported_where_it_is_evaluated(tmp_path):
    folder = tmp_path / "run"
    record = trained(folder, optimizer="schedule_free_adamw")
    file = tmp_path / "network.npz"
    assert call("export", folder, file).returncode == 0
    exported = dict(np.load(file))
    found = accuracy(exported_network(exported))
    assert found == pytest.approx(record["final"]["test_accuracy"], abs=1e-6)
    _, _, iterate = results_of(folder)
    assert not all(np.allclose(array, iterate[n]) for n, array in exported.items())


def test_other_data_are_refused(run, tmp_path):
    folder, record = run
    (tmp_path / "run").symlink_to(folder)
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "checkpoints").symlink_to(folder / "checkpoints")
    (changed / "results.json").write_text(
        json.dumps({**record, "test_examples": 99999})
    )
    done = call("evaluate", changed)
    assert done.returncode == 2
    assert "test_examples was 99999" in done.stderr


def test_a_schedule_takes_the_place_of_the_protocols(tmp_path):
    paper, cosine, constant = (
        trained(tmp_path / name, "--schedule", name)
        for name in ("paper", "cosine", "constant")
    )
    assert paper["decay"] == {"power": 0.501, "each": "epoch"}
    assert cosine["decay"] == {"warmup": 0.05, "epochs": 3}
    assert constant["decay"] is None
    assert len({x["final"]["train_loss"] for x in (paper, cosine, constant)}) == 3
    for name in ("cosine", "constant"):  # whose states differ
        assert call("evaluate", tmp_path / name).returncode == 0
