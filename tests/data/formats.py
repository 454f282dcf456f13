"""Writers of the original formats, independent of the readers."""

import gzip
import pathlib
import struct

import numpy as np

MNIST_FILES = tuple(
    f"{split}-{kind}-ubyte"
    for split in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
)
CIFAR10_FILES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")


def idx_bytes(items):
    """An array of uint8 as an IDX file."""
    sizes = struct.pack(f">{items.ndim}I", *items.shape)
    return bytes([0, 0, 8, items.ndim]) + sizes + items.tobytes()


def random_grey(examples, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (examples, 28, 28), np.uint8)
    return images, rng.integers(0, 10, examples, np.uint8)


def random_colour(examples, classes=10, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (examples, 32, 32, 3), np.uint8)
    return images, rng.integers(0, classes, examples, np.uint8)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(folder, train, test, suffix=""):
    """The four files, of pairs (images, labels)."""
    arrays = (*train, *test)
    for name, array in zip(MNIST_FILES, arrays, strict=True):
        write(pathlib.Path(folder) / f"{name}{suffix}", idx_bytes(array))


def records(images, *labels):
    """CIFAR's records: the labels, then the red, the green and the blue plane."""
    return b"".join(
        bytes(int(label[i]) for label in labels) + image.transpose(2, 0, 1).tobytes()
        for i, image in enumerate(images)
    )


def write_cifar10(folder, train, test):
    """Five batches of a fifth of `train` each, and the test batch."""
    images, labels = train
    batches = zip(np.split(images, 5), np.split(labels, 5), strict=True)
    for name, batch in zip(CIFAR10_FILES, (*batches, test), strict=True):
        write(pathlib.Path(folder) / name, records(*batch))


def write_cifar100(folder, train, test):
    """The two files, of triples (images, superclasses, classes)."""
    for name, split in (("train.bin", train), ("test.bin", test)):
        write(pathlib.Path(folder) / name, records(*split))
