"""What do whole systems of accelerators keep and send?  Exact, and without them.

    JAX_PLATFORMS=cpu python benchmarks/systems.py              # prints the tables
    JAX_PLATFORMS=cpu python benchmarks/systems.py --out benchmarks/results

Compiles for many devices at once: see compiling.py, which says what to install.  The
first table is the engine's training step, of INNA on problems of the thesis, on eight
GPUs and on sixteen TPUs: the collectives of one update, with the bytes of their
results on a device, and the memory of a device.  The second is one update of 68 billion
parameters on 512 TPUs, each of which holds its share of every array.  The third is the
training step of many runs as one program, which `compare` makes of a grid, on one
device: the operations and bytes of one update of a run.  The fourth is the training
step of a transformer by several optimizers, counted alike.  No data are read, and no
time is measured.  All takes some 40 minutes on 2 CPU cores.  The record keeps the
rows that a run does not make anew.

Without a GPU XLA knows no workspace of cuDNN's convolutions, and sorts in a way of its
own, which it says: the permutation at the start of an epoch.
"""

import argparse
import functools
import math
import pathlib
import time
from typing import Any

import compiling
import jax
import jax.numpy as jnp
import numpy as np
import optimizers
from jax.sharding import Mesh, NamedSharding, PartitionSpec

# Chip, topology.
TRAINING = [("H100", "1x1x8"), ("v5e", "v5e:4x4")]
PROBLEMS = ["a", "d"]
SHARDED = ("v5p", "v5p:8x8x8")
TOGETHER = ("f", ("H100", "v5e"), (1, 3, 15))
TRANSFORMER = ("gpt", ("H100", "v5e"), ("nesterov", "inna", "adamw", "innaprop"))
LAYERS = 80
# The kernels of a transformer's layer of width 8192, with 8 of 64 heads for keys and
# values: queries, keys, values, output, and three of the gated perceptron.
LAYER = [
    (8192, 8192),
    (8192, 1024),
    (8192, 1024),
    (8192, 8192),
    (8192, 28672),
    (8192, 28672),
    (28672, 8192),
]


def memory_of(compiled: Any) -> dict[str, int]:
    """The bytes of a device."""
    memory = compiled.memory_analysis()
    return {
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "in_place_bytes": memory.alias_size_in_bytes,  # of the output
        "temporary_bytes": memory.temp_size_in_bytes,
    }


def setting_of(name: str, sharding: Any, mesh: Mesh | None) -> Any:
    """A problem's setting as shapes: the whole data set; of text what is published."""
    # They need the extra `experiments`.
    from inna_optax.data.catalog import SOURCES
    from inna_optax.experiments.catalogue.problems import PROBLEMS, TEXT
    from inna_optax.experiments.running.examples import facts_of
    from inna_optax.experiments.running.setting import Setting
    from inna_optax.training import Arrays

    problem = PROBLEMS[name]
    (dataset, *_) = problem.datasets
    if dataset == TEXT:
        counts = (problem.paper.train_examples, problem.paper.test_examples)
    else:
        counts = tuple(SOURCES[dataset].examples[x] for x in ("train", "test"))
    facts = facts_of(problem, dataset, *counts)

    def whole(shape: tuple[int, ...], dtype: Any) -> Any:
        return jax.ShapeDtypeStruct((counts[0], *shape), dtype, sharding=sharding)

    examples = whole((math.prod(facts.shape),), jnp.uint8)
    if dataset == TEXT:
        data = {"tokens": examples}
    else:
        data = {"images": examples, "labels": whole((), jnp.int32)}
    return Setting(
        problem,
        facts,
        Arrays(train=data, test=data),
        problem.batch_size,
        problem.paper.epochs,
        whole=counts,
        mesh=mesh,
    )


def program_and_values(setting: Any, optimizer: str = "inna") -> tuple[Any, Any]:
    """The functions of a run, and its hyperparameters."""
    from inna_optax.experiments.running.setting import program_for

    entry = setting.problem.protocol.entry(optimizer)
    schedule = entry.schedule and entry.schedule.over(setting.problem.paper.epochs)
    return program_for(setting, entry.optimizer, schedule), entry.grid[0]


def training_step(name: str, chip: str, topology: str, model: int) -> dict:
    """An epoch's loop of the engine, on a mesh with an axis `model` of that size."""
    from inna_optax.training import make_mesh, with_shardings

    devices = compiling.devices(chip, topology)
    sizes = {"data": len(devices) // model, "model": model}
    mesh = make_mesh(sizes, devices)
    setting = setting_of(name, NamedSharding(mesh, PartitionSpec("data")), mesh)
    program, values = program_and_values(setting)
    data, batch_size = setting.arrays.train, setting.batch_size
    run = jax.eval_shape(program.start, np.uint32(0), values)
    train = jax.jit(program.train, donate_argnums=0)
    began = time.monotonic()
    updates = setting.facts.train_examples // batch_size
    compiled = train.lower(
        with_shardings(run, mesh), values, data, 0, 0, updates
    ).compile()
    return {
        "problem": name,
        "chip": chip,
        "devices": len(devices),
        "mesh": sizes,
        "batch_size": batch_size,
        "params": sum(x.size for x in jax.tree.leaves(run.params)),
        "data_bytes": sum(
            math.prod(x.sharding.shard_shape(x.shape)) * x.dtype.itemsize
            for x in data.values()
        ),
        **memory_of(compiled),
        "collectives": compiling.collectives(compiled.as_text()),
        "compile_seconds": round(time.monotonic() - began, 1),
    }


def together(name: str, chip: str, runs: int, optimizer: str = "inna") -> dict:
    """An epoch's loop of as many runs as one program, on one device."""
    from inna_optax.training import vectorize

    place = NamedSharding(compiling.one_device(chip), PartitionSpec())
    setting = setting_of(name, place, None)
    program, values = program_and_values(setting, optimizer)
    seeds: Any = np.uint32(0)
    if runs > 1:
        program, seeds = vectorize(program), np.arange(runs, dtype=np.uint32)
        values = {key: np.full(runs, value) for key, value in values.items()}

    def placed(tree: Any) -> Any:
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(np.shape(x), x.dtype, sharding=place), tree
        )

    values = jax.tree.map(np.float32, values)
    run = placed(jax.eval_shape(program.start, seeds, values))
    train = jax.jit(program.train, donate_argnums=0)
    began = time.monotonic()
    compiled = train.lower(
        run, placed(values), setting.arrays.train, np.int32(0), np.int32(0), np.int32(9)
    ).compile()
    turn = compiling.count_turn(compiled.as_text())
    (examples, *_) = setting.arrays.train.values()  # bytes
    operations = (compiled.cost_analysis() or {}).get("flops")
    return {
        "problem": name,
        "chip": chip,
        "runs": runs,
        # XLA counts them for TPUs only: a GPU's library has its own convolutions.
        "operations": operations / runs if operations else None,
        # Without the data set, of which a turn gathers a mini-batch for each run.
        "bytes": (turn.bytes_moved - examples.size) / runs,
        "kernels": turn.kernels,
        **memory_of(compiled),
        "compile_seconds": round(time.monotonic() - began, 1),
    }


@functools.cache
def fully_sharded(chip: str, topology: str) -> Mesh:
    return Mesh(np.array(compiling.devices(chip, topology)), ("x",))


def sharded_update(name: str, chip: str, topology: str, layers: int) -> dict:
    """One update and its application; every array is split over all devices."""
    mesh = fully_sharded(chip, topology)
    shapes = [shape for _ in range(layers) for shape in LAYER]
    params = {
        str(i): jax.ShapeDtypeStruct(shape, jnp.float32)
        for i, shape in enumerate(shapes)
    }
    size = sum(math.prod(shape) for shape in shapes)

    def placed(tree: Any) -> Any:
        def place(x: Any) -> Any:
            spec = PartitionSpec("x") if x.ndim else PartitionSpec()
            sharding = NamedSharding(mesh, spec)
            return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)

        return jax.tree.map(place, tree)

    solver = optimizers.OPTIMIZERS[name]()
    state = jax.eval_shape(solver.init, params)
    inputs = map(placed, (params, state, params, params))
    began = time.monotonic()
    compiled = optimizers.jitted_step(solver).lower(*inputs).compile()
    words = compiling.count(compiled.as_text()).bytes_moved / 4 / size * mesh.size
    return {
        "optimizer": name,
        "chip": chip,
        "devices": mesh.size,
        "leaves": len(shapes),
        "params": size,
        "words": round(words, 3),
        **memory_of(compiled),
        "collectives": compiling.collectives(compiled.as_text()),
        "compile_seconds": round(time.monotonic() - began, 1),
    }


def show_together(row: dict) -> None:
    print(
        f"{row['runs']:4} runs of {row['problem']} by {row.get('optimizer', 'inna')}"
        f" on {row['chip']}: for each"
        f" {(row['operations'] or 0) / 1e6:,.1f} million operations,"
        f" {row['bytes'] / 2**20:,.1f} MiB moved, temporaries"
        f" {row['temporary_bytes'] / 2**20 / row['runs']:,.1f} MiB;"
        f" {row['kernels']:,.0f} kernels"
        f"   compiled in {row['compile_seconds']} s",
        flush=True,
    )


def show(row: dict) -> None:
    what = f"{row['devices']:4} {row['chip']:5}"
    if "problem" in row:
        mesh = ", ".join(f"{axis}={size}" for axis, size in row["mesh"].items())
        what += f"problem {row['problem']}, {mesh:18}"
    else:
        what += f"{row['optimizer']:22}{row['words']:7.2f} words"
    mib = [
        f"{kind} {row[f'{kind}_bytes'] / 2**20:,.2f}"
        for kind in ("argument", "output", "temporary")
    ]
    sent = ", ".join(
        f"{count} {kind} ({size / 2**20:.3f} MiB)"
        for kind, (count, size) in row["collectives"].items()
    )
    print(
        f"{what}  {', '.join(mib)} MiB   {sent or '-'}"
        f"   compiled in {row['compile_seconds']} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="*", choices=PROBLEMS, default=PROBLEMS)
    parser.add_argument(
        "--optimizers", nargs="*", choices=optimizers.SOME, default=optimizers.SOME
    )
    parser.add_argument("--no-together", action="store_true", help="not the third")
    parser.add_argument("--no-transformer", action="store_true", help="not the fourth")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the record")
    arguments = parser.parse_args()

    steps, updates, vectorized, transformer = [], [], [], []
    name, chips, counts = TOGETHER
    for chip in () if arguments.no_together else chips:
        for runs in counts:
            vectorized.append(together(name, chip, runs))
            show_together(vectorized[-1])
    name, chips, solvers = TRANSFORMER
    for chip in () if arguments.no_transformer else chips:
        for optimizer in solvers:
            row = together(name, chip, 1, optimizer)
            transformer.append({"optimizer": optimizer, **row})
            show_together(transformer[-1])
    for name in arguments.optimizers:
        updates.append(sharded_update(name, *SHARDED, LAYERS))
        show(updates[-1])
    for name in arguments.problems:
        for chip, topology in TRAINING:
            for model in (1, 2):
                steps.append(training_step(name, chip, topology, model))
                show(steps[-1])
    parts = {
        "training_steps": steps,
        "sharded_updates": updates,
        "together": vectorized,
        "transformer": transformer,
    }
    key = ("problem", "optimizer", "chip", "mesh", "runs")
    compiling.save(arguments.out, "systems", parts, key)


if __name__ == "__main__":
    main()
