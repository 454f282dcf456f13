"""What a user sees while networks train."""

import contextlib
from collections.abc import Iterator

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from inna_optax.experiments.running.terminal import Console


class _Description(ProgressColumn):
    """What is running: a str, which the console writes as its stream can."""

    def render(self, task: Task) -> str:
        return task.description


class _Speed(ProgressColumn):
    """Examples per second, evaluations included, over the last half minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("-/s" if speed is None else f"{speed:,.0f}/s")


class Bar:
    """A bar that counts the images of which gradients were computed."""

    def __init__(self, progress: Progress, description: str, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task(description, total=total, state="")

    def describe(self, description: str) -> None:
        """Says what is running."""
        self._progress.update(self._task, description=description)

    def show(self, state: str) -> None:
        """Says how it goes."""
        self._progress.update(self._task, state=state)

    def advance(self, images: int) -> None:
        """Counts images."""
        self._progress.advance(self._task, images)

    def skip(self, images: int) -> None:
        """Takes off images that need not be computed."""
        total = self._progress.tasks[self._task].total or 0
        self._progress.update(self._task, total=total - images)

    def log(self, line: str) -> None:
        """Prints a line where no bar is seen: in a file, in a notebook's log."""
        if not self._progress.console.is_terminal:
            self._progress.console.print(line, soft_wrap=True, highlight=False)


@contextlib.contextmanager
def progress_bar(description: str, total: int, *, shown: bool = True) -> Iterator[Bar]:
    """A bar of `total` images on stderr, where it does not mix with results.

    It fits into 80 columns.
    """
    with Progress(
        _Description(Column(no_wrap=True)),
        BarColumn(bar_width=8),
        TextColumn("{task.percentage:3.0f}%"),
        _Speed(Column(no_wrap=True)),
        TextColumn("{task.fields[state]}", table_column=Column(no_wrap=True)),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True, quiet=not shown),
    ) as progress:
        yield Bar(progress, description, total)
