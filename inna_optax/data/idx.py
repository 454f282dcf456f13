"""The IDX format, in which MNIST and Fashion-MNIST are distributed.

The header is of big-endian unsigned 32-bit integers: a magic number (its third byte is
8 for data of bytes, its last is the number of dimensions) and the size of each
dimension.  Then come the data.
"""

import pathlib
from collections.abc import Sequence

import numpy as np

from inna_optax.data.checks import check_labels
from inna_optax.data.dataset import Split
from inna_optax.data.errors import DataError
from inna_optax.data.files import check_end, fill, open_data


def read_idx(
    path: pathlib.Path, item_shape: tuple[int, ...], at_most: int
) -> np.ndarray:
    """The items of an IDX file of bytes, plain or gzipped.

    Args:
      path: the file.
      item_shape: the shape that each item must have.
      at_most: the largest number of items.  It bounds the memory that a false header
        can ask for.

    Returns:
      An array of uint8, of shape (items, ``*item_shape``).

    Raises:
      DataError: if the file is not in this format, or does not have exactly the bytes
        that its header announces.
    """
    header = np.empty(2 + len(item_shape), ">u4")
    with open_data(path) as stream:
        fill(stream, header, path, header.nbytes)
        magic, count, *shape = header.tolist()
        right = 0x800 + 1 + len(item_shape)
        if magic != right:
            raise DataError(
                f"{path} must begin with the magic number {right:#010x} of an IDX"
                f" file, got {magic:#010x}"
            )
        if tuple(shape) != item_shape:
            raise DataError(
                f"{path} must hold {_by(item_shape)} images, got {_by(shape)}"
            )
        if not 1 <= count <= at_most:
            raise DataError(f"{path} must hold 1 to {at_most} examples, got {count}")
        items = np.empty((count, *item_shape), np.uint8)
        expected = header.nbytes + items.nbytes
        fill(stream, items, path, expected)
        check_end(stream, path, expected)
    return items


def read_split(
    paths: Sequence[pathlib.Path],
    *,
    image_shape: tuple[int, int],
    classes: int,
    at_most: int,
) -> Split:
    """Reads a file of grey images and the file of their labels, and checks them."""
    images_path, labels_path = paths
    labels = read_idx(labels_path, (), at_most)
    check_labels(labels, classes, labels_path)
    images = read_idx(images_path, image_shape, at_most)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images)} images,"
            f" but {labels_path} {len(labels)} labels"
        )
    return Split(images[..., np.newaxis], labels.astype(np.int32))


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
