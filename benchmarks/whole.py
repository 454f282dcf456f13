"""What does a whole experiment take?

    python benchmarks/whole.py
    python benchmarks/whole.py --out benchmarks/results

It measures the time of:

- Table 3.1 and the map over (alpha, beta).  Each is one compiled program, and is
  computed three times in this process.  Beside them, one of the table's 6,000 runs is a
  Python loop of compiled steps; the time of all of them is extrapolated from it.
- An epoch as one compiled loop, beside a Python loop of compiled steps, which is how
  one trains by hand.  Both make the same updates on the same mini-batches with
  everything donated, in turn, round after round.  LeNet is given
  digits, enlarged to its images' size.
- 300 epochs of `digits` by the command `train`, which keeps records, evaluates some 60
  times and stores checkpoints, beside the same epochs in a bare loop over the compiled
  one.  The command's time is that beyond a run of one epoch: its start is left out.
- The command line from the start of its process: `--help`, `list`, `table 3.1`, and
  `train` to the end of its first update (see problems.py).  It also counts what `list`
  imports.

sweep.py tells what a sweep gains from being one program.
"""

import argparse
import contextlib
import functools
import io
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import problems
import record
from digits import on_digits

from inna_optax import inna
from inna_optax.experiments.commands import command_line
from inna_optax.experiments.figures import alpha_beta_map, table_3_1
from inna_optax.experiments.running.setting import program_for
from inna_optax.experiments.running.tasks import make_task
from inna_optax.landscapes import DOUBLE_WELL
from inna_optax.training import Run

LIST_TARGET = 1.0  # seconds
# The problem whose network is trained, and on how many images.
EPOCHS = (("digits", 1437), ("e", 1280))


def seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - began


def one_by_one() -> float:
    """Time of one run of Table 3.1 as a Python loop, compilation left out."""
    solver = inna(table_3_1.STEP_SIZE, *table_3_1.SETTINGS["INNA alpha*beta < 1"])

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(theta: Any, state: Any) -> Any:
        updates, state = solver.update(jax.grad(DOUBLE_WELL.objective)(theta), state)
        return optax.apply_updates(theta, updates), state

    def run() -> Any:
        theta = jnp.array([1e-12, 1e-12])
        state = solver.init(theta)
        for _ in range(table_3_1.STEPS):
            theta, state = step(theta, state)
        return theta

    run()  # compiles
    return statistics.median(seconds(run) for _ in range(5))


def programs() -> dict:
    """The computations that are one compiled program each."""
    table = [seconds(table_3_1.compute) for _ in range(3)]
    maps = [seconds(lambda: alpha_beta_map.compute("desk")) for _ in range(3)]
    runs = table_3_1.RUNS * 2 * len(table_3_1.SETTINGS)
    loop = one_by_one()
    return {
        "table_3_1": {
            "runs": runs,
            "iterations": table_3_1.STEPS,
            "first_seconds": table[0],
            "again_seconds": min(table[1:]),
            "one_run_by_steps_seconds": loop,
            "all_by_steps_seconds_extrapolated": runs * loop,
        },
        "alpha_beta_map": {
            "settings": alpha_beta_map.ALPHAS.size * alpha_beta_map.BETAS.size,
            "first_seconds": maps[0],
            "again_seconds": min(maps[1:]),
        },
    }


def epoch(name: str, examples: int, rounds: int) -> dict:
    """One epoch of INNA, compiled as a whole and step by step."""
    setting = on_digits(name, examples)
    entry = setting.problem.protocol.entry("inna")
    program = program_for(setting, entry.optimizer, entry.schedule)
    updates_per_epoch = program.gradient_evaluations_per_epoch
    values = {
        "learning_rate": entry.optimizer.learning_rate,
        **entry.optimizer.defaults,
    }
    data = setting.arrays.train
    train = jax.jit(program.train, donate_argnums=0)

    solver = entry.optimizer.solver(values, entry.schedule, updates_per_epoch)
    loss_of = make_task(setting.problem, setting.facts).loss
    gradient = jax.value_and_grad(loss_of, has_aux=True)
    # One who trains by hand has the data in NumPy arrays.
    examples = jax.tree.map(np.asarray, data)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(run: Run, batch: Any, key: Any, count: Any) -> Any:
        key = jax.random.fold_in(key, count)
        (loss, model_state), grads = gradient(run.params, run.model_state, batch, key)
        updates, opt_state = solver.update(grads, run.opt_state, run.params)
        params = optax.apply_updates(run.params, updates)
        return Run(run.seed, params, opt_state, model_state), loss

    def start() -> Run:
        return program.start(np.uint32(0), values)

    def whole(run: Run) -> float:
        return float(train(run, values, data, 0, 0, updates_per_epoch)[1])

    def by_steps(run: Run) -> float:
        # The keys of the engine's first epoch.
        _, train_key = jax.random.split(jax.random.key(0))
        order_key, step_key = jax.random.split(jax.random.fold_in(train_key, 0))
        order = np.asarray(jax.random.permutation(order_key, len(examples["labels"])))
        losses = []
        for i in range(updates_per_epoch):
            chosen = order[i * setting.batch_size : (i + 1) * setting.batch_size]
            batch = {name: array[chosen] for name, array in examples.items()}
            run, loss = step(run, batch, step_key, i)
            losses.append(loss)
        return float(np.mean(jax.device_get(losses)))

    ways = {"whole": whole, "by_steps": by_steps}
    losses = {way: train_by(start()) for way, train_by in ways.items()}  # compiles
    times: dict[str, list[float]] = {way: [] for way in ways}
    shuffler = random.Random(0)
    for _ in range(rounds):
        for way in shuffler.sample(list(ways), len(ways)):
            run = jax.block_until_ready(start())
            times[way].append(seconds(functools.partial(ways[way], run)))
    ratios = np.array(times["whole"]) / np.array(times["by_steps"])
    return {
        "problem": name,
        "updates": updates_per_epoch,
        "batch_size": setting.batch_size,
        "seconds": {way: statistics.median(times[way]) for way in ways},
        "whole_over_by_steps": [
            float(q) for q in np.quantile(ratios, [0.5, 0.25, 0.75])
        ],
        "relative_difference_of_losses": abs(losses["whole"] / losses["by_steps"] - 1),
    }


def train_command(rounds: int, epochs: int = 300) -> dict:
    """What the command `train` takes over a bare loop of the same epochs."""
    setting = on_digits("digits", 1437)
    entry = setting.problem.protocol.entry("inna")
    program = program_for(setting, entry.optimizer, entry.schedule)
    updates = program.gradient_evaluations_per_epoch
    values = {
        "learning_rate": entry.optimizer.learning_rate,
        **entry.optimizer.defaults,
    }
    train = jax.jit(program.train, donate_argnums=0)
    typed = ("train", "digits", "--optimizer", "inna", "--epochs")

    def by_command(epochs: int) -> float:
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            out = ("--out", f"{folder}/run")
            return seconds(lambda: command_line.main([*typed, str(epochs), *out]))

    def in_a_loop(epochs: int) -> float:
        run = program.start(np.uint32(0), values)

        def loop() -> None:
            nonlocal run
            for i in range(epochs):
                run, loss = train(run, values, setting.arrays.train, i, 0, updates)
                np.asarray(loss)

        return seconds(loop)

    by_command(1), in_a_loop(1)  # compiles
    ratios = [
        (by_command(epochs) - by_command(1)) / in_a_loop(epochs) for _ in range(rounds)
    ]
    return {
        "epochs": epochs,
        "command_over_loop": [float(q) for q in np.quantile(ratios, [0.5, 0.25, 0.75])],
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "inna_optax", *arguments]


def starts(rounds: int) -> dict[str, list[float]]:
    """Wall times of the command line: the median, then the quartiles."""

    def run(*arguments: str) -> float:
        return seconds(
            lambda: subprocess.run(command(*arguments), check=True, capture_output=True)
        )

    def table() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return run("table", "3.1", "--out", f"{folder}/table")

    # The imports and the first update are in what problems.py measures; the half
    # second of training after it is not.
    def train() -> float:
        return problems.measure("digits", None, 0.5)["starts_after_seconds"]

    commands = {
        "inna-optax --help": functools.partial(run, "--help"),
        "inna-optax list": functools.partial(run, "list"),
        "inna-optax table 3.1": table,
        "inna-optax train digits, first update": train,
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    shuffler = random.Random(0)
    for _ in range(rounds):
        for name in shuffler.sample(list(commands), len(commands)):
            times[name].append(commands[name]())
    return {
        name: [float(q) for q in np.quantile(found, [0.5, 0.25, 0.75])]
        for name, found in times.items()
    }


def imports_of_list() -> dict:
    """How many modules `list` imports, and which packages are the largest."""
    python, *rest = command("list")
    done = subprocess.run(
        [python, "-X", "importtime", *rest], check=True, capture_output=True, text=True
    )
    lines = [x.split("|") for x in done.stderr.splitlines() if x.count("|") == 2]
    modules = [name.strip() for _, _, name in lines]
    packages = [name.split(".")[0] for name in modules]
    return {
        "modules": len(modules) - 1,  # less the heading
        "imports_jax": "jax" in modules,
        "largest": {
            name: packages.count(name)
            for name in sorted(set(packages), key=packages.count, reverse=True)[:5]
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="of epochs")
    parser.add_argument("--starts", type=int, default=5, help="of the command line")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    arguments = parser.parse_args()

    results: dict[str, Any] = {"rounds": arguments.rounds, "starts": arguments.starts}
    results |= programs()
    for name in ("table_3_1", "alpha_beta_map"):
        print(name, {k: round(v, 4) for k, v in results[name].items()}, flush=True)
    results["epochs"] = []
    for case in EPOCHS:
        row = epoch(*case, arguments.rounds)
        results["epochs"].append(row)
        print(
            "{}: an epoch of {} updates, one loop / by steps {:.2f} ({:.2f} to {:.2f}),"
            " losses differ by {:.0e}".format(
                row["problem"],
                row["updates"],
                *row["whole_over_by_steps"],
                row["relative_difference_of_losses"],
            ),
            flush=True,
        )
    results["train_command"] = train_command(arguments.rounds)
    print("train", results["train_command"], flush=True)
    results["command_line"] = starts(arguments.starts)
    for name, times in results["command_line"].items():
        print("{:40}{:.2f} s ({:.2f} to {:.2f})".format(name, *times))
    taken = results["command_line"]["inna-optax list"][0]
    verdict = "met" if taken < LIST_TARGET else "NOT met"
    print(f"inna-optax list, target {LIST_TARGET:g} s: {verdict}")
    results["list_imports"] = imports_of_list()
    print(f"inna-optax list imports {results['list_imports']}")
    record.write(arguments.out, "whole", results)


if __name__ == "__main__":
    main()
