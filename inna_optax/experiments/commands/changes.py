"""What a user changes of a protocol, by options of `compare` and `figure`."""

from collections.abc import Mapping, Sequence
from typing import Any

import inna_optax
from inna_optax._checks import check_number
from inna_optax.experiments.catalogue.problems import Problem
from inna_optax.experiments.catalogue.protocols import Entry
from inna_optax.experiments.catalogue.schedules import NAMED, Decay
from inna_optax.experiments.errors import ArgumentError

OF_INNA = ("alpha", "beta", "initial_speed")
RANGES = {
    "decay_power": "[0, inf)",
    "rate_factor": "(0, inf)",
    "weight_decay": "[0, inf)",
}


def check_changes(changes: Mapping[str, Any]) -> None:
    """Checks the values.

    Raises:
      ValueError: if one is outside its range.
    """
    for name, interval in RANGES.items():
        if name in changes:
            check_number(name, changes[name], interval)
    inna_optax.inna(0.1, **{name: changes[name] for name in OF_INNA if name in changes})


def change_problem(problem: Problem, changes: Mapping[str, Any]) -> Problem:
    """The problem with the user's penalty."""
    return problem._replace(
        weight_decay=changes.get("weight_decay", problem.weight_decay)
    )


def change_entries(entries: Sequence[Entry], changes: Mapping[str, Any]) -> list[Entry]:
    """The entries with the user's values, in each that has them.

    Raises:
      ArgumentError: if none has them, or the entries are there to compare several.
    """
    changed = list(entries)
    if "schedule" in changes:
        schedule = NAMED[changes["schedule"]]
        changed = [entry._replace(schedule=schedule) for entry in entries]
    of_inna = [entry for entry in entries if entry.optimizer.name == "inna"]
    for name in OF_INNA:
        if name in changes:
            _check_one(name, {x for entry in of_inna for x in entry.values(name)})
            changed = [
                entry.changed({name: changes[name]})
                if entry.optimizer.name == "inna"
                else entry
                for entry in changed
            ]
    if "rate_factor" in changes:
        if any(entry.ranges for entry in entries):
            raise ArgumentError(
                "rate_factor", "cannot be set: each optimizer has ranges of its own"
            )
        changed = [_with_rates(entry, changes["rate_factor"]) for entry in changed]
    if "decay_power" in changes:
        power = changes["decay_power"]
        decays = [e.schedule for e in changed if isinstance(e.schedule, Decay)]
        _check_one("decay_power", {decay.power for decay in decays})
        changed = [
            entry._replace(schedule=entry.schedule._replace(power=power))
            if isinstance(entry.schedule, Decay)
            else entry
            for entry in changed
        ]
    return changed


def _with_rates(entry: Entry, factor: float) -> Entry:
    """The entry with each learning rate of its grid times the factor."""
    return entry._replace(
        grid=tuple(
            {**point, "learning_rate": factor * point["learning_rate"]}
            for point in entry.grid
        )
    )


def _check_one(name: str, values: set[float]) -> None:
    """Checks that what the user changes has one value, in all entries that have it."""
    if len(values) > 1:
        several = ", ".join(f"{value:g}" for value in sorted(values))
        raise ArgumentError(name, f"cannot be set: {several} are compared")
    if not values:
        raise ArgumentError(name, "cannot be set: no optimizer that is compared has it")
