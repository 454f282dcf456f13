"""Two real processes that train one run together, by the command line."""

import json
import signal
import socket
import subprocess
import time

import filelock
import numpy as np
import pytest

from tests.experiments.shell import (
    COMMAND,
    COMPILED,
    FLAGS,
    SHELL,
    progress_of,
    run,
)

pytestmark = pytest.mark.slow
TRAIN = ("train", "digits", "--optimizer", "inna")
EPOCHS = "30"  # which a signal finds unfinished


def alone(out, *options):
    done = run(*TRAIN, *options, "--out", out)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def address():
    """Where the first process listens, kept for it until the test ends.

    By a socket that shares the port with gRPC's (both have SO_REUSEPORT) and does not
    listen: no other program is given the port before the first process opens it.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind(("localhost", 0))
        yield f"localhost:{keeper.getsockname()[1]}"


def together(address, out, *options, processes=2, devices=1):
    """The processes, each with that many devices."""
    flags = f"--xla_force_host_platform_device_count={devices} {FLAGS}"
    return [
        subprocess.Popen(
            [
                *(*COMMAND, *TRAIN, *options, "--out", out),
                *("--distributed", f"{address},{processes},{index}"),
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


def test_records_are_those_of_one_process(address, tmp_path, whole):
    """2 processes of 2 devices; then one goes on alone with what they stored."""
    out = tmp_path / "out"
    mesh = ("--mesh", "data=2,model=2")
    printed, statuses = ended(together(address, out, "--epochs", "2", *mesh, devices=2))
    assert statuses == [0, 0], printed
    record = json.loads((out / "results.json").read_text())
    assert record["mesh"] == {"data": 2, "model": 2}
    assert "Records:" in printed[0][0]
    assert not any("epoch" in text for text in printed[1])  # only the first speaks
    alone(out, "--epochs", "4", "--resume")
    assert_same(out, whole)


def test_a_signal_to_one_stops_both_and_both_go_on(address, tmp_path):
    out = tmp_path / "out"
    processes = together(address, out, "--epochs", EPOCHS)
    while not progress_of(out):
        time.sleep(0.01)
        assert all(process.poll() is None for process in processes)
    processes[1].send_signal(signal.SIGTERM)
    printed, statuses = ended(processes)
    assert statuses == [128 + signal.SIGTERM] * 2, printed
    assert "stopped by SIGTERM" in printed[0][1]
    assert 0 < history(out)[-1]["epoch"] < int(EPOCHS)
    printed, statuses = ended(together(address, out, "--epochs", EPOCHS, "--resume"))
    assert statuses == [0, 0], printed
    alone(tmp_path / "alone", "--epochs", EPOCHS)
    assert_same(out, tmp_path / "alone")


def test_both_refuse_a_folder_with_results(address, whole):
    printed, statuses = ended(together(address, whole, "--epochs", "4"))
    assert statuses == [2, 2]
    assert "already holds results" in printed[0][1]
    assert "is refused to the first process, which says why" in printed[1][1]


def test_both_end_in_a_line_where_the_folder_is_in_use(address, tmp_path):
    """The first process alone asks for the lock."""
    with filelock.FileLock(tmp_path / ".lock"):
        printed, statuses = ended(together(address, tmp_path, "--epochs", "1"))
    assert statuses == [2, 2], printed
    lines = [stderr.strip().splitlines()[-1] for _, stderr in printed]
    assert "is in use by another run" in lines[0]
    assert "is refused to the first process, which says why" in lines[1]
    assert not any("Traceback" in stderr for _, stderr in printed)
