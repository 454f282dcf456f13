"""Data sets by name."""

import os
from collections.abc import Mapping

from inna_optax._checks import nearest
from inna_optax.data.catalog import SOURCES, Source
from inna_optax.data.dataset import Dataset, Split
from inna_optax.data.digits import load_digits
from inna_optax.data.download import fetch
from inna_optax.data.errors import DataError
from inna_optax.data.locate import (
    Place,
    check_not_mistaken,
    default_places,
    describe_files,
    find_files,
    given_place,
)

#: The names that :func:`load` knows.
NAMES = ("digits", *SOURCES)


def load(name: str, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """Loads a data set.

    The digits are part of scikit-learn.  The others are read from their original
    files: the IDX files of MNIST and Fashion-MNIST (gzipped or not, and also with the
    dot of ``train-images.idx3-ubyte``), the binary version of CIFAR-10 and CIFAR-100,
    never the pickled one.  They are looked for in ``data_dir`` or, without one, in
    ``$INNA_OPTAX_DATA_DIR`` and then in ``~/.cache/inna_optax``.  In each place a
    folder of the data set's name comes first, then the folders that others make
    (torchvision's ``MNIST/raw``, that of CIFAR's archive), then the place itself.  If
    no files are found, the Hugging Face package ``datasets`` downloads the data set,
    but not if ``data_dir`` is given: then an error says that the files are missing.

    Files are checked before they are used: their magic numbers, the shape of the
    images, their exact sizes, the range of the labels, and that there are as many
    images as labels.  There may be fewer examples than published, so that a smaller
    data set in the same format can replace a published one.

    Args:
      name: one of :data:`NAMES`.
      data_dir: the folder to read from (the digits need none).

    Returns:
      A :class:`Dataset`.

    Raises:
      TypeError: if ``data_dir`` is not a path.
      ValueError: if ``name`` is unknown.
      DataError: if the data are not found or not valid.

    Examples:
      >>> from inna_optax import data
      >>> digits = data.load('digits')
      >>> digits.train_images.shape, digits.test_images.shape
      ((1437, 8, 8, 1), (360, 8, 8, 1))
      >>> data.load('mnist').train_images.shape  # doctest: +SKIP
      (60000, 28, 28, 1)
    """
    if name not in NAMES:
        raise ValueError(
            f"name must be one of {', '.join(NAMES)}, got {name!r}."
            f"{nearest(name, NAMES)}"
        )
    if name == "digits":
        return load_digits()
    source = SOURCES[name]
    places = default_places() if data_dir is None else [given_place(data_dir)]
    for place in places:
        files = find_files(source, place)
        if files is not None:
            dataset = _dataset(
                source,
                {
                    split: source.read(paths, at_most=source.examples[split])
                    for split, paths in files.items()
                },
            )
            _check_identity(dataset, place)
            return dataset
    for place in places:
        check_not_mistaken(source, place)
    if data_dir is not None:
        raise DataError(_not_found(source, places))
    try:
        return _dataset(source, fetch(source))
    except DataError as error:
        raise DataError(f"{_not_found(source, places)}; {error}") from error


def _dataset(source: Source, splits: Mapping[str, Split]) -> Dataset:
    train, test = splits["train"], splits["test"]
    return Dataset(
        name=source.name,
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
        classes=source.classes,
        maximum=255,
    )


def _check_identity(dataset: Dataset, place: Place) -> None:
    """Checks that the files are not those of another data set with the same names.

    Raises:
      DataError: if they are.
    """
    for other in SOURCES.values():
        first = other.first_labels
        labels = tuple(dataset.train_labels[: len(first)].tolist())
        if first and other.name != dataset.name and labels == first:
            raise DataError(
                f"{place.title} holds the files of {other.name}, not of {dataset.name}"
            )


def _not_found(source: Source, places: list[Place]) -> str:
    titles = " or ".join(place.title for place in places)
    return (
        f"{source.name} was not found in {titles}:"
        f" it needs {describe_files(source)}; they are at {source.page}"
    )
