import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from inna_optax import data
from tests.data import formats

TRAIN = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


@pytest.fixture
def arrays():
    return formats.random_grey(6, seed=1), formats.random_grey(4, seed=2)


@pytest.fixture
def folder(tmp_path, arrays):
    formats.write_mnist(tmp_path, *arrays)
    return tmp_path


def refusal(folder, name="mnist"):
    """The one line with which a folder is refused."""
    with pytest.raises(data.DataError) as caught:
        data.load(name, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_reads_what_was_written(tmp_path, arrays, name, suffix):
    formats.write_mnist(tmp_path, *arrays, suffix=suffix)
    dataset = data.load(name, tmp_path)
    (train_images, train_labels), (test_images, test_labels) = arrays
    assert (dataset.name, dataset.classes, dataset.maximum) == (name, 10, 255)
    for stored, images in (
        (dataset.train_images, train_images),
        (dataset.test_images, test_images),
    ):
        assert stored.dtype == np.uint8
        assert stored.flags.writeable
        np.testing.assert_array_equal(stored, images[..., None])
    for stored, labels in (
        (dataset.train_labels, train_labels),
        (dataset.test_labels, test_labels),
    ):
        assert stored.dtype == np.int32
        np.testing.assert_array_equal(stored, labels)


def test_a_plain_file_comes_before_a_gzipped_one(folder):
    formats.write(folder / f"{TRAIN}.gz", b"not even IDX")
    assert len(data.load("mnist", folder).train_labels) == 6


@pytest.mark.parametrize("name", [TRAIN, LABELS])
def test_truncation_anywhere_is_refused(folder, name):
    whole = (folder / name).read_bytes()
    for length in (0, 1, 3, 4, 7, 8, 12, 15, 16, 17, 400, len(whole) - 1):
        if length < len(whole):
            (folder / name).write_bytes(whole[:length])
            message = refusal(folder)
            assert f"{name} is truncated: it must have" in message
            assert message.endswith(f"got {length}")


@pytest.mark.parametrize("name", [TRAIN, LABELS])
def test_truncation_of_a_gzip_file_anywhere_is_refused(tmp_path, arrays, name):
    formats.write_mnist(tmp_path, *arrays, suffix=".gz")
    path = tmp_path / f"{name}.gz"
    whole = path.read_bytes()
    for length in {0, 1, 5, 9, 10, 11, 20, 30, len(whole) - 8, len(whole) - 1}:
        path.write_bytes(whole[:length])
        message = refusal(tmp_path)
        assert f"{name}.gz is " in message
        assert "truncated" in message or "not a whole gzip file" in message


@pytest.mark.parametrize("trailing", [b"\0", b"x", bytes(5000)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", [TRAIN, LABELS])
def test_trailing_bytes_are_refused(tmp_path, arrays, name, suffix, trailing):
    formats.write_mnist(tmp_path, *arrays, suffix=suffix)
    items = arrays[0][name == LABELS]
    formats.write(tmp_path / f"{name}{suffix}", formats.idx_bytes(items) + trailing)
    expected = len(formats.idx_bytes(items))
    assert f"{name}{suffix} must have {expected} bytes, but goes on" in refusal(
        tmp_path
    )


@pytest.mark.parametrize(
    "content",
    [
        formats.idx_bytes(np.zeros(40, np.uint8)),  # labels for images
        b"\0\0\x0d\x03" + bytes(40),  # floats
        b"a text of many bytes",
    ],
)
def test_wrong_magic_is_refused(folder, content):
    (folder / TRAIN).write_bytes(content)
    got = f"{int.from_bytes(content[:4], 'big'):#010x}"
    message = refusal(folder)
    assert message.endswith(
        f"{TRAIN} must begin with the magic number 0x00000803 of an IDX file, got {got}"
    )


@pytest.mark.parametrize(
    ("stored", "suffix"), [(gzip.compress, ""), (lambda content: content, ".gz")]
)
def test_the_content_says_whether_a_file_is_gzipped(tmp_path, arrays, stored, suffix):
    """Browsers inflate what they download and keep the name, or drop only the .gz."""
    for name, items in zip(formats.MNIST_FILES, (*arrays[0], *arrays[1]), strict=True):
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(stored(formats.idx_bytes(items)))
    labels = data.load("mnist", tmp_path).train_labels
    np.testing.assert_array_equal(labels, arrays[0][1])


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<!DOCTYPE html><html>404 Not Found</html>", "a web page, perhaps of an"),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", "a web page, perhaps"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS: git"),
        (b"PK\3\4" + bytes(30), "a zip archive: unpack it first"),
    ],
)
def test_what_people_have_in_place_of_a_file_is_named(
    tmp_path, arrays, content, complaint, suffix
):
    formats.write_mnist(tmp_path, *arrays, suffix=suffix)
    path = tmp_path / f"{TRAIN}{suffix}"
    path.write_bytes(content)
    assert f"{path} is {complaint}" in refusal(tmp_path)


@pytest.mark.parametrize("shape", [(6, 32, 32), (6, 28, 27), (6, 0, 0), (6, 784, 1)])
def test_wrong_shape_is_refused(folder, shape):
    (folder / TRAIN).write_bytes(formats.idx_bytes(np.zeros(shape, np.uint8)))
    message = refusal(folder)
    assert message.endswith(f"must hold 28x28 images, got {shape[1]}x{shape[2]}")


@pytest.mark.parametrize("count", [0, 60_001, 2**31, 2**32 - 1])
@pytest.mark.parametrize(("name", "shape"), [(TRAIN, (28, 28)), (LABELS, ())])
def test_a_header_cannot_ask_for_more_than_the_published_examples(
    folder, name, shape, count
):
    header = bytes([0, 0, 8, 1 + len(shape)])
    header += struct.pack(f">{1 + len(shape)}I", count, *shape)
    (folder / name).write_bytes(header + bytes(100))
    tracemalloc.start()
    message = refusal(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.endswith(f"{name} must hold 1 to 60000 examples, got {count}")
    assert peak < 2**21


def test_the_test_files_are_bounded_by_the_published_test_set(folder):
    labels = np.zeros(10_001, np.uint8)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(formats.idx_bytes(labels))
    assert "must hold 1 to 10000 examples, got 10001" in refusal(folder)


def test_labels_out_of_range_are_refused(folder, arrays):
    labels = arrays[0][1].copy()
    labels[[2, 4]] = 10, 255
    (folder / LABELS).write_bytes(formats.idx_bytes(labels))
    message = refusal(folder)
    assert message.endswith(f"{LABELS}: labels must be in [0, 10), got 10 at example 2")


def test_counts_that_differ_are_refused(folder, arrays):
    (folder / LABELS).write_bytes(formats.idx_bytes(arrays[0][1][:5]))
    message = refusal(folder)
    assert f"{TRAIN} holds 6 images, but" in message
    assert message.endswith(f"{LABELS} 5 labels")


def test_a_flipped_bit_in_a_gzip_file_is_refused(tmp_path, arrays):
    formats.write_mnist(tmp_path, *arrays, suffix=".gz")
    path = tmp_path / f"{TRAIN}.gz"
    whole = path.read_bytes()
    for place in (2, len(whole) // 2, len(whole) - 6):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert f"{TRAIN}.gz is not a whole gzip file: " in refusal(tmp_path)


@pytest.mark.parametrize("name", [TRAIN, LABELS])
def test_a_gzip_bomb_is_not_inflated(tmp_path, arrays, name):
    formats.write_mnist(tmp_path, *arrays, suffix=".gz")
    items = arrays[0][name == LABELS]
    block = bytes(2**20)
    with gzip.open(tmp_path / f"{name}.gz", "wb", compresslevel=1) as stream:
        stream.write(formats.idx_bytes(items))
        for _ in range(300):
            stream.write(block)
    assert (tmp_path / f"{name}.gz").stat().st_size < 2**21
    tracemalloc.start()
    message = refusal(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "but goes on after them" in message
    assert peak < 2**20


def test_labels_that_begin_as_another_data_sets_are_refused(tmp_path, arrays):
    fashion = (9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9)
    images, _ = formats.random_grey(len(fashion))
    formats.write_mnist(tmp_path, (images, np.array(fashion, np.uint8)), arrays[1])
    assert data.load("fashion_mnist", tmp_path).train_labels.tolist() == list(fashion)
    message = refusal(tmp_path)
    assert message.endswith("holds the files of fashion_mnist, not of mnist")


def test_the_real_mnist(real_mnist):
    dataset = data.load("mnist", real_mnist)
    assert dataset.train_images.shape == (60_000, 28, 28, 1)
    assert dataset.test_images.shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(
        np.bincount(dataset.train_labels),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    )
    np.testing.assert_array_equal(
        np.bincount(dataset.test_labels),
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    )
    assert dataset.train_images.sum(dtype=np.int64) == 1_567_298_545
    assert dataset.test_images.sum(dtype=np.int64) == 264_923_200
    with pytest.raises(data.DataError, match="holds the files of mnist, not of fash"):
        data.load("fashion_mnist", real_mnist / "mnist")
