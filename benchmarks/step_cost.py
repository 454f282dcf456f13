"""What does one update cost, in time and memory, beside optax's own optimizers?

    python benchmarks/step_cost.py                      # prints the table
    python benchmarks/step_cost.py --out benchmarks/results

Every optimizer's step (update, apply, with params and state donated) is compiled
once; then all of them run in turn, round after round, so that a busy machine slows
all alike.  The table gives the median over rounds of the time of a step divided by
that of Nesterov momentum and by that of Adam in the same round, with the quartiles.
"""

import argparse
import functools
import pathlib
import random
import time

import jax
import numpy as np
import optax
import record
from optax import contrib

import inna_optax

OPTIMIZERS = {
    "optax.sgd": lambda: optax.sgd(1e-3),
    "optax.sgd, nesterov": lambda: optax.sgd(1e-3, momentum=0.9, nesterov=True),
    "optax.adam": lambda: optax.adam(1e-3),
    "optax.adamw": lambda: optax.adamw(1e-3),
    "optax.lion": lambda: optax.lion(1e-3),
    "optax.contrib.schedule_free_sgd": lambda: contrib.schedule_free_sgd(1e-3),
    "optax.contrib.ademamix": lambda: contrib.ademamix(1e-3),
    "inna": lambda: inna_optax.inna(1e-3),
    "innaprop": lambda: inna_optax.innaprop(1e-3),
    "step_tuned_sgd": lambda: inna_optax.step_tuned_sgd(1e-3),
    "barzilai_borwein": lambda: inna_optax.barzilai_borwein(1e-3),
}
# The targets: an optimizer, what it is compared with, the largest ratio of times.
TARGETS = [
    ("inna", "optax.sgd, nesterov", 1.05),
    ("inna", "optax.adam", 0.8),
    ("step_tuned_sgd", "optax.adam", 1.2),
    ("innaprop", "optax.adamw", 1.4),
]


class Step:
    """One optimizer's compiled step, and the arrays that it keeps donating."""

    def __init__(self, solver: optax.GradientTransformation, size: int) -> None:
        key = jax.random.key(0)
        self.params = jax.random.normal(key, (size,))
        self.grads = jax.random.normal(jax.random.fold_in(key, 1), (size,))
        self.state = solver.init(self.params)

        @functools.partial(jax.jit, donate_argnums=(0, 1))
        def step(params, state, grads):
            updates, state = solver.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        start = time.perf_counter()
        self.compiled = step.lower(self.params, self.state, self.grads).compile()
        self.compile_seconds = time.perf_counter() - start

    def seconds(self, repeats: int) -> float:
        """Mean time of a step; an even number, for Step-Tuned SGD takes two."""
        jax.block_until_ready((self.params, self.state))
        start = time.perf_counter()
        for _ in range(repeats):
            self.params, self.state = self.compiled(self.params, self.state, self.grads)
        jax.block_until_ready((self.params, self.state))
        return (time.perf_counter() - start) / repeats


def measure(size: int, rounds: int, repeats: int) -> dict:
    steps = {name: Step(make(), size) for name, make in OPTIMIZERS.items()}
    for step in steps.values():
        step.seconds(repeats)  # warm up
    times = {name: [] for name in steps}
    shuffler = random.Random(0)
    for _ in range(rounds):
        # In a new order each round: who runs after whom decides what is in the cache.
        for name in shuffler.sample(list(steps), len(steps)):
            steps[name].seconds(2)
            times[name].append(steps[name].seconds(repeats))

    def ratio(name: str, reference: str) -> list[float]:
        ratios = np.array(times[name]) / np.array(times[reference])
        return [float(q) for q in np.quantile(ratios, [0.5, 0.25, 0.75])]

    rows = {}
    for name, step in steps.items():
        state = sum(x.nbytes for x in jax.tree.leaves(step.state))
        rows[name] = {
            "milliseconds": 1e3 * float(np.median(times[name])),
            "over_nesterov": ratio(name, "optax.sgd, nesterov"),
            "over_adam": ratio(name, "optax.adam"),
            "words_accessed": step.compiled.cost_analysis()["bytes accessed"]
            / (4 * size),
            "temporaries": step.compiled.memory_analysis().temp_size_in_bytes
            / (4 * size),
            "state": state / (4 * size),
            "compile_seconds": step.compile_seconds,
        }
    targets = [
        {
            "optimizer": name,
            "reference": reference,
            "limit": limit,
            "ratio": ratio(name, reference),
        }
        for name, reference, limit in TARGETS
    ]
    return {"params": size, "rows": rows, "targets": targets}


def show(result: dict) -> None:
    """Prints a result; README.md gets the same figures by readme_tables.py."""
    print(f"{result['params'] / 1e6:g}M float32 params in one leaf")
    header = (
        "/ nesterov",
        "/ adam",
        "words",
        "temporaries",
        "state",
        "ms",
        "compile s",
    )
    print(f"{'':32}" + "".join(f"{title:>20}" for title in header[:2]), end="")
    print("".join(f"{title:>12}" for title in header[2:]))
    for name, row in result["rows"].items():
        ratios = [
            "{:.2f} ({:.2f}-{:.2f})".format(*row[key])
            for key in ("over_nesterov", "over_adam")
        ]
        figures = [
            f"{row[key]:.1f} P" for key in ("words_accessed", "temporaries", "state")
        ] + [f"{row['milliseconds']:.2f}", f"{row['compile_seconds']:.2f}"]
        print(f"{name:32}" + "".join(f"{cell:>20}" for cell in ratios), end="")
        print("".join(f"{cell:>12}" for cell in figures))
    for target in result["targets"]:
        verdict = "met" if target["ratio"][0] <= target["limit"] else "NOT met"
        print(
            f"{target['optimizer']} / {target['reference']}: {target['ratio'][0]:.3f},"
            f" target {target['limit']}: {verdict}"
        )
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--params", type=int, nargs="+", default=[10**6, 10**7])
    parser.add_argument("--rounds", type=int, default=120)
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    arguments = parser.parse_args()

    results = []
    for size in arguments.params:
        repeats = max(2, 4 * (10**7 // size))
        results.append(measure(size, arguments.rounds, repeats))
        show(results[-1])
    record.write(
        arguments.out, "step_cost", {"rounds": arguments.rounds, "results": results}
    )


if __name__ == "__main__":
    main()
