"""Reading binary files of which the size is known beforehand."""

import contextlib
import gzip
import io
import pathlib
import zlib
from collections.abc import Iterator

import numpy as np

from inna_optax.data.errors import DataError


@contextlib.contextmanager
def open_data(path: pathlib.Path) -> Iterator[io.BufferedIOBase]:
    """Opens a file to read, inflating it as it is read if its name ends in `.gz`.

    Raises:
      DataError: also from the body of the `with`, if the file cannot be read.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is not a whole gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def fill(
    stream: io.BufferedIOBase, array: np.ndarray, path: pathlib.Path, expected: int
) -> None:
    """Reads bytes into all of `array`, of a file that has `expected` in total.

    Never more than the array holds, so a small file that inflates to a huge one
    costs nothing.

    Raises:
      DataError: if the file ends before.
    """
    if stream.readinto(array.reshape(-1).view(np.uint8).data) < array.nbytes:
        raise DataError(
            f"{path} is truncated: it must have {expected} bytes, got {stream.tell()}"
        )


def check_end(stream: io.BufferedIOBase, path: pathlib.Path, expected: int) -> None:
    """Checks that nothing follows the `expected` bytes that have been read.

    At the end of a gzip file this also compares its checksum.

    Raises:
      DataError: if something follows.
    """
    if stream.read(1):
        raise DataError(f"{path} must have {expected} bytes, but goes on after them")
