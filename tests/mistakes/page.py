"""The page of mistakes: what was tried, and what it is answered.

`python -m tests.mistakes.page` tries everything that the catalogues hold and writes
docs/mistakes.md; the tests compare what is answered today with what is written there.
"""

import contextlib
import os
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.compilation import XLA_FLAGS

os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)

from inna_optax.experiments.commands.command_line import COMMANDS
from tests.mistakes import commands, files, functions

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "mistakes.md"
ROW = re.compile(r"^\| `(.*)` \| `(.*)` \|$")


class Tried(NamedTuple):
    """Something to try."""

    section: str
    title: str
    answer: Callable[[], str]


def catalogue() -> Iterator[Tried]:
    """Everything to try, in the page's order."""
    for typed in commands.TYPED:
        command = typed.split()[0] if typed else ""
        section = command if command in COMMANDS else ""
        yield Tried(
            f"`inna-optax {section}`".replace(" `", "`"),
            f"inna-optax {typed}".strip(),
            lambda typed=typed: commands.answer(typed),
        )
    for module, expressions in functions.EXPRESSIONS.items():
        for expression in expressions:
            yield Tried(
                f"`{module}`",
                expression,
                lambda expression=expression: functions.answer(expression),
            )
    for name, damages in files.DAMAGES.items():
        for title, damage in damages.items():
            yield Tried(
                f"Files of `{name}`",
                title,
                lambda name=name, damage=damage: files.answer(name, damage),
            )


def answers() -> dict[str, str]:
    """What stands on the page, by what was tried."""
    rows = filter(None, map(ROW.match, PAGE.read_text().splitlines()))
    cells = ([cell.replace(r"\|", "|") for cell in row.groups()] for row in rows)
    return dict(cells)


def write() -> None:
    """Tries everything and writes the page, but for what stands before its tables."""
    introduction, _, _ = PAGE.read_text().partition("\n## ")
    lines, section = [introduction.rstrip()], ""
    for tried in catalogue():
        if tried.section != section:
            section = tried.section
            lines += [f"\n## {section}\n", "| tried | answer |", "|---|---|"]
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            answer = tried.answer()
        cells = (cell.replace("|", r"\|") for cell in (tried.title, answer))
        lines.append("| {} |".format(" | ".join(f"`{cell}`" for cell in cells)))
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write()
