"""Where does the time of a network's convolutions go, beside PyTorch's?

    python benchmarks/convolutions.py                      # prints the table
    python benchmarks/convolutions.py --out benchmarks/results

Measured are the convolutions of LeNet, ResNet-20 and chapter 2's NiN that are not 1x1,
at batch 128 in float32.  Each has three parts: forward, the gradient by the images and
the gradient by the kernel.  The zoo's layer and PyTorch's (eager, in its default order
of dimensions) take turns.

The floor is the time of as many multiplications and additions in a large product of
matrices, measured in the same run.  A shape with few channels cannot reach it.  The
whole takes about a minute on 2 cores.
"""

import argparse
import os
import pathlib
import random
import time
from collections.abc import Callable
from typing import NamedTuple

# Before PyTorch is imported: its threads sleep while JAX has its turn.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")

import jax
import jax.numpy as jnp
import numpy as np
import record
import torch

from inna_optax.zoo.conv import convolve

BATCH = 128
PARTS = ("forward", "by images", "by kernel")


class Layer(NamedTuple):
    """A convolution of a network, and how many of its kind a step has."""

    network: str
    size: int  # of the square images
    channels: int
    features: int
    window: int
    stride: int = 1
    pad: int = 0
    count: int = 1


LAYERS = [
    Layer("lenet", 32, 3, 6, 5),
    Layer("lenet", 14, 6, 16, 5),
    Layer("resnet20", 32, 3, 16, 3, pad=1),
    Layer("resnet20", 32, 16, 16, 3, pad=1, count=6),
    Layer("resnet20", 32, 16, 32, 3, stride=2, pad=1),
    Layer("resnet20", 16, 32, 32, 3, pad=1, count=5),
    Layer("resnet20", 16, 32, 64, 3, stride=2, pad=1),
    Layer("resnet20", 8, 64, 64, 3, pad=1, count=5),
    Layer("nin, chapter 2", 32, 3, 192, 5),
    Layer("nin, chapter 2", 13, 96, 192, 5),
    Layer("nin, chapter 2", 4, 192, 192, 3),
]


def by_jax(layer: Layer) -> dict[str, Callable[[], object]]:
    """The three parts as the zoo computes them."""
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (BATCH, layer.size, layer.size, layer.channels))
    shape = (layer.window, layer.window, layer.channels, layer.features)
    kernel = jax.random.normal(keys[1], shape)
    strides, pads = (layer.stride,) * 2, [(layer.pad,) * 2] * 2

    def forward(x, kernel):
        return convolve(x, kernel, strides, pads)

    g = jax.random.normal(keys[2], jax.eval_shape(forward, x, kernel).shape)
    functions = [
        jax.jit(forward),
        jax.jit(lambda x, k, g: jax.vjp(lambda x: forward(x, k), x)[1](g)),
        jax.jit(lambda x, k, g: jax.vjp(lambda k: forward(x, k), k)[1](g)),
    ]
    arguments = [(x, kernel), (x, kernel, g), (x, kernel, g)]
    return {
        part: lambda f=f, a=a: jax.block_until_ready(f(*a))
        for part, f, a in zip(PARTS, functions, arguments, strict=True)
    }


def by_torch(layer: Layer) -> dict[str, Callable[[], object]]:
    """The three parts as PyTorch computes them."""
    x = torch.randn(BATCH, layer.channels, layer.size, layer.size)
    kernel = torch.randn(layer.features, layer.channels, *[layer.window] * 2)
    settings = [layer.stride] * 2, [layer.pad] * 2

    def forward():
        return torch.nn.functional.conv2d(x, kernel, None, *settings)

    g = torch.randn_like(forward())

    def gradient(*mask):
        options = [1, 1], False, [0, 0], 1, [*mask, False]
        return torch.ops.aten.convolution_backward(
            g, x, kernel, None, *settings, *options
        )

    return {
        "forward": forward,
        "by images": lambda: gradient(True, False),
        "by kernel": lambda: gradient(False, True),
    }


def seconds(call: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def operations_a_second(size: int = 2048) -> float:
    """The rate of a large product of matrices, the best of several."""
    a = jax.random.normal(jax.random.key(0), (size, size))
    product = jax.jit(jnp.dot)
    times = [seconds(lambda: product(a, a).block_until_ready(), 1) for _ in range(20)]
    return 2 * size**3 / min(times)


def measure(layer: Layer, rate: float, rounds: int) -> dict:
    calls = {
        (library, part): call
        for library, make in (("jax", by_jax), ("torch", by_torch))
        for part, call in make(layer).items()
    }
    repeats = {key: max(1, round(0.02 / seconds(f, 3))) for key, f in calls.items()}
    times: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    shuffler = random.Random(0)
    for _ in range(rounds):
        for key in shuffler.sample(list(calls), len(calls)):
            times[key].append(seconds(calls[key], repeats[key]))
    places = (layer.size + 2 * layer.pad - layer.window) // layer.stride + 1
    operations = (
        2 * BATCH * places**2 * layer.window**2 * layer.channels * layer.features
    )
    return {
        **layer._asdict(),
        "floor_milliseconds": 1e3 * operations / rate,
        "parts": {
            part: {
                library: 1e3 * float(np.median(times[library, part]))
                for library in ("jax", "torch")
            }
            for part in PARTS
        },
    }


def show(row: dict) -> None:
    title = (
        f"{row['network']}: {row['size']}x{row['size']},"
        f" {row['channels']} to {row['features']}, {row['window']}x{row['window']}"
        + (f" / {row['stride']}" if row["stride"] > 1 else "")
        + (f", {row['count']} times" if row["count"] > 1 else "")
    )
    cells = "".join(
        f"{times['jax']:12.2f} /{times['torch']:6.2f}"
        for times in row["parts"].values()
    )
    print(f"{title:50}{cells}{row['floor_milliseconds']:10.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="of turns")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    arguments = parser.parse_args()

    rate = operations_a_second()
    print(f"milliseconds, JAX / PyTorch {torch.__version__}; {rate / 1e9:.0f} GFLOP/s")
    print(f"{'':50}" + "".join(f"{part:>20}" for part in (*PARTS, "floor")))
    rows = []
    for layer in LAYERS:
        rows.append(measure(layer, rate, arguments.rounds))
        show(rows[-1])
    record.write(
        arguments.out,
        "convolutions",
        {
            "batch_size": BATCH,
            "operations_a_second": rate,
            "results": rows,
        },
        packages=["torch"],
    )


if __name__ == "__main__":
    main()
