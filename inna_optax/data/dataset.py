"""What a data set is: images and labels, split into train and test."""

import operator
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """One part of a data set."""

    images: np.ndarray  # uint8, (examples, height, width, channels)
    labels: np.ndarray  # int32, (examples,), in [0, classes)


class Dataset(NamedTuple):
    """Images as they are stored, and labels."""

    name: str
    train_images: np.ndarray  # uint8, (examples, height, width, channels)
    train_labels: np.ndarray  # int32, (examples,), in [0, classes)
    test_images: np.ndarray  # uint8, (examples, height, width, channels)
    test_labels: np.ndarray  # int32, (examples,), in [0, classes)
    classes: int
    maximum: int  # the value of a white pixel


def head(
    dataset: Dataset, train_examples: int, test_examples: int | None = None
) -> Dataset:
    """The data set with the first of its training, and of its test, examples.

    Chapter 2 trains on the first 50,000 of MNIST's 60,000.

    Args:
      dataset: the data set to cut; its arrays are not copied.
      train_examples: how many to keep, in [1, training examples of ``dataset``].
      test_examples: how many to keep, in [1, test examples of ``dataset``]; None for
        all.

    Returns:
      A :class:`Dataset`.

    Raises:
      TypeError: if ``dataset`` is no data set, or a number is not an integer.
      ValueError: if it is outside its range.

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
    train = _count("train_examples", train_examples, dataset.train_labels, dataset)
    cut = dataset._replace(
        train_images=dataset.train_images[:train],
        train_labels=dataset.train_labels[:train],
    )
    if test_examples is None:
        return cut
    test = _count("test_examples", test_examples, dataset.test_labels, dataset)
    return cut._replace(
        test_images=dataset.test_images[:test], test_labels=dataset.test_labels[:test]
    )


def _count(name: str, value: int, labels: np.ndarray, dataset: Dataset) -> int:
    interval = f"[1, {len(labels)}] for {dataset.name}"
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        given = " ".join(repr(value).split())  # an array's may have many lines
        raise TypeError(f"{name} must be an integer in {interval}, got {given}.")
    if not 1 <= count <= len(labels):
        raise ValueError(f"{name} must be in {interval}, got {count}.")
    return count
