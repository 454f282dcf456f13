"""Where a result comes from: the command, the day, the machine, the versions."""

import datetime
import os
import shlex
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import jax

import inna_optax

PACKAGES = ("jax", "jaxlib", "optax", "flax")


def versions(*others: str) -> dict[str, str]:
    """The versions of what computed a result, `others` included.

    A package is left out if it is not installed.  This one may run from a plain
    checkout: its version is the one that it states itself.
    """
    found = {"inna-optax": inna_optax.__version__}
    for name in (*PACKAGES, *others):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """What computed a result: JAX's devices, or the cores if they are its device."""
    devices = jax.devices()
    if devices[0].platform == "cpu":
        return f"{os.cpu_count()} CPU cores"
    return f"{len(devices)} x {devices[0].device_kind}"


def provenance(
    command: Sequence[str],
    *,
    program: Sequence[str] = ("inna-optax",),
    packages: Sequence[str] = (),
) -> dict[str, Any]:
    """What a record says of its origin.

    Args:
      command: the arguments of the command.
      program: what they were given to.
      packages: what the result used besides the packages that all results use.
    """
    return {
        "command": shlex.join([*program, *command]),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(*packages),
    }
