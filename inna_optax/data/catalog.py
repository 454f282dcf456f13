"""The data sets that are read from files: where they come from, and their shapes."""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from inna_optax.data import cifar, idx
from inna_optax.data.dataset import Split

CIFAR_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"


class Reader(Protocol):
    """A function that reads and checks the files of one split."""

    def __call__(self, paths: Sequence[pathlib.Path], *, at_most: int) -> Split:
        """Returns the split, of no more than `at_most` examples."""


class Source(NamedTuple):
    """Where a data set comes from, and what it consists of."""

    name: str
    image_shape: tuple[int, int, int]
    classes: int
    examples: Mapping[str, int]  # of each split, as published
    files: Mapping[str, tuple[str, ...]]  # of each split
    # The names that a file may have instead of the published one, that one first.
    spellings: Callable[[str], Sequence[str]]
    folders: tuple[str, ...]  # where the files may be, inside the folder given
    read: Reader
    page: str  # where a person finds the files
    repository: str  # where the package `datasets` finds them
    revision: str  # of the repository, a commit: its content never changes
    columns: tuple[str, str]  # of the images and of the labels in the repository
    # The first training labels, if another data set has files of the same names.
    first_labels: tuple[int, ...] = ()
    # What users have in place of the files, and what the error says of it.
    mistaken: Mapping[str, str] = {}


def _as_published(name: str) -> Sequence[str]:
    return (name,)


def _idx_spellings(name: str) -> Sequence[str]:
    """With the dash or with a dot, as some archives have it; each perhaps gzipped."""
    dotted = name.replace("-idx", ".idx")
    return (name, f"{name}.gz", dotted, f"{dotted}.gz")


def _idx_source(
    name: str,
    folder: str,
    page: str,
    repository: str,
    revision: str,
    first_labels: tuple[int, ...],
) -> Source:
    """A data set in MNIST's format and of its size; `folder` is torchvision's."""
    return Source(
        name=name,
        image_shape=(28, 28, 1),
        classes=10,
        examples={"train": 60_000, "test": 10_000},
        files={
            split: (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
            for split, prefix in (("train", "train"), ("test", "t10k"))
        },
        spellings=_idx_spellings,
        folders=(name, f"{name}/{folder}/raw", f"{folder}/raw", "raw"),
        read=functools.partial(idx.read_split, image_shape=(28, 28), classes=10),
        page=page,
        repository=repository,
        revision=revision,
        columns=("image", "label"),
        first_labels=first_labels,
        mistaken={
            f"{name}.npz": "is Keras's copy, which is not read: get the IDX files,"
            f" from {page}"
        },
    )


def _cifar_source(
    classes: int,
    label_ranges: tuple[int, ...],
    files: Mapping[str, tuple[str, ...]],
    folder: str,
    revision: str,
    label_column: str,
) -> Source:
    """CIFAR-10 or CIFAR-100."""
    archive = f"cifar-{classes}-binary.tar"
    pickled = (
        f"is the pickled distribution, {cifar.WHY_NO_PICKLES}, {archive}.gz, from"
        f" {CIFAR_PAGE}"
    )
    python = "cifar-10-batches-py" if classes == 10 else "cifar-100-python"
    return Source(
        name=f"cifar{classes}",
        image_shape=(32, 32, 3),
        classes=classes,
        examples={"train": 50_000, "test": 10_000},
        files=files,
        spellings=_as_published,
        folders=(f"cifar{classes}/{folder}", f"cifar{classes}", folder),
        read=functools.partial(cifar.read_split, label_ranges=label_ranges),
        page=CIFAR_PAGE,
        repository=f"uoft-cs/cifar{classes}",
        revision=revision,
        columns=("img", label_column),
        mistaken={
            f"{archive}.gz": f"must be unpacked first: tar -xf {archive}.gz",
            archive: f"must be unpacked first: tar -xf {archive}",
            python: pickled,
            f"cifar-{classes}-python.tar.gz": pickled,
        },
    )


SOURCES = {
    source.name: source
    for source in (
        _idx_source(
            "mnist",
            folder="MNIST",
            page="https://ossci-datasets.s3.amazonaws.com/mnist/",
            repository="ylecun/mnist",
            revision="77f3279092a1c1579b2250db8eafed0ad422088c",
            first_labels=(5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7),
        ),
        _idx_source(
            "fashion_mnist",
            folder="FashionMNIST",
            page="https://github.com/zalandoresearch/fashion-mnist",
            repository="zalando-datasets/fashion_mnist",
            revision="531be5e2ccc9dba0c201ad3ae567a4f3d16ecdd2",
            first_labels=(9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9),
        ),
        _cifar_source(
            10,
            label_ranges=(10,),
            files={
                "train": tuple(f"data_batch_{batch}.bin" for batch in range(1, 6)),
                "test": ("test_batch.bin",),
            },
            folder="cifar-10-batches-bin",
            revision="0b2714987fa478483af9968de7c934580d0bb9a2",
            label_column="label",
        ),
        _cifar_source(
            100,
            label_ranges=(20, 100),
            files={"train": ("train.bin",), "test": ("test.bin",)},
            folder="cifar-100-binary",
            revision="aadb3af77e9048adbea6b47c21a81e47dd092ae5",
            label_column="fine_label",
        ),
    )
}
