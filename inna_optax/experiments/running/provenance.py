"""Where a result comes from."""

import datetime
import os
import shlex
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import jax


def versions() -> dict[str, str]:
    """The versions of what computed a result."""
    packages = ("inna-optax", "jax", "jaxlib", "optax", "flax")
    return {name: metadata.version(name) for name in packages}


def machine() -> str:
    """What computed a result: the devices of JAX, or the cores that play one."""
    devices = jax.devices()
    if devices[0].platform == "cpu":
        return f"{os.cpu_count()} CPU cores"
    return f"{len(devices)} x {devices[0].device_kind}"


def provenance(command: Sequence[str]) -> dict[str, Any]:
    """Where a result comes from: the command, the day, the machine, the versions."""
    return {
        "command": shlex.join(["inna-optax", *command]),
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
    }
