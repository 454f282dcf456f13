"""The tables are made here: nothing is fetched."""

import importlib.util
import os

import numpy as np
import pytest

from inna_optax import data
from inna_optax.data import download
from inna_optax.data.catalog import SOURCES
from tests.data import formats

PLACE = "the test's table"


@pytest.fixture(scope="module")
def datasets():
    if importlib.util.find_spec("datasets") is None:
        reason = "the package datasets is not installed (extra download)"
        if os.environ.get("INNA_OPTAX_REQUIRE_DATA"):
            pytest.fail(reason)
        pytest.skip(reason)
    import datasets

    return datasets


def table_of(datasets, images, labels, columns=("image", "label"), **more):
    """A table as the Hub's: images in PNG, integer labels."""
    image, label = columns
    features = datasets.Features(
        {image: datasets.Image(), label: datasets.Value("int64")}
        | {name: datasets.Value("int64") for name in more}
    )
    content = {image: list(images), label: [int(value) for value in labels]} | more
    return datasets.Dataset.from_dict(content, features=features)


@pytest.fixture
def small(monkeypatch):
    """MNIST's and CIFAR's sources, published with 5 and 3 examples."""
    for name in ("mnist", "cifar100"):
        source = SOURCES[name]._replace(examples={"train": 5, "test": 3})
        monkeypatch.setitem(SOURCES, name, source)
    return SOURCES


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_grey_images_of_a_table(datasets, monkeypatch, batch):
    monkeypatch.setattr(download, "BATCH", batch)
    images, labels = formats.random_grey(5)
    table = table_of(datasets, images, labels)
    split = download.split_from_table(table, SOURCES["mnist"], PLACE)
    assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int32)
    np.testing.assert_array_equal(split.images, images[..., None])
    np.testing.assert_array_equal(split.labels, labels)


@pytest.mark.parametrize("form", [None, "numpy"])
def test_colour_images_of_a_table_with_the_fine_labels(datasets, form):
    images, labels = formats.random_colour(5, 100)
    table = table_of(
        datasets,
        images,
        labels,
        SOURCES["cifar100"].columns,
        coarse_label=[0] * 5,
    ).with_format(form)
    split = download.split_from_table(table, SOURCES["cifar100"], PLACE)
    np.testing.assert_array_equal(split.images, images)
    np.testing.assert_array_equal(split.labels, labels)


@pytest.mark.parametrize(
    ("name", "column"), [("cifar10", "img"), ("cifar100", "img"), ("mnist", "image")]
)
def test_a_missing_column_is_named(datasets, name, column):
    table = table_of(datasets, *formats.random_grey(2), ("picture", "number"))
    message = f"^{PLACE}: there must be a column '{column}', got picture, number$"
    with pytest.raises(data.DataError, match=message):
        download.split_from_table(table, SOURCES[name], PLACE)


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_out_of_range_are_refused(datasets, label):
    images, labels = formats.random_grey(3)
    table = table_of(datasets, images, [labels[0], label, labels[2]])
    message = rf"labels must be in \[0, 10\), got {label} at example 1$"
    with pytest.raises(data.DataError, match=message):
        download.split_from_table(table, SOURCES["mnist"], PLACE)


def test_images_of_another_shape_are_refused(datasets):
    colour, labels = formats.random_colour(2)
    table = table_of(datasets, colour, labels)
    message = f"^{PLACE}, image 0: must be uint8 28x28x1, got uint8 32x32x3$"
    with pytest.raises(data.DataError, match=message):
        download.split_from_table(table, SOURCES["mnist"], PLACE)


def test_where_there_are_no_files_the_data_set_is_fetched(
    datasets, small, tmp_path, monkeypatch
):
    # The package itself, given a local folder in the Hub's layout.
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    train, test = formats.random_grey(5), formats.random_grey(3, seed=1)
    for name, split in (("train", train), ("test", test)):
        path = tmp_path / "repository" / "data" / f"{name}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table_of(datasets, *split).to_parquet(path)
    source = small["mnist"]._replace(repository=str(tmp_path / "repository"))
    monkeypatch.setitem(SOURCES, "mnist", source)

    dataset = data.load("mnist")
    assert dataset.name == "mnist"
    np.testing.assert_array_equal(dataset.train_images, train[0][..., None])
    np.testing.assert_array_equal(dataset.test_labels, test[1])


def test_a_fetch_that_fails_says_where_files_were_looked_for(datasets, monkeypatch):
    def fail(repository, revision):
        assert len(revision) == 40  # a commit, not a branch
        raise ConnectionError(f"Couldn't reach\n{repository!r} on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(data.DataError) as caught:
        data.load("fashion_mnist")
    message = str(caught.value)
    assert message.startswith("fashion_mnist was not found in ~/.cache/inna_optax: ")
    assert "they are at https://github.com/zalandoresearch/fashion-mnist; " in message
    assert message.endswith(
        "downloading zalando-datasets/fashion_mnist from the Hugging Face Hub failed"
        " (ConnectionError: Couldn't reach 'zalando-datasets/fashion_mnist' on the Hub)"
    )


def test_a_fetch_of_a_table_of_another_kind_names_what_is_missing(
    datasets, small, monkeypatch
):
    table = table_of(datasets, *formats.random_grey(5), ("picture", "number"))
    tables = datasets.DatasetDict({"train": table, "test": table})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: tables)
    message = r"Hub, train: there must be a column 'image', got picture, number$"
    with pytest.raises(data.DataError, match=message):
        data.load("mnist")


def test_a_fetch_of_another_size_is_refused(datasets, small, monkeypatch):
    table = table_of(datasets, *formats.random_grey(4))
    tables = datasets.DatasetDict({"train": table, "test": table})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: tables)
    with pytest.raises(
        data.DataError, match=r"train: there must be 5 examples, got 4$"
    ):
        data.load("mnist")


def test_a_fetch_without_a_test_split_is_refused(datasets, small, monkeypatch):
    table = table_of(datasets, *formats.random_grey(5))
    tables = datasets.DatasetDict({"train": table})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: tables)
    with pytest.raises(data.DataError, match=r"failed \(KeyError: 'test'\)$"):
        data.load("mnist")


def test_nothing_is_fetched_for_a_folder_that_was_named(
    datasets, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise AssertionError

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(data.DataError, match=r"^mnist was not found in"):
        data.load("mnist", tmp_path)
