"""How soon each problem starts to train, how fast, and with how much memory.

    python benchmarks/problems.py --data-dir DIR
    python benchmarks/problems.py --data-dir DIR --out benchmarks/results

Each problem has a process of its own.  It opens the whole data set at the published
setting and trains INNA, its chapter's first optimizer, for a while.

- `starts` is the time from the start of the process to the end of the first update.
  Imports and compilation are included.
- `images/s` is the speed of training.  The engine trains an epoch in parts.  The speed
  is the median over the parts after the first, which is compiled; evaluation lies
  between parts and is not counted.
- The memory is the largest of the process, while it trains and then while it evaluates.

A problem whose data are not found is left out, and the record says so.  Text comes from
Python's standard library.
"""

import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

LEAST_PARTS = 5


def measure(name: str, data_dir: str | None, seconds: float) -> dict:
    """The measurements of one problem, in a process of its own."""
    command = [sys.executable, __file__, "--problems", name, "--seconds", str(seconds)]
    command += ["--data-dir", data_dir] if data_dir else []
    began = str(time.time())
    done = subprocess.run(
        [*command, "--child", began], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def largest_mib() -> float:
    """The largest memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def train(steps: Any, seconds: float) -> tuple[float, list[float], Any]:
    """Trains for that long after the first update, and for a few parts at least.

    Args:
      steps: the iterator of `fit`.  Each step is a part of an epoch's training, or a
        batch of an evaluation; a part has made gradient evaluations.
      seconds: how long.

    Returns:
      When the first update had been made, by `time.time`; the gradient evaluations a
      second of each part after the first; the last progress.
    """
    first_update, speeds, evaluations = 0.0, [], 0
    called = time.monotonic()
    for progress in steps:
        taken = time.monotonic() - called
        made = progress.gradient_evaluations - evaluations
        evaluations += made
        if made and first_update:
            speeds.append(made / taken)
        elif made:
            first_update = time.time()
        if len(speeds) >= LEAST_PARTS and time.time() - first_update > seconds:
            break
        called = time.monotonic()
    return first_update, speeds, progress


def child(name: str, data_dir: str | None, seconds: float, began: float) -> dict:
    """What one problem's process finds out about itself."""
    import jax

    from inna_optax.experiments.catalogue.problems import PROBLEMS, TEXT
    from inna_optax.experiments.errors import UserError
    from inna_optax.experiments.running.setting import open_setting, program_for
    from inna_optax.training import Resume, fit

    problem = PROBLEMS[name]
    folder = None if TEXT in problem.datasets else data_dir
    try:
        setting = open_setting(problem, problem.paper, data_dir=folder)
    except UserError as error:
        return {"problem": name, "not_measured": str(error)}
    entry = problem.protocol.entry(problem.protocol.optimizers[0])
    schedule = entry.schedule and entry.schedule.over(problem.paper.epochs)
    program = program_for(setting, entry.optimizer, schedule)
    values = {**entry.grid[0], "learning_rate": entry.optimizer.learning_rate}
    arguments = (program, setting.arrays, 0, values)
    first_update, speeds, progress = train(
        fit(*arguments, problem.paper.epochs), seconds
    )
    training = largest_mib()
    # A run that has just made its last epoch evaluates next: one batch of it.
    per_epoch = program.gradient_evaluations_per_epoch
    ended = Resume(progress.run, per_epoch, measured=0, seconds=0.0)
    next(fit(*arguments, 1, resume=ended))
    return {
        "problem": name,
        "dataset": setting.facts.name,
        "params": sum(x.size for x in jax.tree.leaves(progress.run.params)),
        "batch_size": setting.batch_size,
        "data_mib": sum(x.nbytes for x in jax.tree.leaves(setting.arrays)) / 2**20,
        "starts_after_seconds": first_update - began,
        "images_per_second": setting.batch_size * statistics.median(speeds),
        "parts": len(speeds),
        "training_mib": training,
        "with_evaluation_mib": largest_mib(),
    }


def main() -> None:
    from inna_optax.experiments.catalogue.problems import PROBLEMS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=[*PROBLEMS])
    parser.add_argument("--data-dir", help="of the data sets' files")
    parser.add_argument("--seconds", type=float, default=20, help="of training, each")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the record")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        (name,) = arguments.problems
        found = child(name, arguments.data_dir, arguments.seconds, arguments.child)
        print(json.dumps(found))
        return

    import record

    rows, left_out = [], []
    for name in arguments.problems:
        row = measure(name, arguments.data_dir, arguments.seconds)
        if "not_measured" in row:
            left_out.append(name)
            print(f"{name:14}left out: {row['not_measured']}", flush=True)
            continue
        rows.append(row)
        print(
            f"{name:14}{row['params']:>11,} params  starts after"
            f" {row['starts_after_seconds']:5.1f} s {row['images_per_second']:>10,.0f}"
            f" images/s {row['training_mib']:>8,.0f} MiB,"
            f" {row['with_evaluation_mib']:,.0f} MiB with evaluation",
            flush=True,
        )
    record.write(arguments.out, "problems", {"results": rows, "left_out": left_out})


if __name__ == "__main__":
    main()
