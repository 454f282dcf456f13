"""What problems are trained on, as dictionaries of arrays."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from inna_optax import data
from inna_optax.data.catalog import SOURCES
from inna_optax.experiments.catalogue.problems import (
    DATASETS,
    TEXT,
    DataFacts,
    Problem,
)

BYTES = 256

Arrays = Mapping[str, np.ndarray]  # each of shape (examples, ...)


class Examples(NamedTuple):
    """Training and test examples, and what is known of them."""

    name: str
    title: str  # as above a figure
    train: Arrays
    test: Arrays
    shape: tuple[int, ...]  # of an example
    classes: int
    maximum: int  # the value of a white pixel, or the largest token
    identity: Mapping[str, Any]  # what records tell beside the name


def load_examples(
    problem: Problem, dataset: str | None, data_dir: pathlib.Path | None
) -> Examples:
    """Loads a data set of the problem, its first if `dataset` is None.

    Raises:
      DataError: if the data are not found or not as they must be.
    """
    name = dataset or problem.datasets[0]
    return _text(problem, data_dir) if name == TEXT else _images(name, data_dir)


def facts_of(
    problem: Problem, name: str, train_examples: int, test_examples: int
) -> DataFacts:
    """What is known of that many examples of a problem before they are read."""
    counts = (train_examples, test_examples)
    if TEXT in problem.datasets:
        return DataFacts(name, *counts, (problem.context + 1,), BYTES, BYTES - 1)
    if name in SOURCES:
        source = SOURCES[name]
        return DataFacts(name, *counts, source.image_shape, source.classes, 255)
    loaded = data.load(name)  # part of a package
    shape = loaded.train_images.shape[1:]
    return DataFacts(name, *counts, shape, loaded.classes, loaded.maximum)


def _images(name: str, data_dir: pathlib.Path | None) -> Examples:
    """Images as rows of bytes: a TPU would pad a last dimension of 3 to 128."""
    loaded = data.load(name, data_dir)

    def rows(images: np.ndarray, labels: np.ndarray) -> Arrays:
        return {"images": images.reshape(len(images), -1), "labels": labels}

    return Examples(
        loaded.name,
        DATASETS[loaded.name],
        rows(loaded.train_images, loaded.train_labels),
        rows(loaded.test_images, loaded.test_labels),
        loaded.train_images.shape[1:],
        loaded.classes,
        loaded.maximum,
        {},
    )


def _text(problem: Problem, data_dir: pathlib.Path | None) -> Examples:
    text = data.load_text(data_dir, problem.context)
    source = f"Python {text.python}'s standard library" if text.python else text.name
    return Examples(
        text.name,
        source,
        {"tokens": text.train},
        {"tokens": text.test},
        text.train.shape[1:],
        classes=BYTES,
        maximum=BYTES - 1,
        identity={
            **({"python": text.python} if text.python else {}),
            "sha256": text.sha256,
            # What counts alone predict, in the same bits per byte.
            "unigram_bits": round(data.unigram_bits(text), 4),
            "bigram_bits": round(data.bigram_bits(text), 4),
        },
    )


def holds_text(folder: pathlib.Path) -> bool:
    """Whether there is text in a folder, or in one in it."""
    return next(folder.rglob("*.txt"), None) is not None
