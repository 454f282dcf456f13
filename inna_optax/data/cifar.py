"""The binary format of CIFAR-10 and CIFAR-100.

A file is a sequence of records without a header.  A record is its labels, one byte each
(the class; in CIFAR-100 the superclass before it), then the image: 32x32 bytes of red,
of green, of blue.

The distribution of the same images for Python is made of pickles.  It is not read,
since unpickling a downloaded file can run any code in it.
"""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from inna_optax.data.checks import check_labels
from inna_optax.data.dataset import Split
from inna_optax.data.errors import DataError
from inna_optax.data.files import check_end, fill, open_data

HEIGHT = WIDTH = 32
CHANNELS = 3
PIXELS = CHANNELS * HEIGHT * WIDTH
PICKLE = b"\x80"  # how a pickle begins, and no class is 128
WHY_NO_PICKLES = (
    "which is refused, since unpickling a downloaded file can run any code in it:"
    " get the binary version"
)
CHUNK = 1000  # records read at once, so that the images are in memory only once


def read_split(
    paths: Sequence[pathlib.Path], *, label_ranges: tuple[int, ...], at_most: int
) -> Split:
    """The records of several files of equal size, in the files' order.

    Args:
      paths: the files.
      label_ranges: the number of classes of each label of a record; the last label is
        the one that is kept.
      at_most: the largest number of records in all.

    Returns:
      A :class:`Split`.

    Raises:
      DataError: if a file does not consist of whole records, the files differ in size,
        or a label is outside its range.
    """
    size = len(label_ranges) + PIXELS
    counts = [_count(path, size, at_most // len(paths)) for path in paths]
    for path, count in zip(paths, counts, strict=True):
        if count != counts[0]:
            raise DataError(
                f"{path} holds {count} images, but {paths[0]} {counts[0]}:"
                " there must be as many in each batch"
            )
    images = np.empty((sum(counts), HEIGHT, WIDTH, CHANNELS), np.uint8)
    labels = np.empty(sum(counts), np.int32)
    start = 0
    for path, count in zip(paths, counts, strict=True):
        part = slice(start, start + count)
        _read_records(path, label_ranges, images[part], labels[part])
        start += count
    return Split(images, labels)


def _count(path: pathlib.Path, record: int, at_most: int) -> int:
    """The number of records in a file, from its size."""
    with open_data(path) as stream:
        if stream.read(1) == PICKLE:
            raise DataError(f"{path} is a pickle, {WHY_NO_PICKLES}")
        size = os.fstat(stream.fileno()).st_size
    if size % record or not record <= size <= at_most * record:
        raise DataError(
            f"{path} must hold 1 to {at_most} records of {record} bytes,"
            f" got {size} bytes"
        )
    return size // record


def _read_records(
    path: pathlib.Path,
    label_ranges: tuple[int, ...],
    images: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Fills `images` and `labels` with all the records of a file."""
    first = len(label_ranges)
    all_labels = np.empty((len(labels), first), np.uint8)
    buffer = np.empty((CHUNK, first + PIXELS), np.uint8)
    expected = len(labels) * buffer.shape[1]
    with open_data(path) as stream:
        for start in range(0, len(labels), CHUNK):
            part = slice(start, start + CHUNK)
            records = buffer[: len(labels[part])]
            fill(stream, records, path, expected)
            planes = records[:, first:].reshape(-1, CHANNELS, HEIGHT, WIDTH)
            images[part] = planes.transpose(0, 2, 3, 1)
            all_labels[part] = records[:, :first]
        check_end(stream, path, expected)
    for column, classes in zip(all_labels.T, label_ranges, strict=True):
        check_labels(column, classes, path)
    labels[:] = all_labels[:, -1]
