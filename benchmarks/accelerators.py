"""What does one update cost on accelerators?  Exact, and without one.

    JAX_PLATFORMS=cpu python benchmarks/accelerators.py        # prints the tables
    JAX_PLATFORMS=cpu python benchmarks/accelerators.py --out benchmarks/results

Compiles one update and its application, with params and state donated, for each chip:
see compiling.py, which says what to install.  Words are of four bytes, a parameter.
An update of Step-Tuned SGD is the mean over a mini-batch's two.  Its opaque mode makes
both in one call, whose words and microseconds are halved.  Microseconds are those that
the words take at the chip's bandwidth: a floor, without the start of each kernel.

All takes some twenty minutes on 2 CPU cores.  The record keeps the rows that a run
does not make anew, so that it can be made in parts.  Left out is what compiles for
minutes and says nothing new: for 400 leaves Muon, params in bfloat16 and TPUs but for
some optimizers, and the second TPU; for 16 leaves params in bfloat16.
"""

import argparse
import pathlib
import time
from typing import Any

import compiling
import jax
import jax.numpy as jnp
import optax
import optimizers
from jax.sharding import NamedSharding, PartitionSpec

import inna_optax

# Optimizers that differ in what they keep beside params in bfloat16.
OF_STATES = {
    "optax.sgd, nesterov, float32 state": lambda: optax.sgd(
        1e-3, momentum=0.9, nesterov=True, accumulator_dtype=jnp.float32
    ),
    "optax.adamw, float32 mu": lambda: optax.adamw(1e-3, mu_dtype=jnp.float32),
    "inna, bfloat16 state": lambda: inna_optax.inna(1e-3, velocity_dtype=jnp.bfloat16),
    "damped_momentum, bfloat16 state": lambda: inna_optax.damped_momentum(
        1e-3, velocity_dtype=jnp.bfloat16
    ),
    "innaprop, bfloat16 velocity": lambda: inna_optax.innaprop(
        1e-3, velocity_dtype=jnp.bfloat16
    ),
}
OPTIMIZERS = {
    **optimizers.OPTIMIZERS,
    "optax.contrib.muon": lambda: optax.contrib.muon(1e-3),
    "innaprop, no decay": lambda: inna_optax.innaprop(1e-3, weight_decay=0.0),
    **OF_STATES,
}
LAYOUTS = {1: 2**24, 16: 2**24, 400: 2**18}  # leaves: parameters of each
COLUMNS = 1024
KEY = ("chip", "optimizer", "leaves", "dtype")


def measured(chip: str, dtype: str, leaves: int) -> list[str]:
    """The optimizers that are measured so."""
    tpu, narrow = compiling.CHIPS[chip].platform == "tpu", dtype == "bfloat16"
    if leaves > 1 and narrow and (tpu or leaves < 400):
        return []
    if leaves == 400 and chip == "v6e":
        return []
    if leaves == 400 and (tpu or narrow):
        return [*optimizers.SOME]
    left_out = {"optax.contrib.muon"} if leaves == 400 else set()
    left_out |= set() if narrow else {*OF_STATES}
    return [name for name in OPTIMIZERS if name not in left_out]


def compiled_update(
    solver: optax.GradientTransformation, chip: str, leaves: int, size: int, dtype: Any
) -> Any:
    mesh = compiling.one_device(chip)
    everywhere = NamedSharding(mesh, PartitionSpec())

    def placed(tree: Any) -> Any:
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere), tree
        )

    shape = jax.ShapeDtypeStruct((size // COLUMNS, COLUMNS), dtype)
    params = dict.fromkeys(map(str, range(leaves)), shape)
    state = jax.eval_shape(solver.init, params)
    inputs = map(placed, (params, state, params, params))
    return optimizers.jitted_step(solver).lower(*inputs).compile()


def measure(name: str, chip: str, leaves: int, size: int, dtype: str) -> dict:
    solver = OPTIMIZERS[name]()
    began = time.monotonic()
    compiled = compiled_update(solver, chip, leaves, size, dtype)
    seconds = time.monotonic() - began
    counted = compiling.count(compiled.as_text())
    moved = counted.bytes_moved / optimizers.EVALUATIONS.get(name, 1)
    temporaries = compiled.memory_analysis().temp_size_in_bytes
    row = {
        "chip": chip,
        "optimizer": name,
        "leaves": leaves,
        "params": leaves * size,
        "dtype": dtype,
        "words": round(moved / 4 / leaves / size, 3),
        "microseconds": round(moved / compiling.CHIPS[chip].bytes_per_second * 1e6, 1),
        "temporary_words": round(temporaries / 4 / leaves / size, 3),
        "conditionals": counted.conditionals,
        "compile_seconds": round(seconds, 1),
    }
    if compiling.CHIPS[chip].platform == "cuda":
        row["kernels"] = counted.kernels
    return row


def show(row: dict) -> None:
    kernels = f"{row['kernels']:.4g} kernels" if "kernels" in row else ""
    kernels += f" {row['conditionals']} conditional" if row["conditionals"] else ""
    print(
        f"{row['chip']:5}{row['leaves']:4} x {row['params'] // row['leaves']:<11,}"
        f"{row['dtype']:9} {row['optimizer']:36}{row['words']:7.2f} words"
        f"{row['microseconds']:9.1f} us{row['temporary_words']:7.2f} temporary"
        f" {kernels}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--chips", nargs="+", choices=compiling.CHIPS, default=["H100", "v5e", "v6e"]
    )
    parser.add_argument(
        "--optimizers", nargs="+", choices=OPTIMIZERS, default=[*OPTIMIZERS]
    )
    parser.add_argument(
        "--dtypes",
        nargs="+",
        choices=["float32", "bfloat16"],
        default=["float32", "bfloat16"],
    )
    parser.add_argument(
        "--leaves", nargs="+", type=int, choices=LAYOUTS, default=[*LAYOUTS]
    )
    parser.add_argument("--out", type=pathlib.Path, help="folder for the record")
    arguments = parser.parse_args()

    for chip in arguments.chips:
        for dtype in arguments.dtypes:
            for leaves in arguments.leaves:
                rows = []
                for name in measured(chip, dtype, leaves):
                    if name in arguments.optimizers:
                        size = LAYOUTS[leaves]
                        rows.append(measure(name, chip, leaves, size, dtype))
                        show(rows[-1])
                compiling.save(arguments.out, "accelerators", {"results": rows}, KEY)


if __name__ == "__main__":
    main()
