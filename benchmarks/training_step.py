"""What is a training step's speed beside PyTorch's, on the same device?

    python benchmarks/training_step.py                      # prints the table
    python benchmarks/training_step.py --out benchmarks/results
    python benchmarks/training_step.py --dtype bfloat16 --name training_step_bfloat16

A training step at batch 128 is the loss, its gradient, a step of gradient descent, and
the network's running averages.  Its type is float32, on a GPU with the TensorFloat-32
that each library allows itself.  With `--dtype bfloat16` the network computes in
bfloat16 on float32 parameters, in PyTorch by `torch.autocast`.

JAX takes the step alone, as users write it, and in a `lax.scan` over batches, as the
engine runs an epoch.  PyTorch takes it eagerly and through `torch.compile`, in its
default order of dimensions.  The networks, the losses and the numbers of parameters are
the same.  All four take turns, round after round, so that a busy machine slows all
alike.  A row gives images a second, and the ratio of its speed to that of PyTorch,
eager, in the same round: the median over rounds, with the quartiles.

Both libraries use all cores.  The threads of PyTorch's pool sleep while JAX has its
turn, by OMP_WAIT_POLICY=PASSIVE and KMP_BLOCKTIME=0; by default they spin for a while.
Each turn starts with steps that are not counted.  `torch.compile` needs a C++ compiler;
where it fails, its row says so.  The whole takes about 8 minutes on 2 cores.
"""

import argparse
import math
import os
import pathlib
import random
import time
from collections.abc import Callable
from typing import Any

# Before PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")

import jax
import layers
import numpy as np
import pytorch_networks
import record
import torch
from flax import nnx
from torch.nn import functional

BATCH_SIZE = 128
LEARNING_RATE = 1e-3
REFERENCE = "PyTorch, eager"
# The targets: the smallest ratio of speeds of JAX and PyTorch, eager.
TARGETS = {
    "lenet": 0.8,
    "lenet, batch norm": 0.8,
    "nin, chapter 2": 1.0,
    "resnet20": 0.8,
    "autoencoder": 1.0,
}


def in_dtype(loss: Callable[..., Any], dtype: str) -> Callable[..., Any]:
    """The loss with params and images in that type; its state keeps its own."""

    def cast(params, state, images, key):
        params, images = jax.tree.map(lambda x: x.astype(dtype), (params, images))
        value, new = loss(params, state, images, key)
        keep = jax.tree.map(
            lambda x, old: x.astype(old.dtype) if hasattr(old, "dtype") else x,
            new,
            state,
        )
        return value.astype("float32"), keep

    return loss if dtype == "float32" else cast


class JaxStep:
    """The zoo's network: `scanned` steps in a loop, or one step alone if that is 0."""

    def __init__(self, name: str, scanned: int, dtype: str) -> None:
        shape, make = layers.NETWORKS[name]
        model = make(nnx.Rngs(0))
        model.train()
        graph, params, state = nnx.split(model, nnx.Param, ...)
        self.params = sum(p.size for p in jax.tree.leaves(params))
        self.steps = max(scanned, 1)
        key = jax.random.key(0)
        # Arguments, since the compiler could compute with constants beforehand.
        images = jax.random.uniform(key, (self.steps, BATCH_SIZE, *shape))
        keys = jax.random.split(key, self.steps)
        loss = in_dtype(layers.loss_of(graph), dtype)

        def step(carry, batch):
            params, state = carry
            (value, state), grads = jax.value_and_grad(loss, has_aux=True)(
                params, state, *batch
            )
            params = jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, grads)
            return (params, state), value

        def alone(carry, images, keys):
            return step(carry, (images[0], keys[0]))

        def loop(carry, images, keys):
            return jax.lax.scan(step, carry, (images, keys))

        self.carry, self.batches = (params, state), (images, keys)
        chosen = jax.jit(loop if scanned else alone, donate_argnums=0)
        self.compiled = chosen.lower(self.carry, *self.batches).compile()

    def __call__(self) -> None:
        """Takes the step, or the scan's steps, from where the last call ended."""
        self.carry, _ = self.compiled(self.carry, *self.batches)

    def wait(self) -> None:
        """Returns when the device has done what it was given."""
        jax.block_until_ready(self.carry)

    def temporaries_mib(self) -> float:
        """Memory that the program uses besides its arguments and results."""
        return self.compiled.memory_analysis().temp_size_in_bytes / 2**20


class TorchStep:
    """PyTorch's network; the step is compiled, or eager."""

    steps = 1

    def __init__(self, name: str, *, compiled: bool, dtype: str) -> None:
        self.device = "cpu" if jax.default_backend() == "cpu" else "cuda"
        height, width, channels = layers.NETWORKS[name][0]
        torch.manual_seed(0)
        model = pytorch_networks.NETWORKS[name]().to(self.device)
        self.params = sum(p.numel() for p in model.parameters())
        with torch.device(self.device):
            self.images = torch.rand(BATCH_SIZE, channels, height, width)
            self.labels = torch.arange(BATCH_SIZE) % 10
        self.solver = torch.optim.SGD(model.parameters(), LEARNING_RATE)

        def loss(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            with torch.autocast(
                self.device, torch.bfloat16, enabled=dtype == "bfloat16"
            ):
                y = model(x)
            if y.shape == x.shape:
                return functional.mse_loss(y, x.to(y.dtype))
            return functional.cross_entropy(y, labels)

        self.loss = torch.compile(loss) if compiled else loss
        self()

    def __call__(self) -> None:
        """Takes the step from where the last call ended."""
        self.solver.zero_grad()
        self.loss(self.images, self.labels).backward()
        self.solver.step()

    def wait(self) -> None:
        """Returns when the device has done what it was given."""
        if self.device == "cuda":
            torch.cuda.synchronize()


Step = JaxStep | TorchStep


def seconds(step: Step, calls: int) -> float:
    """Mean time of a training step; on a GPU steps are queued without a wait."""
    step.wait()
    start = time.perf_counter()
    for _ in range(calls):
        step()
        if jax.default_backend() == "cpu":
            step.wait()
    step.wait()
    return (time.perf_counter() - start) / (calls * step.steps)


def measure(name: str, options: argparse.Namespace) -> dict:
    makers: dict[str, Callable[[], Step]] = {
        "JAX, alone": lambda: JaxStep(name, 0, options.dtype),
        "JAX, in a scan": lambda: JaxStep(name, options.scanned, options.dtype),
        REFERENCE: lambda: TorchStep(name, compiled=False, dtype=options.dtype),
        "PyTorch, torch.compile": lambda: TorchStep(
            name, compiled=True, dtype=options.dtype
        ),
    }
    if options.no_torch_compile:
        del makers["PyTorch, torch.compile"]
    steps: dict[str, Step] = {}
    failed: dict[str, str] = {}
    for key, make in makers.items():
        try:
            steps[key] = make()
        except Exception as error:
            if key != "PyTorch, torch.compile":
                raise
            failed[key] = f"{type(error).__name__}: {error}".splitlines()[0]
    counts = {step.params for step in steps.values()}
    if len(counts) != 1:
        raise AssertionError(f"{name}: numbers of parameters differ: {counts}.")

    def calls(step: Step, duration: float) -> int:
        return max(1, math.ceil(duration / (once[id(step)] * step.steps)))

    once = {}
    for step in steps.values():
        step()
        once[id(step)] = seconds(step, 1)
    shuffler = random.Random(0)
    times: dict[str, list[float]] = {key: [] for key in steps}
    a_round = sum(
        once[id(s)] * s.steps * (calls(s, options.seconds) + 1) for s in steps.values()
    )
    rounds = int(min(options.rounds, max(3, options.budget / a_round)))
    for _ in range(rounds):
        for key in shuffler.sample(list(steps), len(steps)):
            seconds(steps[key], calls(steps[key], options.seconds / 4))
            times[key].append(seconds(steps[key], calls(steps[key], options.seconds)))

    rows = {}
    for key, values in times.items():
        ratios = np.array(times[REFERENCE]) / np.array(values)
        rows[key] = {
            "images_a_second": BATCH_SIZE / float(np.median(values)),
            "speed_over_pytorch": [
                float(q) for q in np.quantile(ratios, [0.5, 0.25, 0.75])
            ],
        }
        if isinstance(steps[key], JaxStep):
            rows[key]["temporaries_mib"] = steps[key].temporaries_mib()
    return {
        "network": name,
        "params": counts.pop(),
        "rounds": rounds,
        "target": TARGETS.get(name),
        "rows": rows,
        "failed": failed,
    }


def show(result: dict) -> None:
    print(f"{result['network']}, {result['params']:,} params")
    for key, row in result["rows"].items():
        ratio = "{:.2f} ({:.2f}-{:.2f})".format(*row["speed_over_pytorch"])
        verdict = ""
        if key.startswith("JAX") and result["target"] is not None:
            met = row["speed_over_pytorch"][0] >= result["target"]
            verdict = f"target {result['target']}: {'met' if met else 'NOT met'}"
        speed = f"{row['images_a_second']:,.0f} images/s"
        print(f"  {key:24}{speed:>18}{ratio:>20}  {verdict}")
    for key, reason in result["failed"].items():
        print(f"  {key:24} failed: {reason}")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--networks",
        nargs="+",
        choices=pytorch_networks.NETWORKS,
        default=[*pytorch_networks.NETWORKS],
        metavar="NETWORK",
        help="; ".join(pytorch_networks.NETWORKS),
    )
    parser.add_argument("--scanned", type=int, default=4, help="steps in the scan")
    parser.add_argument("--rounds", type=int, default=15, help="at most")
    parser.add_argument("--seconds", type=float, default=0.4, help="length of a turn")
    parser.add_argument(
        "--budget",
        type=float,
        default=40,
        help="seconds for a network, of 3 rounds at least",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of the network's arithmetic",
    )
    parser.add_argument(
        "--no-torch-compile", action="store_true", help="leave torch.compile out"
    )
    parser.add_argument("--name", default="training_step", help="of the record")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the record")
    arguments = parser.parse_args()

    torch.set_num_threads(os.cpu_count() or 1)
    results = []
    for name in arguments.networks:
        results.append(measure(name, arguments))
        show(results[-1])
    record.write(
        arguments.out,
        arguments.name,
        {
            "batch_size": BATCH_SIZE,
            "dtype": arguments.dtype,
            "scanned_steps": arguments.scanned,
            "results": results,
        },
        packages=["torch"],
    )


if __name__ == "__main__":
    main()
