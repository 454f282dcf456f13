"""Reading binary files whose size is known beforehand."""

import contextlib
import gzip
import io
import pathlib
import zlib
from collections.abc import Iterator

import numpy as np

from inna_optax.data.errors import DataError

# How files begin.  No data do: those of IDX begin with zeros, CIFAR's with a class.
GZIP = b"\x1f\x8b"
NO_DATA = {
    b"<": "a web page, perhaps of an error: download it again",
    b"version https://git-lfs": "a pointer of Git LFS: git lfs pull gets the file",
    b"PK\3\4": "a zip archive: unpack it first",
}


@contextlib.contextmanager
def open_data(path: pathlib.Path) -> Iterator[io.BufferedIOBase]:
    """Opens a file for reading, and decompresses it if it is gzipped.

    That shows in its content; its name may be wrong, since browsers inflate what they
    download and keep the name.

    Raises:
      DataError: if the file cannot be read, also when the `with` block reads it, or is
        what people have in place of data.
    """
    try:
        with path.open("rb") as stored:
            start = stored.peek(max(map(len, NO_DATA)))
            for mark, title in NO_DATA.items():
                if start.startswith(mark):
                    raise DataError(f"{path} is {title}")
            if not start.startswith(GZIP):
                yield stored
                return
            with gzip.open(stored, "rb") as stream:
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
