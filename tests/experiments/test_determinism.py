"""A run is a function of its command: the same seed gives the same bits.

That a run gives them too when it is resumed, and so a comparison, is tested in
test_interruptions.py; what a mesh changes, in test_many_devices.py.
"""

import json
import os
import sys

import pytest

from inna_optax.experiments.commands import command_line
from tests.experiments.shell import assert_same_run, start

DIGITS = ["train", "digits", "--optimizer", "inna", "--epochs", "2", "--seed", "5"]
# Convolutions, and batch normalization.
LENET = ["train", "f", "--optimizer", "inna", "--epochs", "1"]
LENET += ["--batch-size", "32"]

# Several commands in one process, on some of the cores: XLA makes as many threads as
# the process has cores when it starts.
SEVERAL = """
import json, os, sys
cores, commands = map(json.loads, sys.argv[1:])
os.sched_setaffinity(0, cores)
from inna_optax.experiments.commands.command_line import main
sys.exit(any([main(command) for command in commands]))
"""


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not hasattr(os, "sched_setaffinity"), reason="chooses cores as Linux does"
    ),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data_folder):
    """Folders of the same commands in processes that differ."""
    out = tmp_path_factory.mktemp("runs")
    lenet = [*LENET, "--data-dir", str(data_folder)]
    cores = sorted(os.sched_getaffinity(0))
    processes = {
        "plain": (2, "0", {"digits": DIGITS, "lenet": lenet}),
        "hash": (2, "1", {"lenet": lenet}),
        "one core": (1, "1", {"digits": DIGITS}),
    }
    started = [
        start(
            json.dumps(cores[:count]),
            json.dumps(
                [[*c, "--out", f"{out / name / run}"] for run, c in commands.items()]
            ),
            command=(sys.executable, "-c", SEVERAL),
            PYTHONHASHSEED=seed,
        )
        for name, (count, seed, commands) in processes.items()
    ]
    for process in started:
        _, printed = process.communicate()
        assert process.returncode == 0, printed
    return out


def test_another_process_with_one_core(runs):
    assert_same_run(runs / "plain" / "digits", runs / "one core" / "digits")


def test_convolutions_in_another_process(runs):
    assert_same_run(runs / "plain" / "lenet", runs / "hash" / "lenet")


@pytest.mark.parametrize("part", [0, 1e9], ids=["update by update", "whole epochs"])
def test_in_one_process_of_eight_devices_in_any_parts(
    runs, tmp_path, monkeypatch, part
):
    monkeypatch.setattr("inna_optax.training.pace.PART_SECONDS", part)
    assert command_line.main([*DIGITS, "--out", str(tmp_path / "run")]) == 0
    assert_same_run(runs / "plain" / "digits", tmp_path / "run")
