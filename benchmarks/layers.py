"""What do the zoo's lowerings gain over plain Flax layers, on this machine?

    python benchmarks/layers.py                      # prints the table
    python benchmarks/layers.py --out benchmarks/results

Measured is a training step at batch 128: the loss, its gradient, a step of gradient
descent, and the network's running averages.  It is measured alone, as users write it,
and in a `lax.scan`, as the engine runs an epoch.

Each network is built twice: as the zoo has it, and of plain `nnx.Conv`, `nnx.max_pool`
and `nnx.avg_pool`.  Both take turns, round after round, so that a busy machine slows
both alike.  The table gives the ratio of their times: the median over rounds, with the
quartiles.

All networks take half an hour on 2 cores, mostly for the plain layers in the scan.
`--networks` and `--batch-size` make it shorter.
"""

import argparse
import pathlib
import random
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import record
from flax import nnx

from inna_optax.zoo import AutoEncoder, LeNet, NiN, ResNet20, batch_norm
from inna_optax.zoo.pooling import avg_pool, max_pool

CIFAR, MNIST = (32, 32, 3), (28, 28, 1)
NETWORKS: dict[str, tuple[tuple[int, ...], Callable[[nnx.Rngs], nnx.Module]]] = {
    "lenet": (CIFAR, lambda rngs: LeNet(10, CIFAR, rngs=rngs)),
    "lenet, batch norm": (
        CIFAR,
        lambda rngs: LeNet(10, CIFAR, normalization=batch_norm, rngs=rngs),
    ),
    "nin, chapter 2, 28x28x1": (MNIST, lambda rngs: NiN(10, MNIST, rngs=rngs)),
    "nin, chapter 2": (CIFAR, lambda rngs: NiN(10, CIFAR, rngs=rngs)),
    "nin, chapter 4": (
        CIFAR,
        lambda rngs: NiN(
            10, CIFAR, activation=nnx.elu, normalization=batch_norm, rngs=rngs
        ),
    ),
    "resnet20": (CIFAR, lambda rngs: ResNet20(10, CIFAR, rngs=rngs)),
    "autoencoder": (MNIST, lambda rngs: AutoEncoder(MNIST, rngs=rngs)),
}


def plain_max_pool(x: jax.Array, window: int, stride: int, padding: str) -> jax.Array:
    return nnx.max_pool(x, (window, window), (stride, stride), padding)


def plain_avg_pool(x: jax.Array, window: int, stride: int, padding: str) -> jax.Array:
    return nnx.avg_pool(x, (window, window), (stride, stride), padding)


PLAIN = {max_pool: plain_max_pool, avg_pool: plain_avg_pool}


def with_plain_layers(model: nnx.Module) -> nnx.Module:
    """The same network and parameters, with Flax's own convolutions and pooling."""
    for _, module in nnx.iter_modules(model):
        if isinstance(module, nnx.Conv):
            module.conv_general_dilated = jax.lax.conv_general_dilated
        elif isinstance(module, LeNet):
            module.pool = PLAIN[module.pool]
        elif isinstance(module, NiN):
            module.pools = tuple(PLAIN[pool] for pool in module.pools)
    return model


def loss_of(graph: nnx.GraphDef) -> Callable[..., tuple[jax.Array, nnx.State]]:
    """The loss as a function of params, state, images and key, with made-up labels.

    It returns the value and the state after it.  A network whose outputs have the shape
    of its images is an auto-encoder.
    """

    def loss(params, state, images, key):
        # A copy, since the gradient's trace moves the running averages.
        model = nnx.merge(graph, params, state, copy=True)
        outputs = model(images, rngs=nnx.Rngs(key))
        if outputs.shape == images.shape:
            value = jnp.mean((outputs - images) ** 2)
        else:
            labels = jnp.arange(len(images)) % 10
            value = optax.softmax_cross_entropy_with_integer_labels(
                outputs, labels
            ).mean()
        return value, nnx.state(model, nnx.Not(nnx.Param))

    return loss


class Step:
    """The compiled training step of one network, `scanned` times in a loop or alone."""

    def __init__(
        self, model: nnx.Module, shape: tuple[int, ...], batch: int, scanned: int
    ) -> None:
        model.train()
        graph, params, state = nnx.split(model, nnx.Param, ...)
        key = jax.random.key(0)
        images = jax.random.uniform(key, (batch, *shape))
        loss = loss_of(graph)

        def step(params, state, key):
            (_, state), grads = jax.value_and_grad(loss, has_aux=True)(
                params, state, images, key
            )
            return jax.tree.map(lambda p, g: p - 1e-3 * g, params, grads), state

        def loop(params, state, key):
            keys = jax.random.split(key, scanned)
            return jax.lax.scan(
                lambda carry, key: (step(*carry, key), None), (params, state), keys
            )[0]

        self.arguments = (params, state, key)
        self.steps = max(scanned, 1)
        start = time.perf_counter()
        chosen = jax.jit(loop if scanned else step)
        self.compiled = chosen.lower(*self.arguments).compile()
        self.compile_seconds = time.perf_counter() - start

    def result(self):
        """The params and the state after the step or steps."""
        return jax.block_until_ready(self.compiled(*self.arguments))

    def seconds(self, repeats: int) -> float:
        """Mean time of a step."""
        start = time.perf_counter()
        for _ in range(repeats):
            self.result()
        return (time.perf_counter() - start) / (repeats * self.steps)


def relative_difference(a, b) -> float:
    return float(optax.tree.norm(optax.tree.sub(a, b)) / optax.tree.norm(b))


def measure(name: str, scanned: int, options: argparse.Namespace) -> dict:
    shape, make = NETWORKS[name]
    batch = options.batch_size
    steps = {
        "zoo": Step(make(nnx.Rngs(0)), shape, batch, scanned),
        "plain": Step(with_plain_layers(make(nnx.Rngs(0))), shape, batch, scanned),
    }
    before = steps["zoo"].arguments[0]
    moved = {key: optax.tree.sub(s.result()[0], before) for key, s in steps.items()}
    turn = {key: step.seconds(1) * step.steps for key, step in steps.items()}
    repeats = max(1, round(options.seconds / turn["plain"]))
    a_round = repeats * sum(turn.values())
    rounds = int(min(options.rounds, max(2, options.budget / a_round)))
    times: dict[str, list[float]] = {key: [] for key in steps}
    shuffler = random.Random(0)
    for _ in range(rounds):
        for key in shuffler.sample(list(steps), len(steps)):
            times[key].append(steps[key].seconds(repeats))
    ratios = np.array(times["zoo"]) / np.array(times["plain"])
    return {
        "network": name,
        "scanned_steps": scanned,
        "rounds": rounds,
        "repeats_a_turn": repeats,
        "zoo_over_plain": [float(q) for q in np.quantile(ratios, [0.5, 0.25, 0.75])],
        "milliseconds": {k: 1e3 * float(np.median(v)) for k, v in times.items()},
        "temporaries_mib": {
            k: step.compiled.memory_analysis().temp_size_in_bytes / 2**20
            for k, step in steps.items()
        },
        "compile_seconds": {k: step.compile_seconds for k, step in steps.items()},
        "relative_step_difference": relative_difference(moved["zoo"], moved["plain"]),
    }


def show_header() -> None:
    titles = ("zoo / plain", "zoo ms", "plain ms", "zoo MiB", "plain MiB", "difference")
    print(f"{'':34}{titles[0]:>20}" + "".join(f"{title:>18}" for title in titles[1:]))


def show(row: dict) -> None:
    cells = [
        "{:.3f} ({:.3f}-{:.3f})".format(*row["zoo_over_plain"]),
        *(f"{row['milliseconds'][key]:.1f}" for key in ("zoo", "plain")),
        *(f"{row['temporaries_mib'][key]:.0f}" for key in ("zoo", "plain")),
        f"{row['relative_step_difference']:.1e}",
    ]
    title = row["network"] + (", scanned" if row["scanned_steps"] else "")
    print(
        f"{title:34}{cells[0]:>20}" + "".join(f"{x:>18}" for x in cells[1:]), flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--networks",
        nargs="+",
        choices=NETWORKS,
        default=[*NETWORKS],
        metavar="NETWORK",
        help="; ".join(NETWORKS),
    )
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=12, help="at most")
    parser.add_argument(
        "--seconds", type=float, default=0.2, help="length of a turn of short steps"
    )
    parser.add_argument(
        "--budget", type=float, default=20, help="seconds a row, of at least 2 rounds"
    )
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    arguments = parser.parse_args()

    rows = []
    show_header()
    for name in arguments.networks:
        for scanned in (0, 2):
            rows.append(measure(name, scanned, arguments))
            show(rows[-1])
    record.write(
        arguments.out, "layers", {"batch_size": arguments.batch_size, "results": rows}
    )


if __name__ == "__main__":
    main()
