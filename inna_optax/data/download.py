"""Data sets from the Hugging Face Hub, by its package `datasets`.

The package caches what it downloads, and downloads again only what has changed.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from inna_optax._address import pip_install
from inna_optax.data.catalog import Source
from inna_optax.data.checks import check_labels
from inna_optax.data.dataset import Split
from inna_optax.data.errors import DataError

if TYPE_CHECKING:
    import datasets

BATCH = 1000  # images decoded at once


def fetch(source: Source) -> Mapping[str, Split]:
    """Downloads the splits of a data set.

    Raises:
      DataError: if the package is missing, the download fails, or what was downloaded
        is not the data set.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise DataError(
            f"to download it, {pip_install('download')} ({error})"
        ) from error
    place = f"{source.repository} from the Hugging Face Hub"
    try:
        # Tables at a fixed revision: the package runs no script of a repository.
        tables = load_dataset(source.repository, revision=source.revision)
        splits = {
            name: split_from_table(tables[name], source, f"{place}, {name}")
            for name in source.examples
        }
    except DataError:
        raise
    except Exception as error:  # anything that the package, network or disk raises
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"downloading {place} failed ({what})") from error
    for name, split in splits.items():
        if len(split.labels) != source.examples[name]:
            raise DataError(
                f"{place}, {name}: there must be {source.examples[name]} examples,"
                f" got {len(split.labels)}"
            )
    return splits


def split_from_table(table: "datasets.Dataset", source: Source, place: str) -> Split:
    """The images and labels of a table, checked.

    Args:
      table: a table with a column of images and one of integer labels.
      source: the data set, with the names of the columns.
      place: the table's name, for errors.

    Returns:
      A :class:`Split`.

    Raises:
      DataError: if a column is missing, an image is not of the right shape, or a
        label is outside its range.
    """
    for name in source.columns:
        if name not in table.column_names:
            raise DataError(
                f"{place}: there must be a column {name!r},"
                f" got {', '.join(table.column_names)}"
            )
    image_column, label_column = source.columns
    images = np.empty((len(table), *source.image_shape), np.uint8)
    labels = np.empty(len(table), np.int32)
    start = 0
    for batch in table.with_format(None).iter(batch_size=BATCH):
        stop = start + len(batch[label_column])
        labels[start:stop] = batch[label_column]
        for row, image in enumerate(batch[image_column], start):
            images[row] = _pixels(image, source.image_shape, f"{place}, image {row}")
        start = stop
    check_labels(labels, source.classes, place)
    return Split(images, labels)


def _pixels(image: object, shape: tuple[int, int, int], place: str) -> np.ndarray:
    """A decoded image as an array of `shape`."""
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise DataError(
            f"{place}: must be {_describe(np.dtype(np.uint8), shape)},"
            f" got {_describe(pixels.dtype, pixels.shape)}"
        )
    return pixels


def _describe(dtype: np.dtype, shape: tuple[int, ...]) -> str:
    return f"{dtype} {'x'.join(map(str, shape))}"
