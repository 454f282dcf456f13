"""A process that trains again and again holds no more than after the first times.

Counted in a process of its own: other tests' arrays and executables come and go.
"""

import contextlib
import gc
import io
import json
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import optax
import pytest

from inna_optax import inna
from inna_optax.experiments.commands import command_line
from tests.experiments.shell import SHELL

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[2]
PROCESS = pathlib.Path("/proc/self")
WARM_UP, CALLS = 3, 10


def counts():
    gc.collect()
    return {
        "arrays": len(jax.live_arrays()),
        "executables": len(jax.devices()[0].client.live_executables()),
        "open files": len(list((PROCESS / "fd").iterdir())),
        "threads": len(list((PROCESS / "task").iterdir())),
    }


def command(folder, i):
    """A short run, with a learning rate of its own."""
    arguments = ["train", "digits", "--optimizer", ("inna", "sgd")[i % 2]]
    arguments += ["--learning-rate", str(0.1 / (i + 1)), "--out", f"{folder}/{i}"]
    arguments += ["--train-examples", "32", "--epochs", "1"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert command_line.main(arguments) == 0


def new_optimizer(folder, i):
    """A step compiled anew, as in a user's own loop."""
    solver = inna(0.1 / (i + 1))

    @jax.jit
    def step(params, state):
        updates, state = solver.update(params, state, params)
        return optax.apply_updates(params, updates), state

    params = jnp.ones(10)
    jax.block_until_ready(step(params, solver.init(params)))


CALLED = {"command": command, "new optimizer": new_optimizer}


def main(name, folder):
    for i in range(WARM_UP + CALLS):
        CALLED[name](folder, i)
        if i + 1 >= WARM_UP:
            print(json.dumps(counts()))


@pytest.mark.skipif(not PROCESS.exists(), reason="counts what Linux lists there")
@pytest.mark.parametrize("name", CALLED)
def test_nothing_is_left_behind(name, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.experiments.test_soak", name, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=SHELL,
    )
    assert done.returncode == 0, done.stderr
    first, *later = map(json.loads, done.stdout.splitlines())
    assert len(later) == CALLS
    last = later[-1]
    # Pools of orbax and of XLA start a thread when they need one and end it when they
    # like; one left behind by each call would be many more.
    assert last.pop("threads") <= first.pop("threads") + CALLS // 3
    assert last == first


if __name__ == "__main__":
    main(*sys.argv[1:])
