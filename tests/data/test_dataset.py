import numpy as np
import pytest

from inna_optax import data


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_head_keeps_the_first_training_examples_and_the_test_set(digits):
    small = data.head(digits, np.int64(10))
    np.testing.assert_array_equal(small.train_images, digits.train_images[:10])
    np.testing.assert_array_equal(small.train_labels, digits.train_labels[:10])
    assert small.test_images is digits.test_images
    assert np.shares_memory(small.train_images, digits.train_images)
    whole = data.head(digits, 1437)
    np.testing.assert_array_equal(whole.train_labels, digits.train_labels)


def test_head_cuts_the_test_set_too_if_asked(digits):
    small = data.head(digits, 10, 5)
    np.testing.assert_array_equal(small.test_images, digits.test_images[:5])
    np.testing.assert_array_equal(small.test_labels, digits.test_labels[:5])
