"""What a sweep of learning rates and seeds costs as one vectorized program.

    python benchmarks/sweep.py
    python benchmarks/sweep.py --out benchmarks/results

9 learning rates x 3 seeds: 27 runs in one program (vmap) against the same 27 one
after another with one compiled program, in turn, round after round.  The table gives
the median over rounds of the ratio of the times, with the quartiles, and the largest
relative difference of the training losses, for a perceptron and for a convolutional
network.  By these `compare` runs one after another on CPU.
"""

import argparse
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import record

from inna_optax.experiments.experiment import open_problem, program_for
from inna_optax.experiments.problems import PROBLEMS
from inna_optax.training import vectorize

RATES = np.geomspace(1e-4, 0.1, 9)
SEEDS = 3
# The problem whose network is trained, and on how many digits, for how many updates.
CASES = (("digits", 1437, 400), ("f", 256, 2))


def measure(name: str, examples: int, updates: int, rounds: int) -> dict:
    digits = open_problem(
        PROBLEMS["digits"], PROBLEMS["digits"].paper, train_examples=examples
    )
    # The digits, enlarged to what the network takes.
    images = digits.dataset.train_images
    if name != "digits":
        images = images.repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)
    problem = PROBLEMS[name]
    setting = digits._replace(
        problem=problem,
        dataset=digits.dataset._replace(train_images=images),
        batch_size=problem.batch_size,
    )
    arrays = setting.arrays
    entry = problem.protocol.entry("inna")
    single = program_for(setting, entry.optimizer, entry.decay)
    many = vectorize(single)
    points = [(rate, seed) for rate in RATES for seed in range(SEEDS)]
    fixed = entry.optimizer.defaults
    stacked = {
        "learning_rate": jnp.array([rate for rate, _ in points], jnp.float32),
        **{k: jnp.full(len(points), v, jnp.float32) for k, v in fixed.items()},
    }
    seeds = jnp.array([seed for _, seed in points], jnp.uint32)
    per_epoch = single.gradient_evaluations_per_epoch
    train_one, train_all = jax.jit(single.train), jax.jit(many.train)
    run_all = many.start(seeds, stacked)
    runs = [
        single.start(seeds[i], {k: v[i] for k, v in stacked.items()})
        for i in range(len(points))
    ]

    def together() -> np.ndarray:
        run, losses = run_all, None
        for epoch in range(max(1, updates // per_epoch)):
            last = min(per_epoch, updates)
            run, losses = train_all(run, stacked, arrays, epoch, 0, last)
        return np.asarray(losses)

    def one_by_one() -> np.ndarray:
        losses = []
        for i, run in enumerate(runs):
            values = {k: v[i] for k, v in stacked.items()}
            for epoch in range(max(1, updates // per_epoch)):
                last = min(per_epoch, updates)
                run, loss = train_one(run, values, arrays, epoch, 0, last)
            losses.append(np.asarray(loss))
        return np.array(losses)

    a, b = together(), one_by_one()  # compiles
    ratios, times = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        together()
        middle = time.perf_counter()
        one_by_one()
        times.append((middle - begin, time.perf_counter() - middle))
        ratios.append(times[-1][0] / times[-1][1])
    return {
        "problem": name,
        "runs": len(points),
        "updates": updates,
        "vectorized_over_single": [
            float(q) for q in np.quantile(ratios, [0.5, 0.25, 0.75])
        ],
        "seconds": [float(t) for t in np.median(times, axis=0)],
        "largest_relative_difference": float(np.max(np.abs(a - b) / np.abs(b))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    arguments = parser.parse_args()
    rows = []
    for case in CASES:
        rows.append(measure(*case, arguments.rounds))
        row = rows[-1]
        print(
            "{}: {} runs, vectorized / one by one {:.2f} ({:.2f} to {:.2f}), losses"
            " differ by {:.0e}".format(
                row["problem"],
                row["runs"],
                *row["vectorized_over_single"],
                row["largest_relative_difference"],
            ),
            flush=True,
        )
    record.write(arguments.out, "sweep", {"rounds": arguments.rounds, "results": rows})


if __name__ == "__main__":
    main()
