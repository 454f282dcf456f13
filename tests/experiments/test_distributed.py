"""Two real processes that train one run together, by the command line."""

import json
import signal
import socket
import subprocess
import time

import numpy as np
import pytest

from tests.experiments.shell import COMMAND, COMPILED, SHELL, run

pytestmark = pytest.mark.slow
TRAIN = ("train", "digits", "--optimizer", "inna")


def alone(out, *options):
    done = run(*TRAIN, *options, "--out", out)
    assert done.returncode == 0, done.stderr


def together(out, *options, processes=2, devices=1):
    """The processes, each with that many devices."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    flags = f"--xla_force_host_platform_device_count={devices}"
    return [
        subprocess.Popen(
            [
                *(*COMMAND, *TRAIN, *options, "--out", out),
                *("--distributed", f"localhost:{port},{processes},{index}"),
            ],
            env=SHELL | COMPILED | {"XLA_FLAGS": flags},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(processes)
    ]


def ended(processes):
    """What each printed, and the exit statuses."""
    try:
        printed = [process.communicate(timeout=200) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return printed, [process.returncode for process in processes]


def history(out):
    return json.loads((out / "results.json").read_text())["history"]


def assert_same(out, expected):
    for row, other in zip(history(out), history(expected), strict=True):
        assert row["gradient_evaluations"] == other["gradient_evaluations"]
        for metric in ("train_loss", "test_loss", "test_accuracy"):
            np.testing.assert_allclose(row[metric], other[metric], rtol=1e-4)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "out"
    alone(out, "--epochs", "4")
    return out


def test_records_are_those_of_one_process(tmp_path, whole):
    """2 processes of 2 devices; then one goes on alone with what they stored."""
    out = tmp_path / "out"
    mesh = ("--mesh", "data=2,model=2")
    printed, statuses = ended(together(out, "--epochs", "2", *mesh, devices=2))
    assert statuses == [0, 0], printed
    record = json.loads((out / "results.json").read_text())
    assert record["mesh"] == {"data": 2, "model": 2}
    assert "Records:" in printed[0][0]
    assert not any("epoch" in text for text in printed[1])  # only the first speaks
    alone(out, "--epochs", "4", "--resume")
    assert_same(out, whole)


def test_a_signal_to_one_stops_both_and_both_go_on(tmp_path, whole):
    out = tmp_path / "out"
    processes = together(out, "--epochs", "4")
    while not (out / "results.json").exists() or not history(out):
        time.sleep(0.05)
        assert all(process.poll() is None for process in processes)
    processes[1].send_signal(signal.SIGTERM)
    printed, statuses = ended(processes)
    assert statuses == [128 + signal.SIGTERM] * 2, printed
    assert "stopped by SIGTERM" in printed[0][1]
    assert len(history(out)) < 5
    printed, statuses = ended(together(out, "--epochs", "4", "--resume"))
    assert statuses == [0, 0], printed
    assert_same(out, whole)


def test_both_refuse_a_folder_with_results(whole):
    printed, statuses = ended(together(whole, "--epochs", "4"))
    assert statuses == [2, 2]
    assert all("already holds results" in stderr for _, stderr in printed)
