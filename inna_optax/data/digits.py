"""scikit-learn's copy of the UCI handwritten digits: 1,797 images of 8x8 pixels."""

import numpy as np

from inna_optax.data.dataset import Dataset

TEST_FRACTION = 0.2


def load_digits() -> Dataset:
    """The digits, always split in the same way: 1,437 to train, 360 to test.

    The data set comes without a split; this one is stratified and seeded.  Pixels are
    integers in [0, 16].  Nothing is downloaded: the images are part of scikit-learn.
    """
    from sklearn import datasets, model_selection

    bunch = datasets.load_digits()
    train, test = model_selection.train_test_split(
        np.arange(len(bunch.target)),
        test_size=TEST_FRACTION,
        stratify=bunch.target,
        random_state=0,
    )
    images = bunch.images.astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int32)
    return Dataset(
        name="digits",
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        classes=10,
        maximum=16,
    )
