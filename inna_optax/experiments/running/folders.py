"""Output folders: nothing that is there is overwritten, by this run or another."""

import contextlib
import pathlib
from collections.abc import Iterator

import filelock

from inna_optax.experiments.errors import ArgumentError
from inna_optax.training.processes import is_first, largest

ROOT = pathlib.Path("inna-optax-runs")


@contextlib.contextmanager
def output_folder(
    out: pathlib.Path | None, name: str, *results: str, resume: bool = False
) -> Iterator[pathlib.Path]:
    """The folder for a command's results, kept from other runs while it is in use.

    It is made if it is not there.  The lock ends with the process, killed or not, where
    the file system has locks; elsewhere it is a file that stays after a kill.  Of
    several processes of one run the first takes the lock, and all learn the outcome.

    Args:
      out: the folder that the user named; None for the first of
        ``inna-optax-runs/NAME``, ``NAME-2``, ... that is not there yet.
      name: what the command calls its results.
      *results: the files and folders whose presence means that there are results.
      resume: whether the command continues from results that are there.

    Raises:
      ArgumentError: if ``out`` holds results already, cannot be made, or is in use.
    """
    folder = _first_free(name) if out is None else _made(out)
    with contextlib.ExitStack() as stack:
        refused: ArgumentError | None = None
        if is_first():
            try:
                stack.enter_context(_locked(folder))
                if not resume:
                    # Inside the lock, where no other run can add to what is found.
                    _check_without(results, folder)
            except ArgumentError as error:
                refused = error
        (refusals,) = largest(int(refused is not None))
        if refusals:
            raise refused or ArgumentError(
                "out", f"{folder} is refused to the first process, which says why"
            )
        yield folder


def _first_free(name: str) -> pathlib.Path:
    folder, number = ROOT / name, 2
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # as the answer to the attempt: no other run gets it
            folder, number = ROOT / f"{name}-{number}", number + 1
        else:
            return folder


def _made(out: pathlib.Path) -> pathlib.Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError("out", f"{out} cannot be made: {error.strerror}") from error
    return out


def _check_without(results: tuple[str, ...], folder: pathlib.Path) -> None:
    for result in results:
        if (folder / result).exists():
            raise ArgumentError(
                "out", f"{folder} already holds results ({result}): name another folder"
            )


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise ArgumentError(
            "out",
            f"{folder} is in use by another run (if there is none, remove"
            f" {lock.lock_file})",
        ) from error
    try:
        yield
    finally:
        lock.release()
