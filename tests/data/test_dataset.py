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


@pytest.mark.parametrize("count", [0, -1, 1438])
def test_head_refuses_a_count_outside_the_data_set(digits, count):
    message = rf"^train_examples must be in \[1, 1437\] for digits, got {count}\.$"
    with pytest.raises(ValueError, match=message):
        data.head(digits, count)


@pytest.mark.parametrize("count", [10.0, "10", None])
def test_head_refuses_what_is_no_integer(digits, count):
    with pytest.raises(TypeError, match="integer"):
        data.head(digits, count)
