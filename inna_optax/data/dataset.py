"""A data set: images and labels, split into training and test examples."""

from typing import NamedTuple

import numpy as np

from inna_optax._checks import as_count


class Split(NamedTuple):
    """One part of a data set."""

    images: np.ndarray  # uint8, (examples, height, width, channels)
    labels: np.ndarray  # int32, (examples,), in [0, classes)


class Dataset(NamedTuple):
    """Images as they are stored, and labels."""

    name: str  # as `load` takes it
    train_images: np.ndarray  # uint8, (examples, height, width, channels)
    train_labels: np.ndarray  # int32, (examples,), in [0, classes)
    test_images: np.ndarray  # uint8, (examples, height, width, channels)
    test_labels: np.ndarray  # int32, (examples,), in [0, classes)
    classes: int  # number of labels
    maximum: int  # the value of a white pixel


def head(
    dataset: Dataset, train_examples: int, test_examples: int | None = None
) -> Dataset:
    """The data set with only the first of its training and test examples.

    Chapter 2 trains on the first 50,000 of MNIST's 60,000.

    Args:
      dataset: the data set to cut; its arrays are not copied.
      train_examples: how many to keep, in [1, training examples of ``dataset``].
      test_examples: how many to keep, in [1, test examples of ``dataset``]; None for
        all.

    Returns:
      A :class:`Dataset`.

    Raises:
      TypeError: if ``dataset`` is not a :class:`Dataset`, or a number is not an
        integer.
      ValueError: if a number is outside its range.

    Examples:
      >>> from inna_optax import data
      >>> small = data.head(data.load('digits'), 100)
      >>> small.train_images.shape, small.test_images.shape
      ((100, 8, 8, 1), (360, 8, 8, 1))
    """
    if not isinstance(dataset, Dataset):
        raise TypeError(
            f"dataset must be of type Dataset, as load returns it, got"
            f" {type(dataset).__name__}."
        )
    train = as_count("train_examples", train_examples, most=len(dataset.train_labels))
    cut = dataset._replace(
        train_images=dataset.train_images[:train],
        train_labels=dataset.train_labels[:train],
    )
    if test_examples is None:
        return cut
    test = as_count("test_examples", test_examples, most=len(dataset.test_labels))
    return cut._replace(
        test_images=dataset.test_images[:test], test_labels=dataset.test_labels[:test]
    )
