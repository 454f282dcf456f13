"""The problems `gpt` and `gpt-tiny`: language models of bytes."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax import data
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.running.setting import open_setting, program_for
from inna_optax.experiments.running.tasks import bits_per_byte
from inna_optax.zoo import Transformer
from tests.experiments.shell import call

LINE = b"the quick brown fox jumps over the lazy dog. "


@pytest.fixture
def small(monkeypatch):
    """A network of a hundredth of the size."""

    def network(facts, rngs):
        return Transformer(facts.classes, width=16, layers=1, heads=2, rngs=rngs)

    problem = PROBLEMS["gpt"]._replace(network=network)
    monkeypatch.setitem(PROBLEMS, "gpt", problem)
    return problem


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "texts"
    place.mkdir()
    for n in range(3):
        (place / f"{n}.txt").write_bytes(LINE * 200)
    return place


def test_the_loss_is_in_bits_per_byte():
    """Equal logits say eight bits; certainty says none."""
    tokens = jnp.array([[1, 2, 3]], jnp.uint8)
    logits = jnp.zeros((1, 2, 256))
    found = bits_per_byte(logits, tokens[:, :-1], {"tokens": tokens})
    np.testing.assert_allclose(found["loss"], [8.0], rtol=1e-6)
    certain = logits.at[0, jnp.arange(2), jnp.array([2, 3])].set(100.0)
    found = bits_per_byte(certain, tokens[:, :-1], {"tokens": tokens})
    np.testing.assert_allclose(found["loss"], [0.0], atol=1e-6)


def test_it_learns_more_than_counts_of_bytes(small, folder, tmp_path):
    """And says what counts predict, prints a sample, and records which text it is."""
    out = tmp_path / "out"
    done = call(
        *("train", "gpt", "--optimizer", "adamw", "--learning-rate", 0.02),
        *("--epochs", 3, "--data-dir", folder, "--out", out),
    )
    assert done.returncode == 0, done.stderr
    text = data.load_text(folder)
    assert f"bytes predict {data.unigram_bits(text):.3g} bits" in done.stdout
    assert "A sample:" in done.stdout
    record = json.loads((out / "results.json").read_text())
    assert (record["dataset"], record["sha256"]) == ("texts", text.sha256)
    assert record["final"]["test_data_loss"] < data.unigram_bits(text)
    assert record["final"]["test_accuracy"] is None


def test_another_text_is_another_run(small, folder, tmp_path):
    command = ["train", "gpt", "--optimizer", "sgd", "--epochs", 1]
    command += ["--data-dir", folder, "--out", tmp_path / "out"]
    assert call(*command).returncode == 0
    (folder / "0.txt").write_bytes(b"another " * 1000)
    done = call(*command, "--resume")
    assert done.returncode == 2
    assert "has sha256" in done.stderr


@pytest.mark.parametrize(
    ("name", "context", "size"), [("gpt", 128, 820_352), ("gpt-tiny", 64, 115_008)]
)
def test_without_a_folder_it_is_the_standard_library(name, context, size):
    """No download; a network of the size that its title says."""
    problem = PROBLEMS[name]
    setting = open_setting(problem, problem.desk)
    assert setting.title.endswith("standard library")
    assert setting.facts.train_examples == problem.desk.train_examples
    assert setting.facts.shape == (context + 1,)
    optimizer = problem.protocol.entry("nesterov").optimizer
    program = program_for(setting, optimizer, None)
    values = {"learning_rate": 0.1, **optimizer.defaults}
    run = program.start(jnp.uint32(0), values)

    assert sum(x.size for x in jax.tree.leaves(run.params)) == size
    assert f"{size / 1e6:.1f}M parameters" in problem.title


def test_a_figures_folder_without_text_leaves_the_default(folder, tmp_path):
    from inna_optax.experiments.commands.command_line import _folder_for

    (tmp_path / "images").mkdir()
    assert _folder_for(PROBLEMS["gpt"], tmp_path / "images") is None
    assert _folder_for(PROBLEMS["gpt"], folder) == folder
    assert _folder_for(PROBLEMS["f"], tmp_path / "images") == tmp_path / "images"
