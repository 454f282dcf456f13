"""What does one update cost, in time and memory, beside what else one would run?

    python benchmarks/step_cost.py                      # prints the tables
    python benchmarks/step_cost.py --out benchmarks/results
    python benchmarks/step_cost.py --params 1000000 100000000 --name step_cost_gpu

A step is an update and its application, with params and state donated.  Each
optimizer's step is compiled once, for gradients that are inputs.  All optimizers take
turns, round after round, in a new order each round, so that a busy machine slows all
alike.  A ratio is of times in the same round; the tables give the median over rounds,
with the quartiles.  One call of Step-Tuned SGD's opaque mode makes two gradient steps:
its time and its words are halved, so that all numbers are of one gradient evaluation.

It runs on JAX's default device, and PyTorch on the same (pip install
'inna-optax[benchmarks]').  PyTorch runs INNA as its users would write it, see
pytorch_inna.py.  On a GPU it also runs AdamW and Nesterov momentum in the `foreach` and
fused forms, and INNA in the `foreach` form.

INNA must move at least five words a parameter: it reads params, velocity and gradient,
and writes params and velocity.  On CPU XLA moves seven, as for Nesterov momentum, since
its loops have one result each.  One loop writes the velocity (3 words); the next reads
it again, with params and gradient, and writes the params (4 words).  `optax.sgd` tells
how near that is to what the memory can do.  It is the triad a + s b in place, and its
three words give the bandwidth in the same rounds, for arrays of the same sizes.
"""

import argparse
import pathlib
import random
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import record
from optimizers import EVALUATIONS, OPTIMIZERS, jitted_step

try:
    import pytorch_inna
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    torch = None

PYTORCH = "PyTorch INNA"
# What PyTorch's users run on a GPU: for all leaves at once, one kernel for each
# operation (`foreach`), or one kernel for the whole update (`fused`).
PYTORCH_ON_GPU = {
    "PyTorch INNA, foreach": lambda params: pytorch_inna.INNA(
        params, 1e-3, foreach=True
    ),
    "PyTorch SGD, nesterov, foreach": lambda params: torch.optim.SGD(
        params, 1e-3, momentum=0.9, nesterov=True, foreach=True
    ),
    "PyTorch SGD, nesterov, fused": lambda params: torch.optim.SGD(
        params, 1e-3, momentum=0.9, nesterov=True, fused=True
    ),
    "PyTorch AdamW, foreach": lambda params: torch.optim.AdamW(
        params, 1e-3, foreach=True
    ),
    "PyTorch AdamW, fused": lambda params: torch.optim.AdamW(params, 1e-3, fused=True),
}
# Those that are also run with many leaves, each of which costs a call of its own.
SUBSET = [
    "optax.sgd",
    "optax.sgd, nesterov",
    "optax.adam",
    "optax.adamw",
    "inna",
    "innaprop",
    "step_tuned_sgd",
    PYTORCH,
]
# Beyond so many parameters only those of SUBSET are measured.
MOST_FOR_ALL = 10**8
# Words of temporaries a parameter that an update needs: in opaque mode it holds the
# params between the two half steps.
TEMPORARIES = {"step_tuned_sgd, opaque": 1}


class Target(NamedTuple):
    """The largest ratio of times, for that many parameters and more."""

    optimizer: str
    reference: str
    limit: float
    params: int = 0


TARGETS = [
    Target("inna", "optax.sgd, nesterov", 1.05, 10**6),
    Target("inna", "optax.adam", 0.8, 10**6),
    Target("inna", PYTORCH, 1 / 1.8, 10**7),
    Target("innaprop", "optax.adamw", 1.2),
    Target("step_tuned_sgd", "optax.adam", 1.1),
    Target("step_tuned_sgd, opaque", "optax.adam", 1.1),
]


class JaxStep:
    """One optimizer's compiled step."""

    def __init__(self, name: str, inputs: list[Any]) -> None:
        solver = OPTIMIZERS[name]()
        self.evaluations = EVALUATIONS.get(name, 1)
        self.initial, self.grads, self.other_grads = inputs

        # Copies of the same arrays, for they are donated.
        self.start = jax.jit(lambda x: (jax.tree.map(jnp.copy, x), solver.init(x)))

        params, state = jax.eval_shape(self.start, self.initial)
        began = time.perf_counter()
        inputs = params, state, self.grads, self.other_grads
        self.step = jitted_step(solver).lower(*inputs).compile()
        size = sum(x.nbytes for x in jax.tree.leaves(self.initial))
        costs = self.step.cost_analysis() or {}  # None on a GPU
        self.facts = {
            **(
                {"words_accessed": costs["bytes accessed"] / size / self.evaluations}
                if "bytes accessed" in costs
                else {}
            ),
            "temporaries": self.step.memory_analysis().temp_size_in_bytes / size,
            "state": sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))
            / size,
            "compile_seconds": time.perf_counter() - began,
        }

    def seconds(self, repeats: int) -> float:
        """Mean time of a step.

        It makes new arrays, so that those of one optimizer exist at a time.
        """
        params, state = self.start(self.initial)

        def run(count: int) -> float:
            nonlocal params, state
            jax.block_until_ready((params, state))
            began = time.perf_counter()
            for _ in range(count):
                params, state = self.step(params, state, self.grads, self.other_grads)
            jax.block_until_ready((params, state))
            return (time.perf_counter() - began) / count / self.evaluations

        run(2)
        return run(repeats)


class PytorchStep:
    """One optimizer's step in PyTorch, on the same device."""

    def __init__(self, name: str, inputs: list[Any]) -> None:
        self.make = PYTORCH_ON_GPU.get(
            name, lambda params: pytorch_inna.INNA(params, 1e-3)
        )
        self.device = "cpu" if jax.default_backend() == "cpu" else "cuda"
        self.initial, self.grads = (
            [torch.tensor(np.asarray(x)) for x in tree.values()] for tree in inputs[:2]
        )
        # INNA's psi, SGD's momentum, or AdamW's two moments.
        self.facts = {"state": 2.0 if "AdamW" in name else 1.0}

    def seconds(self, repeats: int) -> float:
        """Mean time of a step, on new arrays."""
        params = [x.to(self.device, copy=True).requires_grad_() for x in self.initial]
        for param, grad in zip(params, self.grads, strict=True):
            param.grad = grad.to(self.device)
        solver = self.make(params)

        def run(count: int) -> float:
            self.wait()
            began = time.perf_counter()
            for _ in range(count):
                solver.step()
            self.wait()
            return (time.perf_counter() - began) / count

        run(2)
        return run(repeats)

    def wait(self) -> None:
        """Returns when the device has done what it was given."""
        if self.device == "cuda":
            torch.cuda.synchronize()


def quartiles(ratios: np.ndarray) -> list[float]:
    """The median, then the quartiles."""
    return [float(q) for q in np.quantile(ratios, [0.5, 0.25, 0.75])]


def measure(names: Iterable[str], size: int, leaves: int, rounds: int) -> dict:
    keys = jax.random.split(jax.random.key(0), 3)
    inputs = [
        {f"{i:03}": jax.random.normal(key, (size // leaves,)) for i in range(leaves)}
        for key in keys
    ]
    size = leaves * (size // leaves)
    steps: dict[str, Any] = {
        name: (
            PytorchStep(name, inputs)
            if name.startswith("PyTorch")
            else JaxStep(name, inputs)
        )
        for name in names
    }
    # An even number: Step-Tuned SGD's two calls differ.
    repeats = min(200, max(2, 4 * (10**7 // size)))
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    shuffler = random.Random(0)
    for _ in range(rounds):
        # A new order each round, since the one before decides what is in the cache.
        for name in shuffler.sample(list(steps), len(steps)):
            seconds[name].append(steps[name].seconds(repeats))
    times = {name: np.array(values) for name, values in seconds.items()}

    rows = {
        name: {
            "milliseconds": 1e3 * float(np.median(times[name])),
            "over_nesterov": quartiles(times[name] / times["optax.sgd, nesterov"]),
            "over_adam": quartiles(times[name] / times["optax.adam"]),
            **step.facts,
        }
        for name, step in steps.items()
    }
    targets = [
        {
            **target._asdict(),
            "ratio": quartiles(times[target.optimizer] / times[target.reference]),
        }
        for target in TARGETS
        if target.optimizer in times
        and target.reference in times
        and size >= target.params
    ]
    word = times["optax.sgd"] / 3
    return {
        "params": size,
        "leaves": leaves,
        "rounds": rounds,
        "rows": rows,
        "targets": targets,
        "gigabytes_per_second": 4e-9 * size / float(np.median(word)),
        # INNA's time over that of the five words it must move, and of XLA's seven.
        "inna_over_floor": {
            words: quartiles(times["inna"] / word / words) for words in (5, 7)
        },
    }


def growth(results: list[dict]) -> dict[str, dict[str, float]]:
    """The exponents e of time = c P^e from 1M parameters on, in one leaf, with R^2."""
    chosen = [x for x in results if x["params"] >= 10**6 and x["leaves"] == 1]
    if len(chosen) < 2:
        return {}
    sizes = np.log([x["params"] for x in chosen])
    found = {}
    # Not all optimizers are measured at all sizes.
    names = [n for n in chosen[0]["rows"] if all(n in x["rows"] for x in chosen)]
    for name in names:
        times = np.log([x["rows"][name]["milliseconds"] for x in chosen])
        exponent, _ = np.polyfit(sizes, times, 1)
        found[name] = {
            "exponent": float(exponent),
            "r2": float(np.corrcoef(sizes, times)[0, 1] ** 2),
        }
    return found


def with_temporaries(result: dict) -> list[str]:
    """The optimizers of this package that use more temporaries than they need."""
    return [
        name
        for name, row in result["rows"].items()
        if not name.startswith("optax.")
        and row.get("temporaries", 0) > TEMPORARIES.get(name, 0) + 0.05
    ]


def show(result: dict) -> None:
    """Prints a result."""
    leaves = "one leaf" if result["leaves"] == 1 else f"{result['leaves']} leaves"
    print(f"{result['params'] / 1e6:g}M float32 params in {leaves}")
    ratios = {"over_nesterov": "/ nesterov", "over_adam": "/ adam"}
    others = {
        "words_accessed": ("words", "{:.1f} P"),
        "temporaries": ("temporaries", "{:.1f} P"),
        "state": ("state", "{:.1f} P"),
        "milliseconds": ("ms", "{:.3f}"),
        "compile_seconds": ("compile s", "{:.2f}"),
    }
    print(f"{'':32}" + "".join(f"{title:>20}" for title in ratios.values()), end="")
    print("".join(f"{title:>12}" for title, _ in others.values()))
    for name, row in result["rows"].items():
        cells = ["{:.2f} ({:.2f}-{:.2f})".format(*row[key]) for key in ratios]
        print(f"{name:32}" + "".join(f"{cell:>20}" for cell in cells), end="")
        cells = [
            form.format(row[key]) if key in row else "-"
            for key, (_, form) in others.items()
        ]
        print("".join(f"{cell:>12}" for cell in cells))
    for target in result["targets"]:
        verdict = "met" if target["ratio"][0] <= target["limit"] else "NOT met"
        print(
            f"{target['optimizer']} / {target['reference']}: {target['ratio'][0]:.3f},"
            f" target {target['limit']:.3g}: {verdict}"
        )
    found = with_temporaries(result)
    print(
        "no temporaries, but the params between the half steps of opaque mode:",
        f"NOT met by {', '.join(found)}" if found else "met",
    )
    floor = ", ".join(
        f"{ratios[0]:.2f} times that of {words} words"
        for words, ratios in result["inna_over_floor"].items()
    )
    print(f"{result['gigabytes_per_second']:.1f} GB/s; inna takes {floor}")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--params",
        type=int,
        nargs="+",
        default=[10**5, 10**6, 10**7, 5 * 10**7],
        help="numbers of parameters",
    )
    parser.add_argument(
        "--leaves", type=int, nargs="+", default=[16, 400], help="beside one leaf"
    )
    parser.add_argument(
        "--rounds", type=int, default=40, help="a third of them beyond 10M parameters"
    )
    parser.add_argument("--name", default="step_cost", help="of the record")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    arguments = parser.parse_args()

    everything, some = [*OPTIMIZERS, PYTORCH], [*SUBSET]
    if jax.default_backend() != "cpu":
        everything += PYTORCH_ON_GPU
        some += PYTORCH_ON_GPU
    if torch is None:
        print(f"without {PYTORCH}: pip install 'inna-optax[benchmarks]'\n")
        everything = [name for name in everything if not name.startswith("PyTorch")]
        some = [name for name in some if not name.startswith("PyTorch")]
    # Of a billion parameters all optimizers' arrays do not fit beside each other.
    cases = [
        (everything if size <= MOST_FOR_ALL else some, size, 1)
        for size in arguments.params
    ]
    cases += [
        (some, size, leaves)
        for size in arguments.params
        if 10**6 <= size <= 10**7
        for leaves in arguments.leaves
    ]
    results = []
    for names, size, leaves in cases:
        rounds = arguments.rounds if size <= 10**7 else -(-arguments.rounds // 3)
        results.append(measure(names, size, leaves, rounds))
        show(results[-1])
        # What is measured is kept, should the rest run out of time.
        record.write(
            arguments.out,
            arguments.name,
            {
                "rounds": arguments.rounds,
                "growth": growth(results),
                "results": results,
            },
            packages=["torch"] if torch else [],
        )
    for name, fit in growth(results).items():
        print(f"{name:32}time ~ P^{fit['exponent']:.3f}, R^2 {fit['r2']:.4f}")


if __name__ == "__main__":
    main()
