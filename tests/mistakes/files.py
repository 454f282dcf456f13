"""What can be wrong with the files of a data set."""

import gzip
import os
import pathlib
import pickle
import struct
import tempfile

import numpy as np
import pytest

from inna_optax import data
from tests.data import formats

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
MIB = 2**20


def mnist(folder):
    formats.write_mnist(folder, formats.random_grey(6), formats.random_grey(2))


def cifar10(folder):
    formats.write_cifar10(folder, formats.random_colour(10), formats.random_colour(2))


def rewrite(name, change):
    """Replaces a file's content by a function of it."""

    def damage(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return damage


def zipped(name, change):
    """Replaces a file by its gzipped content, changed."""

    def damage(folder):
        path = folder / name
        path.with_name(f"{name}.gz").write_bytes(
            change(gzip.compress(path.read_bytes()))
        )
        path.unlink()

    return damage


def flip(content):
    """A bit of the checksum."""
    return content[:-6] + bytes([content[-6] ^ 4]) + content[-5:]


def bomb(folder):
    path = folder / IMAGES
    with gzip.open(f"{path}.gz", "wb", compresslevel=1) as stream:
        stream.write(path.read_bytes())
        for _ in range(300):
            stream.write(bytes(MIB))
    path.unlink()


def link(name, target):
    def damage(folder):
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return damage


def fashion(folder):
    labels = np.array([9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9], np.uint8)
    images, _ = formats.random_grey(len(labels))
    formats.write_mnist(folder, (images, labels), formats.random_grey(2))


def pickled(folder):
    for path in folder.iterdir():
        path.unlink()
    (folder / "cifar-10-batches-py").mkdir()
    (folder / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps({}))


def keras(folder):
    for path in folder.iterdir():
        path.unlink()
    (folder / "mnist.npz").touch()


def packed(folder):
    for path in folder.iterdir():
        path.unlink()
    (folder / "cifar-10-binary.tar.gz").touch()


def idx(shape, count=None):
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return lambda content: (
        header + bytes(int(np.prod(shape)) if count is None else count)
    )


# What is done to the files of a whole data set, and how.
DAMAGES = {
    "mnist": {
        f"{IMAGES} is empty": rewrite(IMAGES, lambda x: b""),
        f"{IMAGES} ends after 100 bytes": rewrite(IMAGES, lambda x: x[:100]),
        f"{LABELS} ends one byte early": rewrite(LABELS, lambda x: x[:-1]),
        f"{IMAGES} goes on": rewrite(IMAGES, lambda x: x + b"\0"),
        f"{IMAGES} is a page of a web server": rewrite(
            IMAGES, lambda x: b"<!DOCTYPE html><html>404 Not Found</html>"
        ),
        f"{IMAGES} holds labels": rewrite(IMAGES, idx((40,))),
        f"{IMAGES} holds 32x32 images": rewrite(IMAGES, idx((6, 32, 32))),
        f"{IMAGES} announces 4,294,967,295 images": rewrite(
            IMAGES, idx((2**32 - 1, 28, 28), count=100)
        ),
        f"{IMAGES} announces none": rewrite(IMAGES, idx((0, 28, 28))),
        f"{LABELS} has a label 10": rewrite(LABELS, lambda x: x[:-1] + b"\x0a"),
        f"{LABELS} is one label short": rewrite(LABELS, idx((5,))),
        f"{IMAGES}.gz ends early": zipped(IMAGES, lambda x: x[:-20]),
        f"{IMAGES}.gz has a bit flipped": zipped(IMAGES, flip),
        f"{IMAGES}.gz is a page of a web server": zipped(
            IMAGES, lambda x: b"<!DOCTYPE html><html>404 Not Found</html>"
        ),
        f"{IMAGES} is a pointer of Git LFS": rewrite(
            IMAGES, lambda x: b"version https://git-lfs.github.com/spec/v1\n"
        ),
        f"{IMAGES} is a zip archive": rewrite(IMAGES, lambda x: b"PK\3\4" + x),
        "Keras's copy": keras,
        f"{IMAGES}.gz inflates to 300 MiB more": bomb,
        f"{LABELS} is missing": lambda folder: (folder / LABELS).unlink(),
        f"{LABELS} is a link to nothing": link(LABELS, "nothing"),
        f"{LABELS} is a link to itself": link(LABELS, LABELS),
        f"{LABELS} is a link to a device": link(LABELS, os.devnull),
        f"{LABELS} is a link to a folder": link(LABELS, "."),
        "Fashion-MNIST's files": fashion,
    },
    "cifar10": {
        "data_batch_1.bin is a pickle": rewrite("data_batch_1.bin", pickle.dumps),
        "the pickled distribution": pickled,
        "the archive, packed": packed,
        "data_batch_1.bin ends early": rewrite("data_batch_1.bin", lambda x: x[:-1]),
        "data_batch_2.bin is one image short": rewrite(
            "data_batch_2.bin", lambda x: x[:3073]
        ),
        "test_batch.bin has a label 200": rewrite(
            "test_batch.bin", lambda x: b"\xc8" + x[1:]
        ),
        "data_batch_5.bin is missing": lambda folder: (
            folder / "data_batch_5.bin"
        ).unlink(),
    },
}
WHOLE = {"mnist": mnist, "cifar10": cifar10}


def answer(name, damage):
    """The one line with which the damaged data set is refused; its folder is DIR."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        WHOLE[name](folder)
        assert len(data.load(name, folder).test_labels) == 2
        damage(folder)
        with pytest.raises(data.DataError) as refused:
            data.load(name, folder)
    line = str(refused.value).replace(temporary, "DIR")
    assert "\n" not in line
    return line
