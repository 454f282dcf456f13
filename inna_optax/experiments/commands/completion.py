"""The command `inna-optax completion`: what a shell proposes when one presses Tab."""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import shtab

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.figures import COMPARISONS, FIGURES, TABLES
from inna_optax.experiments.catalogue.problems import DATASETS, PROBLEMS
from inna_optax.experiments.catalogue.schedules import SCHEDULES
from inna_optax.experiments.commands.parser import SCALES, SHELLS

FOLDERS = ("folder", "folders", "out", "data_dir")
# By a command's argument; by the command where that matters.
NAMES: Mapping[str, Iterable[str]] = {
    "problem": PROBLEMS,
    "optimizer": CONTENDERS,
    "schedule": SCHEDULES,
    "dataset": DATASETS,
    "scale": SCALES,
    "shell": SHELLS,
    "figure number": (*FIGURES, *COMPARISONS),
    "table number": TABLES,
}


class _Proposed(tuple[str, ...]):
    """Names that a shell proposes; what is typed is checked by the command."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion script of a shell, which it reads when it starts."""
    for command, action in _arguments(parser):
        names = NAMES.get(action.dest, NAMES.get(f"{command} {action.dest}"))
        if names is not None:
            action.choices = _Proposed(names)
        elif action.dest in FOLDERS:
            action.complete = shtab.DIRECTORY
        elif action.dest == "file":
            action.complete = shtab.FILE
    return str(shtab.complete(parser, shell))


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, Any]]:
    """The arguments of each command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield from ((name, argument) for argument in command._actions)
