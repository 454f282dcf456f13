import numpy as np

from inna_optax import data


def test_digits_are_the_1797_images_split_by_class():
    digits = data.load("digits")
    assert digits.train_images.shape == (1437, 8, 8, 1)
    assert digits.test_images.shape == (360, 8, 8, 1)
    assert digits.train_images.dtype == np.uint8
    assert digits.train_images.max() == digits.maximum == 16
    shares = np.bincount(digits.test_labels) / np.bincount(digits.train_labels)
    np.testing.assert_allclose(shares, 0.25, atol=0.02)
    together = np.concatenate([digits.train_images, digits.test_images])
    assert together.sum() == 561718  # of the original images: no image lost or doubled
