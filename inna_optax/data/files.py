"""Reading binary files whose size is known beforehand."""

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
    """Opens a file for reading, and decompresses it if its name ends in `.gz`.

    Raises:
      DataError: if the file cannot be read, also when the `with` block reads it.
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
    """Fills `array` with the next bytes of a file.

    No more is read than the array holds, so that a small compressed file of huge
    content costs nothing.

    Args:
      stream: the opened file.
      array: a contiguous array.
      path: the file's name, for the error.
      expected: the file's size, for the error.

    Raises:
      DataError: if the file ends before the array is full.
    """
    if stream.readinto(array.reshape(-1).view(np.uint8).data) < array.nbytes:
        raise DataError(
            f"{path} is truncated: it must have {expected} bytes, got {stream.tell()}"
        )


def check_end(stream: io.BufferedIOBase, path: pathlib.Path, expected: int) -> None:
    """Checks that the file ends after the `expected` bytes that have been read.

    Reading the end of a gzip file also verifies its checksum.

    Raises:
      DataError: if the file goes on.
    """
    if stream.read(1):
        raise DataError(f"{path} must have {expected} bytes, but goes on after them")
