"""Compiles for an accelerator on a machine without one, and counts what it would run.

What XLA compiles for a described chip is what it runs on that chip.  The words of
memory that a program moves, its kernels, its temporaries and its collectives are
therefore exact, wherever they are counted.

Needs the compilers, beside the same jax and jaxlib:

    pip install jax-cuda12-plugin jax-cuda12-pjrt nvidia-cuda-nvcc-cu12 \
        nvidia-cuda-runtime-cu12 nvidia-cuda-nvrtc-cu12 nvidia-cuda-cupti-cu12 libtpu

and JAX_PLATFORMS=cpu, lest JAX looks for the devices themselves.
"""

import functools
import json
import math
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh

# NVIDIA's figures for the chip, in the form that XLA reads.
H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152
  shared_memory_per_core: 233472 threads_per_core_limit: 2048 core_count: 132
  fpus_per_core: 128 block_dim_limit_x: 2147483647 block_dim_limit_y: 65535
  block_dim_limit_z: 65535 memory_bandwidth: 3352320000000 l2_cache_size: 52428800
  clock_rate_ghz: 1.98 device_memory_size: 84942979072
  shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 8 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""


class Chip(NamedTuple):
    """An accelerator that a compiler is installed for, or may be."""

    platform: str
    topology: str  # of TPUs: the smallest that its compiler takes
    bytes_per_second: float  # of its memory, by its maker


CHIPS = {
    "H100": Chip("cuda", "1x1x1", 3.35e12),
    "v5e": Chip("tpu", "v5e:2x2", 8.19e11),
    "v6e": Chip("tpu", "v6e:2x2", 1.64e12),
    "v5p": Chip("tpu", "v5p:2x2x1", 2.765e12),
}

# They compile: what a record says of its origin.
PACKAGES = ("libtpu", "jax-cuda12-plugin", "nvidia-cuda-nvcc-cu12")


class MissingCompilerError(Exception):
    """The compiler for a chip is not installed."""


@functools.cache
def devices(chip: str, topology: str | None = None) -> list[Any]:
    """Descriptions of as many devices as the topology has.

    Raises:
      MissingCompilerError: if there is no compiler for the chip.
    """
    # Else a TPU's compiler asks the cloud for its kind.
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    os.environ.setdefault("TPU_ACCELERATOR_TYPE", "v5litepod-4")
    os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
    # Else one process at a time may compile, as if it held the chips.
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    platform, smallest, _ = CHIPS[chip]
    options = {"target_config": H100} if platform == "cuda" else {}
    name = "h100" if platform == "cuda" else (topology or smallest)
    if platform == "cuda":
        options["topology"] = topology or smallest
    try:
        # The plugin is loaded with the backends; it finds no device, which is fine.
        jax.devices()
        described = topologies.get_topology_desc(name, platform, **options)
    except Exception as error:
        raise MissingCompilerError(f"no compiler for {chip}: {error}") from error
    return list(described.devices)


def one_device(chip: str) -> Mesh:
    """A mesh of one device."""
    return Mesh(np.array(devices(chip)[:1]), ("x",))


# Bits (none: pred), sizes, layout, which names a TPU's own memories as S(1) and so on.
ARRAY = re.compile(r"\b[a-z]+(\d*)(?:e\w+)?\[([\d,]*)\](\{[^}]*\})?")
COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{$")
INSTRUCTION = re.compile(r"\s*(?:ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*)$")
BODY = re.compile(r"\bbody=%?([\w.\-]+)")  # of a loop
# They move nothing.
FREE = {"parameter", "tuple", "get-tuple-element", "bitcast", "constant"}


def bytes_of(types: str, everywhere: bool = False) -> int:
    """Of all arrays in the text of a type that lie in the device's main memory.

    With `everywhere` also of those that a TPU has brought nearer.
    """
    return sum(
        int(bits or 8) // 8 * math.prod(int(n) for n in dims.split(",") if n)
        for bits, dims, layout in ARRAY.findall(types)
        if everywhere or "S(" not in layout
    )


class Count(NamedTuple):
    """What a program does."""

    bytes_moved: float  # of a conditional the mean over its branches
    kernels: float  # likewise
    conditionals: int


def count(text: str) -> Count:
    """Counts in a compiled program's text.

    Every instruction reads each of its distinct operands once and writes its result.
    What a TPU has in its own memory costs nothing.  XLA's own analysis, which there is
    for TPUs only, counts those bytes, too.

    Raises:
      ValueError: if there is a loop.
    """
    return _count(*_computations(text))


def count_turn(text: str) -> Count:
    """The same of one turn of the program's loop, the one that moves most.

    Loops inside it count once.
    """
    _, computations = _computations(text)
    bodies = set(BODY.findall(text))
    if not bodies:
        raise ValueError("there is no loop.")
    return max(_count(body, computations, loops=True) for body in bodies)


def _computations(text: str) -> tuple[str, dict[str, list[str]]]:
    """The name of the first computation, and the lines of each."""
    computations: dict[str, list[str]] = {}
    entry, lines = "", []
    for line in re.sub(r"/\*.*?\*/", "", text).splitlines():
        if header := COMPUTATION.match(line):
            lines = computations.setdefault(header[2], [])
            entry = header[2] if header[1] else entry
        else:
            lines.append(line)
    return entry, computations


def _count(name: str, computations: dict[str, list[str]], loops: bool = False) -> Count:
    types: dict[str, str] = {}
    moved, kernels, conditionals = 0.0, 0.0, 0
    for line in computations[name]:
        if not (instruction := INSTRUCTION.match(line)):
            continue
        result, types[result], operation, rest = instruction.groups()
        if operation in FREE:
            continue
        if operation == "while":
            if not loops:
                raise ValueError(f"{result} is a loop: it has no one count.")
            (body,) = BODY.findall(rest)
            turn = _count(body, computations, loops)
            moved += turn.bytes_moved
            kernels += turn.kernels
            conditionals += turn.conditionals
            continue
        if operation == "conditional":
            called = re.findall(r"%([\w.\-]+)", rest.partition("), ")[2])
            branches = [
                _count(c, computations, loops) for c in called if c in computations
            ]
            moved += sum(b.bytes_moved for b in branches) / len(branches)
            kernels += sum(b.kernels for b in branches) / len(branches)
            conditionals += 1
            continue
        operands = set(re.findall(r"%([\w.\-]+)", rest.split("), ")[0]))
        read = sum(bytes_of(types.get(operand, "")) for operand in operands)
        if operation.endswith("-start"):
            # Its tuple holds where it reads and where it will write.
            types[result] = "main" if read else "near"
            continue
        if operation.endswith("-done"):
            whole = bytes_of(types[result], everywhere=True)
            read = whole if types.get(operands.pop()) == "main" else 0
        moved += read + bytes_of(types[result])
        kernels += 1
    return Count(moved, kernels, conditionals)


# Where it is done: what an asynchronous one starts with holds its operands, too.
COLLECTIVE = re.compile(
    r" = (.+?) (all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)"
    r"(?:-done)?\("
)


def collectives(text: str) -> dict[str, list[int]]:
    """How many of each kind a program has, and the bytes of their results on a device.

    Those of a loop count once, as in one turn of it.
    """
    found: dict[str, list[int]] = {}
    for results, kind in COLLECTIVE.findall(text):
        number = found.setdefault(kind, [0, 0])
        number[0] += 1
        number[1] += bytes_of(results, everywhere=True)
    return found


def save(
    folder: pathlib.Path | None,
    name: str,
    parts: Mapping[str, Sequence[Mapping[str, Any]]],
    key: Sequence[str],
) -> None:
    """Puts rows into a record, in the place of those that were measured so before.

    Rows are of the same thing where they agree in `key`; one may lack some of it.
    """
    if folder is None:
        return
    import record  # needs the extra `experiments`

    path = folder / f"{name}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    merged = {}
    for part, rows in parts.items():
        found = {
            json.dumps([row.get(k) for k in key]): row
            for row in (*known.get(part, ()), *rows)
        }
        merged[part] = [*found.values()]
    record.write(folder, name, merged, packages=PACKAGES)
