"""What a data set is: images and labels, split into train and test."""

from typing import NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """Images as they are stored, and labels."""

    name: str
    train_images: np.ndarray  # uint8, (examples, height, width, channels)
    train_labels: np.ndarray  # int32, (examples,), in [0, classes)
    test_images: np.ndarray  # uint8, (examples, height, width, channels)
    test_labels: np.ndarray  # int32, (examples,), in [0, classes)
    classes: int
    maximum: int  # the value of a white pixel
