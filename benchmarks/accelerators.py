"""What does one update cost on accelerators?  Exact, and without one.

    JAX_PLATFORMS=cpu python benchmarks/accelerators.py        # prints the tables
    JAX_PLATFORMS=cpu python benchmarks/accelerators.py --out benchmarks/results

Compiles one update and its application, with params and state donated, for each chip:
see compiling.py, which says what to install.  Words are of four bytes, a parameter.
An update of Step-Tuned SGD is the mean over a mini-batch's two; its opaque mode makes
both in one call, and its numbers are halved.
"""

import argparse
import pathlib
import time
from typing import Any

import compiling
import jax
import optax
import optimizers
from jax.sharding import NamedSharding, PartitionSpec

import inna_optax

OPTIMIZERS = {
    **optimizers.OPTIMIZERS,
    "optax.contrib.muon": lambda: optax.contrib.muon(1e-3),
    "innaprop, no decay": lambda: inna_optax.innaprop(1e-3, weight_decay=0.0),
}
# (leaves, parameters of each): a TPU copies arrays of a few MB into the chip's own
# memory first, and counts those bytes, too.
LAYOUTS = [(1, 2**24), (16, 2**24), (400, 2**18)]
COLUMNS = 1024


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
    evaluations = optimizers.EVALUATIONS.get(name, 1)
    words = compiling.moved_bytes(compiled, chip) / 4 / leaves / size / evaluations
    temporaries = compiled.memory_analysis().temp_size_in_bytes / 4 / leaves / size
    row = {
        "chip": chip,
        "optimizer": name,
        "leaves": leaves,
        "params": leaves * size,
        "dtype": dtype,
        "words": round(words, 3),
        "temporary_words": round(temporaries, 3),
        "compile_seconds": round(seconds, 1),
    }
    if compiling.CHIPS[chip].platform == "cuda":
        counted = compiling.count(compiled.as_text())
        row["kernels"] = counted.kernels
        row["conditionals"] = counted.conditionals
    return row


def show(row: dict) -> None:
    kernels = f"{row['kernels']:.4g} kernels" if "kernels" in row else ""
    kernels += f", {row['conditionals']} conditional" if row.get("conditionals") else ""
    print(
        f"{row['chip']:5}{row['leaves']:4} x {row['params'] // row['leaves']:<9,}"
        f"{row['dtype']:9} {row['optimizer']:32}{row['words']:7.2f} words"
        f"{row['temporary_words']:7.2f} temporary {kernels}",
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
        "--dtypes", nargs="+", choices=["float32", "bfloat16"], default=["float32"]
    )
    parser.add_argument("--leaves", nargs="+", type=int, default=[1, 16, 400])
    parser.add_argument("--out", type=pathlib.Path, help="folder for the record")
    arguments = parser.parse_args()

    rows = []
    for chip in arguments.chips:
        for dtype in arguments.dtypes:
            for leaves, size in LAYOUTS:
                for name in arguments.optimizers if leaves in arguments.leaves else ():
                    rows.append(measure(name, chip, leaves, size, dtype))
                    show(rows[-1])
    import record  # needs the extra `experiments`

    record.write(arguments.out, "accelerators", {"results": rows})


if __name__ == "__main__":
    main()
