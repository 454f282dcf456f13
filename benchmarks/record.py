"""Writes a benchmark's record: where it comes from, then what it found."""

import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from inna_optax.experiments.running.provenance import provenance
from inna_optax.training import write_json


def write(
    out: pathlib.Path | None,
    name: str,
    results: Mapping[str, Any],
    packages: Sequence[str] = (),
) -> None:
    """Writes `out`/`name`.json, if there is an `out`.

    `packages` are those that were measured or used beside the usual ones.
    """
    if out is None:
        return
    script = f"benchmarks/{pathlib.Path(sys.argv[0]).name}"
    origin = provenance(sys.argv[1:], program=("python", script), packages=packages)
    write_json(out / f"{name}.json", {**origin, **results})
