"""Does anything grow in a process that uses the package for long?

    python benchmarks/soak.py
    python benchmarks/soak.py --out benchmarks/results

It measures three parts, each in a process of its own:

- `run` is one long run of the command `train digits --optimizer inna`, with a
  checkpoint every second instead of every 30, and a row of its history every 10 epochs.
- `calls` gives the command 200 times in one process, for short runs of four optimizers
  in turn.
- `library` makes a new optimizer in a new compiled step 100 times, for 20 updates each.

Counted are the resident memory, the arrays and executables that JAX holds, the
process's threads and open files, the objects that Python tracks, and the entries of the
caches of functions.  Each count follows a garbage collection.  The slopes are those of
a least-squares line through the counts after the first `--warm-up` calls, or the first
tenth of the run.
"""

import argparse
import contextlib
import gc
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

UPDATES = 209_644
RUNS = (
    ("inna", "0.1"),
    ("sgd", "0.1"),
    ("step_tuned_sgd", "0.05"),
    ("adam", "0.001"),
)
PROCESS = pathlib.Path("/proc/self")
CACHES = {"_lru_cache_wrapper", "WeakrefLRUCache", "MultiWeakrefLRUCache"}


def counts() -> dict[str, float]:
    """What the process holds now."""
    import jax

    gc.collect()
    tracked = gc.get_objects()
    status = PROCESS.joinpath("status").read_text()
    (resident,) = (x.split()[1] for x in status.splitlines() if x.startswith("VmRSS"))
    return {
        "resident_kib": int(resident),
        "arrays": len(jax.live_arrays()),
        "executables": len(jax.devices()[0].client.live_executables()),
        "threads": len(list(PROCESS.joinpath("task").iterdir())),
        "open_files": len(list(PROCESS.joinpath("fd").iterdir())),
        "objects": len(tracked),
        "cache_entries": sum(
            x.cache_info().currsize for x in tracked if type(x).__name__ in CACHES
        ),
    }


def slopes(at: list[float], samples: list[dict[str, float]]) -> dict[str, float]:
    """How much each count grows for one more of what `at` counts."""
    return {
        name: float(np.polyfit(at, [sample[name] for sample in samples], 1)[0])
        for name in samples[0]
        if name not in ("call", "updates", "checkpoints")
    }


@contextlib.contextmanager
def silence() -> Iterator[None]:
    hidden = io.StringIO()
    with contextlib.redirect_stdout(hidden), contextlib.redirect_stderr(hidden):
        yield


def one_run(updates: int, samples: int) -> dict:
    """One long run by the command, counted where it yields its rows."""
    from inna_optax.experiments.commands import command_line, train
    from inna_optax.training import Checkpoints

    per_epoch = 1437 // 32
    epochs = -(-updates // per_epoch)
    every = max(1, epochs // (10 * samples))  # rows from one count to the next
    found: list[dict[str, float]] = []
    checkpoints = 0

    def watched(*arguments: Any, **options: Any) -> Iterator[Any]:
        for progress, rows in trained(*arguments, **options):
            yield progress, rows
            if progress.rows and len(rows) % every == 0:
                sample = {"updates": progress.gradient_evaluations, **counts()}
                found.append({**sample, "checkpoints": checkpoints})
                print(found[-1], file=sys.__stderr__, flush=True)

    def save(*arguments: Any) -> None:
        nonlocal checkpoints
        checkpoints += 1
        saved(*arguments)

    trained, saved = train.train_unit, Checkpoints.save
    train.train_unit, Checkpoints.save = watched, save
    command = ["train", "digits", "--optimizer", "inna", "--epochs", str(epochs)]
    command += ["--checkpoint-every", "1", "--evaluate-every", "10"]
    with tempfile.TemporaryDirectory() as folder, silence():
        began = time.perf_counter()
        if command_line.main([*command, "--out", f"{folder}/run"]):
            raise RuntimeError(f"{command} failed")
        seconds = time.perf_counter() - began
    late = [s for s in found if s["updates"] * 10 >= found[-1]["updates"]]
    return {
        "command": " ".join(["inna-optax", *command]),
        "updates": epochs * per_epoch,
        "epochs": epochs,
        "checkpoints": checkpoints,
        "seconds": seconds,
        "samples": found,
        "slopes_per_1000_updates": slopes([s["updates"] / 1000 for s in late], late),
    }


def repeated(call: Callable[[int], None], times: int, warm_up: int) -> dict:
    """Counts after each call, and keeps every tenth count."""
    found = []
    for i in range(times):
        call(i)
        found.append({"call": i + 1, **counts()})
        if (i + 1) % 10 == 0:
            print(found[-1], file=sys.stderr, flush=True)
    late = found[warm_up - 1 :]
    return {
        "calls": times,
        "warm_up": warm_up,
        "first": late[0],
        "last": late[-1],
        "samples": found[9::10],
        "slopes_per_call": slopes([s["call"] for s in late], late),
    }


def many_calls(times: int, warm_up: int) -> dict:
    """Short runs by the command, one after another in this process."""
    from inna_optax.experiments.commands import command_line

    options = ["--train-examples", "96", "--epochs", "1"]
    with tempfile.TemporaryDirectory() as folder:

        def call(i: int) -> None:
            name, rate = RUNS[i % len(RUNS)]
            command = ["train", "digits", "--optimizer", name, "--learning-rate", rate]
            with silence():
                if command_line.main([*command, *options, "--out", f"{folder}/{i}"]):
                    raise RuntimeError(f"{command} failed")

        return repeated(call, times, warm_up)


def library(times: int, warm_up: int) -> dict:
    """A new optimizer and a new compiled step each time, as in a user's own loop."""
    import jax
    import jax.numpy as jnp
    import optax

    from inna_optax import inna

    def call(i: int) -> None:
        solver = inna(0.1 / (i + 1))

        @jax.jit
        def step(params: Any, state: Any) -> Any:
            grads = jax.grad(lambda p: jnp.sum((p["w"] - 1.0) ** 2))(params)
            updates, state = solver.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        params = {"w": jnp.zeros(1000)}
        state = solver.init(params)
        for _ in range(20):
            params, state = step(params, state)
        jax.block_until_ready(params)

    return repeated(call, times, warm_up)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=UPDATES, help="of the long run")
    parser.add_argument("--calls", type=int, default=200, help="of the command")
    parser.add_argument("--optimizers", type=int, default=100, help="made anew")
    parser.add_argument("--warm-up", type=int, default=20, help="calls not counted")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    parts = {
        "calls": lambda: many_calls(arguments.calls, arguments.warm_up),
        "library": lambda: library(arguments.optimizers, arguments.warm_up),
        "run": lambda: one_run(arguments.updates, 60),
    }
    if arguments.child is not None:
        print(json.dumps(parts[arguments.child]()))
        return

    import record

    results = {}
    for name in parts:
        done = subprocess.run(
            [sys.executable, *sys.argv, "--child", name],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        results[name] = json.loads(done.stdout)
        shown = {k: v for k, v in results[name].items() if k != "samples"}
        print(name, json.dumps(shown, indent=1), flush=True)
    record.write(arguments.out, "soak", results)


if __name__ == "__main__":
    main()
