import pytest

from tests.data import formats

TRAIN, TEST = 130, 20


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """MNIST, CIFAR-10 and CIFAR-100, small and random, in the published formats."""
    folder = tmp_path_factory.mktemp("data")
    grey = (formats.random_grey(TRAIN), formats.random_grey(TEST, seed=1))
    formats.write_mnist(folder / "mnist", *grey)
    formats.write_cifar10(
        folder / "cifar-10-batches-bin",
        formats.random_colour(TRAIN),
        formats.random_colour(TEST, seed=1),
    )

    def with_superclasses(count, seed):
        images, labels = formats.random_colour(count, 100, seed)
        return images, labels // 5, labels

    formats.write_cifar100(
        folder / "cifar-100-binary",
        with_superclasses(TRAIN, 0),
        with_superclasses(TEST, 1),
    )
    return folder
