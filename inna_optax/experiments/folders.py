"""Output folders: nothing that is there is overwritten."""

import contextlib
import pathlib
from collections.abc import Iterator

import filelock

from inna_optax.experiments.errors import UserError

ROOT = pathlib.Path("inna-optax-runs")


def new_folder(out: pathlib.Path | None, name: str, *results: str) -> pathlib.Path:
    """The folder for a command's results, made if it is not there.

    Args:
      out: the folder that the user named; None for the first of
        ``inna-optax-runs/NAME``, ``NAME-2``, ... that is not there yet.
      name: what the command calls its results.
      *results: the files and folders whose presence means that there are results.

    Raises:
      UserError: if ``out`` holds results already or cannot be written.
    """
    if out is None:
        number, out = 2, ROOT / name
        while out.exists():
            out, number = ROOT / f"{name}-{number}", number + 1
    for result in results:
        if (out / result).exists():
            raise UserError(
                f"--out {out} already holds results ({result}): name another folder."
            )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out} cannot be made: {error.strerror}.") from error
    return out


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    """Keeps other runs out of `folder`; the lock ends with the process, killed or not.

    Raises:
      UserError: if another run is in it.
    """
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(f"--out {folder} is in use by another run.") from error
    try:
        yield
    finally:
        lock.release()
