"""What a sweep of learning rates and seeds costs as one vectorized program.

    python benchmarks/sweep.py
    python benchmarks/sweep.py --out benchmarks/results
    python benchmarks/sweep.py --updates 440 200 --name sweep_gpu

Nine learning rates from three seeds are 27 runs.  They are trained one after another
with one compiled program, and 3, 9 and 27 at a time in one vectorized program (`vmap`).
These ways take turns, round after round.  The networks are a perceptron and a
convolutional one.

The table gives the time of each way over that of the runs one after another: the median
over rounds, with the quartiles.  Beside it stands the largest relative difference of
the training losses.  Because of what it shows, `compare` trains one run after another
on CPU.
"""

import argparse
import pathlib
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import record
from digits import on_digits

from inna_optax.experiments.running.setting import program_for
from inna_optax.training import vectorize

RATES = np.geomspace(1e-4, 0.1, 9)
SEEDS = 3
# The problem whose network is trained, the number of digits, the number of updates.
CASES = (("digits", 1437, 400), ("f", 1280, 2))
TOGETHER = (3, 9, 27)


def measure(name: str, examples: int, updates: int, rounds: int) -> dict:
    setting = on_digits(name, examples)
    problem = setting.problem
    data = setting.arrays.train
    entry = problem.protocol.entry("inna")
    single = program_for(setting, entry.optimizer, entry.schedule)
    many = vectorize(single)
    points = [(rate, seed) for rate in RATES for seed in range(SEEDS)]
    fixed = entry.optimizer.defaults
    stacked = {
        "learning_rate": np.array([rate for rate, _ in points], np.float32),
        **{k: np.full(len(points), v, np.float32) for k, v in fixed.items()},
    }
    seeds = np.array([seed for _, seed in points], np.uint32)
    per_epoch = single.gradient_evaluations_per_epoch
    epochs, last = max(1, updates // per_epoch), min(per_epoch, updates)
    train_one, train_all = jax.jit(single.train), jax.jit(many.train)

    def sweep(together: int) -> Callable[[], np.ndarray]:
        """All runs, so many at a time, as a function that returns their last losses."""
        chosen, program = (train_one, single) if together == 1 else (train_all, many)
        parts = []
        for i in range(0, len(points), together):
            part = slice(i, i + together) if together > 1 else i
            values = {k: jnp.asarray(v[part]) for k, v in stacked.items()}
            parts.append((program.start(jnp.asarray(seeds[part]), values), values))

        def train() -> np.ndarray:
            losses = []
            for run, values in parts:
                for epoch in range(epochs):
                    run, loss = chosen(run, values, data, epoch, 0, last)
                losses.append(np.atleast_1d(np.asarray(loss)))
            return np.concatenate(losses)

        return train

    sweeps = {together: sweep(together) for together in (1, *TOGETHER)}
    losses = {together: run() for together, run in sweeps.items()}  # compiles
    times: dict[int, list[float]] = {together: [] for together in sweeps}
    for _ in range(rounds):
        for together, run in sweeps.items():
            begin = time.perf_counter()
            run()
            times[together].append(time.perf_counter() - begin)
    return {
        "problem": name,
        "runs": len(points),
        "updates": epochs * last,
        "together": {
            together: {
                "over_one_after_another": [
                    float(q)
                    for q in np.quantile(
                        np.array(times[together]) / times[1], [0.5, 0.25, 0.75]
                    )
                ],
                "seconds": float(np.median(times[together])),
                "largest_relative_difference": float(
                    np.max(np.abs(losses[together] - losses[1]) / np.abs(losses[1]))
                ),
            }
            for together in sweeps
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of turns")
    parser.add_argument(
        "--updates",
        type=int,
        nargs=len(CASES),
        default=[updates for _, _, updates in CASES],
        help="of a run, for each network",
    )
    parser.add_argument("--name", default="sweep", help="of the record")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    arguments = parser.parse_args()
    rows = []
    for (name, examples, _), updates in zip(CASES, arguments.updates, strict=True):
        rows.append(measure(name, examples, updates, arguments.rounds))
        print(f"{name}: {rows[-1]['runs']} runs of {rows[-1]['updates']} updates")
        for together, row in rows[-1]["together"].items():
            print(
                "  {:2} at a time: {:.2f} ({:.2f} to {:.2f}) of the time, {:.2f} s,"
                " losses differ by {:.0e}".format(
                    together,
                    *row["over_one_after_another"],
                    row["seconds"],
                    row["largest_relative_difference"],
                ),
                flush=True,
            )
    record.write(
        arguments.out,
        arguments.name,
        {"rounds": arguments.rounds, "results": rows},
    )


if __name__ == "__main__":
    main()
