"""What does a run keep on each of many devices, and what do they send each other?

    python benchmarks/devices.py --data-dir DIR               # prints the tables
    python benchmarks/devices.py --data-dir DIR --out benchmarks/results

The first table is XLA's account of the compiled updates on eight devices, which the
host simulates.  It gives the bytes on each device, and the collectives of one
update with the bytes of their results on a device.  No time is measured: eight devices
on a few cores say nothing of it.

The second table is arithmetic.  The state's size is that of `init`'s result, by
`jax.eval_shape`.  The mini-batch is split over N devices in a ring.  They sum the
gradient once for each evaluation, for which each device sends 2 (N - 1)/N times the
gradient's size.  Beside it they send only two scalars for each leaf, where a curvature
is measured.
"""

import argparse
import os
import pathlib
import re

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import jax
import jax.numpy as jnp
import numpy as np
import optax
import record
from compiling import bytes_of

import inna_optax
from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.running.setting import open_setting, program_for
from inna_optax.training import make_mesh, with_shardings

MESHES = [
    {"data": 1},
    {"data": 2},
    {"data": 8},
    {"model": 2},
    {"model": 5},
    {"data": 4, "model": 2},
]
COLLECTIVE = re.compile(
    r"= \(?(.*?)\)? (all-gather|all-reduce|all-to-all|collective-permute"
    r"|reduce-scatter)(?:-start)?\("
)
RING = 64  # devices of the second table
# Name, solver, gradient evaluations a mini-batch.
ON_PAPER = [
    ("inna", inna_optax.inna(1e-3), 1),
    (
        "inna, velocity in bfloat16",
        inna_optax.inna(1e-3, velocity_dtype=jnp.bfloat16),
        1,
    ),
    ("innaprop", inna_optax.innaprop(1e-3), 1),
    ("step_tuned_sgd", inna_optax.step_tuned_sgd(1e-3), 2),
    (
        "step_tuned_sgd, opaque",
        inna_optax.step_tuned_sgd(1e-3, opaque_mode=True),
        2,
    ),
    ("optax.adamw", optax.adamw(1e-3), 1),
]
SIZES = {"1B": 10**9, "70B": 70 * 10**9}


def bytes_on_a_device(arrays) -> int:
    return sum(x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(arrays))


def collectives(text: str) -> dict[str, list[int]]:
    """How many of each kind a compiled program has, and the bytes of their results."""
    found: dict[str, list[int]] = {}
    for results, kind in COLLECTIVE.findall(text):
        count = found.setdefault(kind, [0, 0])
        count[0] += 1
        count[1] += bytes_of(results)
    return found


def measure(name: str, sizes: dict[str, int], data_dir: pathlib.Path | None) -> dict:
    problem, entry = PROBLEMS[name], CONTENDERS["inna"]
    mesh = make_mesh(sizes)
    # The sizes of the meshes divide the batch.
    batch = 120 if "model" in sizes else problem.batch_size
    setting = open_setting(
        problem, problem.paper, data_dir=data_dir, batch_size=batch, mesh=mesh
    )
    program = program_for(setting, entry, problem.protocol.schedule_of(entry))
    values = {"learning_rate": entry.learning_rate, **entry.defaults}
    run = jax.eval_shape(program.start, np.uint32(0), values)
    train = jax.jit(program.train, donate_argnums=0)
    compiled = train.lower(
        with_shardings(run, mesh), values, setting.arrays.train, 0, 0, 2
    ).compile()
    memory = compiled.memory_analysis()
    used = bytes_on_a_device(setting.arrays.train)
    return {
        "problem": name,
        "mesh": sizes,
        "batch_size": batch,
        "run_bytes": memory.argument_size_in_bytes - used,
        "data_bytes": bytes_on_a_device(setting.arrays),
        "temporary_bytes": memory.temp_size_in_bytes,
        "collectives": collectives(compiled.as_text()),
    }


def on_paper(name: str, solver: optax.GradientTransformation, evaluations: int) -> dict:
    row = {"optimizer": name, "gradient_evaluations": evaluations}
    for label, size in SIZES.items():
        params = jax.ShapeDtypeStruct((size // 10**6, 10**6), jnp.float32)
        state = jax.tree.leaves(jax.eval_shape(solver.init, params))
        row[f"state_bytes_{label}"] = sum(x.size * x.dtype.itemsize for x in state)
        sent = 2 * (RING - 1) / RING * 4 * size
        row[f"sent_bytes_{label}"] = round(evaluations * sent)
    return row


def show(row: dict) -> None:
    mesh = ", ".join(f"{axis}={size}" for axis, size in row["mesh"].items())
    mib = [row[key] / 2**20 for key in ("run_bytes", "data_bytes", "temporary_bytes")]
    sent = ", ".join(
        f"{count} {kind} ({size / 2**20:.2f} MiB)"
        for kind, (count, size) in row["collectives"].items()
    )
    print(
        f"{row['problem']:10}{mesh:18}"
        + "".join(f"{size:10.2f} MiB" for size in mib)
        + f"   {sent or '-'}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=["d", "f"])
    parser.add_argument("--data-dir", type=pathlib.Path, help="of the data sets' files")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the records")
    arguments = parser.parse_args()

    print(
        f"{'':28}{'run':>14}{'data':>14}{'temporaries':>14}   collectives of an update"
    )
    rows = []
    for name in arguments.problems:
        for sizes in MESHES:
            rows.append(measure(name, sizes, arguments.data_dir))
            show(rows[-1])
    paper = [on_paper(*entry) for entry in ON_PAPER]
    for row in paper:
        figures = [
            f"{label}: state {row[f'state_bytes_{label}'] / 1e9:.0f} GB, sent"
            f" {row[f'sent_bytes_{label}'] / 1e9:.1f} GB"
            for label in SIZES
        ]
        print(f"{row['optimizer']:30}{'; '.join(figures)} a mini-batch")
    record.write(
        arguments.out, "devices", {"results": rows, "ring": RING, "on_paper": paper}
    )


if __name__ == "__main__":
    main()
