"""How soon each problem starts to train, how fast, and with how much memory.

    python benchmarks/problems.py --data-dir DIR
    python benchmarks/problems.py --data-dir DIR --out benchmarks/results

For each problem a process of its own opens the whole data set at the published
setting and trains its chapter's first optimizer, INNA, for a while.  `starts` is the
time from the start of the process, imports and compilation included, to the end of
the first update; `images/s` is that of the updates after it; the memory is the
process's largest, while it trains and then while it evaluates.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time


def measure(name: str, data_dir: str | None, seconds: float) -> dict:
    """The measurements of one problem, in a process of its own."""
    command = [sys.executable, __file__, "--problems", name, "--seconds", str(seconds)]
    command += ["--data-dir", data_dir] if data_dir else []
    began = str(time.time())
    done = subprocess.run(
        [*command, "--child", began], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def child(name: str, data_dir: str | None, seconds: float, began: float) -> dict:
    """What one problem's process finds out about itself."""
    import jax

    from inna_optax.experiments.catalogue.problems import PROBLEMS
    from inna_optax.experiments.running.setting import open_problem, program_for
    from inna_optax.training import fit

    problem = PROBLEMS[name]
    setting = open_problem(problem, problem.paper, data_dir=data_dir)
    entry = problem.protocol.entry(problem.protocol.optimizers[0])
    program = program_for(setting, entry.optimizer, entry.decay)
    values = {**entry.grid()[0], "learning_rate": entry.optimizer.learning_rate}
    steps = fit(program, setting.arrays, 0, values, problem.paper.epochs)
    progress = next(steps)
    first_update = time.time() - began
    start, before = time.monotonic(), progress.gradient_evaluations
    while time.monotonic() - start < seconds and not progress.rows:
        progress = next(steps)
        if progress.gradient_evaluations > before:
            count, taken = progress.gradient_evaluations, time.monotonic() - start
    training = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run, images = progress.run, setting.arrays.train_images
    program.evaluate(run, images, setting.arrays.train_labels, 0)
    evaluating = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "problem": name,
        "dataset": setting.dataset.name,
        "params": sum(x.size for x in jax.tree.leaves(run.params)),
        "batch_size": setting.batch_size,
        "data_mib": sum(x.nbytes for x in setting.arrays) / 2**20,
        "starts_after_seconds": first_update,
        "images_per_second": (count - before) * setting.batch_size / taken,
        "training_mib": training / 2**10,
        "with_evaluation_mib": evaluating / 2**10,
    }


def main() -> None:
    from inna_optax.experiments.catalogue.problems import PROBLEMS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=[*PROBLEMS])
    parser.add_argument("--data-dir")
    parser.add_argument("--seconds", type=float, default=20, help="of training, each")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        (name,) = arguments.problems
        print(
            json.dumps(
                child(name, arguments.data_dir, arguments.seconds, arguments.child)
            )
        )
        return

    import record

    rows = []
    for name in arguments.problems:
        rows.append(measure(name, arguments.data_dir, arguments.seconds))
        row = rows[-1]
        print(
            f"{name:14}{row['params']:>11,} params  starts after"
            f" {row['starts_after_seconds']:5.1f} s {row['images_per_second']:>10,.0f}"
            f" images/s {row['training_mib']:>8,.0f} MiB,"
            f" {row['with_evaluation_mib']:,.0f} MiB with evaluation",
            flush=True,
        )
    record.write(arguments.out, "problems", {"results": rows})


if __name__ == "__main__":
    main()
