"""The command line, in processes of its own and in this one, and what a run leaves."""

import contextlib
import io
import json
import os
import subprocess
import sys
import time

import numpy as np
import orbax.checkpoint as ocp

from inna_optax.experiments.commands import command_line
from tests.compilation import DEVICES

# Processes have neither the tests' eight host devices nor what these compiled.  They
# have the other flags, on which bits depend.
FLAGS = os.environ.get("XLA_FLAGS", "").replace(DEVICES, "").strip()
CACHE = "JAX_COMPILATION_CACHE_DIR"
SHELL = {k: v for k, v in os.environ.items() if k != CACHE} | {"XLA_FLAGS": FLAGS}
COMPILED = {k: v for k, v in os.environ.items() if k == CACHE}
COMMAND = (sys.executable, "-m", "inna_optax")


def run(*arguments, **environment):
    """In a process of its own, as from a shell with this added to its environment.

    But for what it compiles, which it takes from earlier tests and leaves to later.
    """
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=SHELL | COMPILED | environment,
    )


def call(*arguments):
    """The same in this process, where little is imported or compiled again."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        status = command_line.main([*map(str, arguments)])
    return subprocess.CompletedProcess(
        arguments, status, stdout.getvalue(), stderr.getvalue()
    )


def start(*arguments, command=COMMAND, **environment):
    """As `run`, but not waited for: it compiles by itself, as it may be killed."""
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=SHELL | environment,
    )


def wait_for(process, condition):
    """Waits until it holds, while the process runs."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def strict_json(path):
    def refuse(constant):
        raise AssertionError(f"{constant} in {path}")

    return json.loads(path.read_text(), parse_constant=refuse)


def progress_of(out):
    """The last epoch in a run's history, 0 if there is none."""
    path = out / "history.csv"
    lines = path.read_text().splitlines() if path.exists() else []
    return int(lines[-1].split(",")[0]) if len(lines) > 1 else 0


def stored_in(out):
    """The number of updates of a run's last checkpoint, 0 if there is none."""
    names = (path.name for path in (out / "checkpoints").glob("*"))
    return max((int(name) for name in names if name.isdigit()), default=0)


def results_of(out):
    """A run's record without times, and the arrays of its last checkpoint."""
    record = strict_json(out / "results.json")
    for row in [*record["history"], record["final"]]:
        del row["seconds"]
    checkpoints = ocp.CheckpointManager(out / "checkpoints")
    last = checkpoints.latest_step()
    arrays = checkpoints.restore(last, args=ocp.args.StandardRestore())
    checkpoints.close()
    return record, last, arrays


def assert_same_run(one, other):
    record, last, arrays = results_of(one)
    other_record, other_last, other_arrays = results_of(other)
    assert (record, last) == (other_record, other_last)
    assert arrays.keys() == other_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, other_arrays[name])
