import gzip
import pickle
import tracemalloc

import numpy as np
import pytest

from inna_optax import data
from inna_optax.data import cifar
from tests.data import formats

BATCHES = "cifar-10-batches-bin"
RECORD = 3073


@pytest.fixture
def arrays():
    return formats.random_colour(10, seed=1), formats.random_colour(4, seed=2)


@pytest.fixture
def folder(tmp_path, arrays):
    formats.write_cifar10(tmp_path, *arrays)
    return tmp_path


@pytest.fixture
def hundred(tmp_path):
    """A folder of CIFAR-100, and its arrays."""
    splits = []
    for seed, examples in enumerate((7, 3)):
        images, classes = formats.random_colour(examples, 100, seed)
        splits.append((images, classes % 20, classes))
    formats.write_cifar100(tmp_path, *splits)
    return tmp_path, splits


def refusal(name, folder):
    with pytest.raises(data.DataError) as caught:
        data.load(name, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
def test_reads_cifar10_as_it_was_written(folder, arrays, chunk, monkeypatch):
    monkeypatch.setattr(cifar, "CHUNK", chunk)
    dataset = data.load("cifar10", folder)
    (train_images, train_labels), (test_images, test_labels) = arrays
    assert (dataset.name, dataset.classes, dataset.maximum) == ("cifar10", 10, 255)
    assert dataset.train_images.dtype == np.uint8
    assert dataset.train_labels.dtype == np.int32
    np.testing.assert_array_equal(dataset.train_images, train_images)
    np.testing.assert_array_equal(dataset.train_labels, train_labels)
    np.testing.assert_array_equal(dataset.test_images, test_images)
    np.testing.assert_array_equal(dataset.test_labels, test_labels)


def test_reads_the_fine_labels_of_cifar100(hundred):
    folder, splits = hundred
    dataset = data.load("cifar100", folder)
    assert (dataset.name, dataset.classes) == ("cifar100", 100)
    for (images, _, classes), stored_images, stored_labels in (
        (splits[0], dataset.train_images, dataset.train_labels),
        (splits[1], dataset.test_images, dataset.test_labels),
    ):
        np.testing.assert_array_equal(stored_images, images)
        np.testing.assert_array_equal(stored_labels, classes)


@pytest.mark.parametrize("name", ["data_batch_1.bin", "data_batch_4.bin"])
@pytest.mark.parametrize(
    "length", [0, 1, RECORD - 1, RECORD + 1, 2 * RECORD - 1, 2 * RECORD + 1]
)
def test_what_is_not_whole_records_is_refused(folder, name, length):
    content = (folder / name).read_bytes() + b"\0"
    (folder / name).write_bytes(content[:length])
    assert refusal("cifar10", folder).endswith(
        f"{name} must hold 1 to 10000 records of {RECORD} bytes, got {length} bytes"
    )


def test_a_file_that_shrinks_or_grows_while_it_is_read_is_refused(folder):
    path = folder / "test_batch.bin"
    for records, complaint in ((5, "is truncated"), (3, "goes on after them")):
        images = np.empty((records, 32, 32, 3), np.uint8)
        with pytest.raises(data.DataError, match=complaint):
            cifar._read_records(path, (10,), images, np.empty(records, np.int32))


def test_a_batch_cut_between_two_records_is_refused(folder):
    path = folder / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:RECORD])
    message = refusal("cifar10", folder)
    assert "data_batch_3.bin holds 1 images, but" in message
    assert message.endswith("data_batch_1.bin 2: there must be as many in each batch")


def test_more_records_than_published_are_refused_unread(folder):
    with (folder / "data_batch_2.bin").open("wb") as stream:
        stream.truncate(100_000 * RECORD)  # a hole: takes no room
    tracemalloc.start()
    message = refusal("cifar10", folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.endswith(f"got {100_000 * RECORD} bytes")
    assert peak < 2**20


def test_labels_out_of_range_are_refused(folder, arrays):
    images, labels = arrays[1]
    labels[3] = 10
    formats.write(folder / "test_batch.bin", formats.records(images, labels))
    assert refusal("cifar10", folder).endswith(
        "test_batch.bin: labels must be in [0, 10), got 10 at example 3"
    )


@pytest.mark.parametrize(
    ("superclass", "label", "complaint"),
    [
        (20, 5, "[0, 20), got 20 at example 1"),
        (5, 100, "[0, 100), got 100 at example 1"),
    ],
)
def test_both_labels_of_cifar100_are_checked(hundred, superclass, label, complaint):
    folder, (train, _) = hundred
    train[1][1], train[2][1] = superclass, label
    formats.write(folder / "train.bin", formats.records(*train))
    assert refusal("cifar100", folder).endswith(
        f"train.bin: labels must be in {complaint}"
    )


def test_cifar10_offered_as_cifar100_is_refused(tmp_path, arrays):
    for name, split in zip(("train.bin", "test.bin"), arrays, strict=True):
        formats.write(tmp_path / name, formats.records(*split))
    assert "records of 3074 bytes" in refusal("cifar100", tmp_path)


class Bomb:
    """Unpickled, it leaves a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_named_as_a_batch_is_refused_and_never_loaded(folder, tmp_path):
    mark = tmp_path / "loaded"
    (folder / "data_batch_1.bin").write_bytes(pickle.dumps(Bomb(mark), protocol=2))
    message = refusal("cifar10", folder)
    assert "data_batch_1.bin is a pickle, which is refused" in message
    assert not mark.exists()


@pytest.mark.parametrize(
    ("name", "number", "pickled"),
    [("cifar10", 10, "cifar-10-batches-py"), ("cifar100", 100, "cifar-100-python")],
)
@pytest.mark.parametrize("where", ["", "{name}", "{pickled}", "{name}/{pickled}"])
def test_the_pickled_distribution_is_refused(tmp_path, name, number, pickled, where):
    mark = tmp_path / "loaded"
    folder = tmp_path / where.format(name=name, pickled="")
    (folder / pickled).mkdir(parents=True)
    content = pickle.dumps(Bomb(mark), protocol=2)
    for file in ("data_batch_1", "train", "test_batch", "test", "meta"):
        (folder / pickled / file).write_bytes(content)
    given = folder / pickled if "pickled" in where else folder
    message = refusal(name, given)
    assert str(folder / pickled) in message
    assert "unpickling a downloaded file can run any code in it" in message
    assert f"get the binary version, cifar-{number}-binary.tar.gz, from" in message
    assert not mark.exists()


def test_the_pickled_distribution_beside_the_binary_one_is_ignored(tmp_path, arrays):
    (tmp_path / "cifar-10-batches-py").mkdir()
    formats.write_cifar10(tmp_path / BATCHES, *arrays)
    assert len(data.load("cifar10", tmp_path).train_labels) == 10


@pytest.mark.parametrize("name", ["cifar-10-binary.tar.gz", "cifar-10-binary.tar"])
def test_an_archive_that_was_not_unpacked_is_named(tmp_path, name):
    archive = tmp_path / name
    archive.write_bytes(b"")
    assert refusal("cifar10", tmp_path) == (
        f"{archive} must be unpacked first: tar -xf {name}"
    )


def test_a_folder_is_known_by_its_name_from_within(tmp_path, monkeypatch):
    (tmp_path / "cifar-10-batches-py").mkdir()
    monkeypatch.chdir(tmp_path / "cifar-10-batches-py")
    assert "is the pickled distribution" in refusal("cifar10", ".")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<html>403 Forbidden</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"PK\3\4" + bytes(30), "is a zip archive"),
    ],
)
def test_what_people_have_in_place_of_a_batch_is_named(folder, content, complaint):
    path = folder / "data_batch_3.bin"
    path.write_bytes(content)
    assert f"{path} {complaint}" in refusal("cifar10", folder)


def test_a_gzipped_batch_is_refused_by_its_size(folder):
    path = folder / "data_batch_3.bin"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert f"{path} must hold 1 to 10000 records" in refusal("cifar10", folder)
