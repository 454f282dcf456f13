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


def head(dataset: Dataset, train_examples: int) -> Dataset:
    """The data set with the first `train_examples` of its training examples.

    Chapter 2 trains on the first 50,000 of MNIST's 60,000.  The test examples stay.

    Args:
      dataset: the data set to cut; its arrays are not copied.
      train_examples: how many to keep, in [1, examples of ``dataset``].

    Returns:
      A :class:`Dataset`.

    Raises:
      TypeError: if ``train_examples`` is not an integer.
      ValueError: if it is outside its range.

    Examples:
      >>> from inna_optax import data
      >>> small = data.head(data.load('digits'), 100)
      >>> small.train_images.shape, small.test_images.shape
      ((100, 8, 8, 1), (360, 8, 8, 1))
    """
    count, available = operator.index(train_examples), len(dataset.train_labels)
    if not 1 <= count <= available:
        raise ValueError(
            f"train_examples must be in [1, {available}] for {dataset.name},"
            f" got {count}."
        )
    return dataset._replace(
        train_images=dataset.train_images[:count],
        train_labels=dataset.train_labels[:count],
    )
