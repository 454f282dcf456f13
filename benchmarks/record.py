"""A benchmark's record: what it found, with what command, when, where, on what."""

import datetime
import json
import pathlib
import shlex
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from inna_optax.experiments.running.provenance import machine

PACKAGES = ("jax", "jaxlib", "optax", "flax", "inna-optax")


def write(out: pathlib.Path | None, name: str, results: Mapping[str, Any]) -> None:
    """Writes `out`/`name`.json, if there is an `out`."""
    if out is None:
        return
    script = pathlib.Path(sys.argv[0]).name
    record = {
        "command": shlex.join(["python", f"benchmarks/{script}", *sys.argv[1:]]),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
        **results,
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
