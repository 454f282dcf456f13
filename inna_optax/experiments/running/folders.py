"""Output folders: nothing that is there is overwritten, by this run or another."""

import contextlib
import pathlib
from collections.abc import Iterator

import filelock

from inna_optax.experiments.errors import UserError
from inna_optax.training.processes import is_first

ROOT = pathlib.Path("inna-optax-runs")


@contextlib.contextmanager
def output_folder(
    out: pathlib.Path | None, name: str, *results: str, resume: bool = False
) -> Iterator[pathlib.Path]:
    """The folder for a command's results, kept from other runs while it is in use.

    It is made if it is not there.  The hold on it ends with the process, killed or not.

    Args:
      out: the folder that the user named; None for the first of
        ``inna-optax-runs/NAME``, ``NAME-2``, ... that is not there yet.
      name: what the command calls its results.
      *results: the files and folders whose presence means that there are results.
      resume: whether results are what the command goes on from.

    Raises:
      UserError: if ``out`` holds results already, cannot be made, or is in use.
    """
    folder = _first_free(name) if out is None else _made(out)
    # Of several processes of one run, the one that writes.
    with _locked(folder) if is_first() else contextlib.nullcontext():
        if not resume:
            # Inside the lock, where no other run can add to what is found.
            _check_without(results, folder)
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
        raise UserError(f"--out {out} cannot be made: {error.strerror}.") from error
    return out


def _check_without(results: tuple[str, ...], folder: pathlib.Path) -> None:
    for result in results:
        if (folder / result).exists():
            raise UserError(
                f"--out {folder} already holds results ({result}): name another folder."
            )


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(f"--out {folder} is in use by another run.") from error
    try:
        yield
    finally:
        lock.release()
