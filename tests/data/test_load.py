import os
import pathlib
import re
import subprocess
import sys

import pytest

from inna_optax import data
from tests.data import formats

FILES = ", ".join(formats.MNIST_FILES)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """The package that downloads is not installed."""
    monkeypatch.setitem(sys.modules, "datasets", None)


def write_mnist(folder, examples):
    """A data set that its size tells from others."""
    formats.write_mnist(folder, formats.random_grey(examples), formats.random_grey(2))
    return folder


def write_cifar10(folder):
    formats.write_cifar10(folder, formats.random_colour(5), formats.random_colour(2))


def examples(data_dir=None, name="mnist"):
    return len(data.load(name, data_dir).train_labels)


def refusal(data_dir=None, name="mnist"):
    with pytest.raises(data.DataError) as caught:
        data.load(name, data_dir)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("digit", " Did you mean 'digits'?"),
        ("minst", " Did you mean 'mnist'?"),
        ("MNIST", " Did you mean 'mnist'?"),
        ("Fashion-MNIST", " Did you mean 'fashion_mnist'?"),
        ("CIFAR-10", " Did you mean 'cifar10'?"),
        ("imagenet", ""),
        ("", ""),
        (None, ""),
        (["mnist"], " Did you mean 'mnist'?"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, hint):
    known = "digits, mnist, fashion_mnist, cifar10, cifar100"
    message = f"name must be one of {known}, got {name!r}.{hint}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        data.load(name)


def test_names():
    assert data.NAMES == ("digits", "mnist", "fashion_mnist", "cifar10", "cifar100")


@pytest.mark.parametrize("where", ["", "mnist"])
def test_the_folder_may_hold_the_files_or_a_folder_that_does(tmp_path, where):
    write_mnist(tmp_path / where, 3)
    assert examples(tmp_path) == examples(str(tmp_path)) == 3


@pytest.mark.parametrize(
    "where", ["", "cifar10", "cifar-10-batches-bin", "cifar10/cifar-10-batches-bin"]
)
def test_cifar_may_lie_in_the_folder_of_its_archive(tmp_path, where):
    write_cifar10(tmp_path / where)
    assert examples(tmp_path, "cifar10") == 5


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")]
)
@pytest.mark.parametrize("root", ["{folder}/raw", "{name}/{folder}/raw", "raw", ""])
def test_mnist_may_lie_in_torchvisions_folders(tmp_path, name, folder, root):
    write_mnist(tmp_path / root.format(name=name, folder=folder), 3)
    assert examples(tmp_path, name) == 3


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_may_have_a_dot_in_its_names(tmp_path, suffix):
    formats.write_mnist(
        tmp_path, formats.random_grey(3), formats.random_grey(2), suffix
    )
    for path in tmp_path.iterdir():
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    (tmp_path / formats.MNIST_FILES[0]).mkdir()  # as a folder of Kaggle's archive
    assert examples(tmp_path) == 3


def test_keras_copy_is_named(tmp_path):
    (tmp_path / "mnist.npz").touch()
    assert "mnist.npz is Keras's copy, which is not read: get" in refusal(tmp_path)


def test_a_folder_of_the_name_comes_first(tmp_path):
    write_mnist(tmp_path, 3)
    write_mnist(tmp_path / "mnist", 4)
    assert examples(tmp_path) == 4


def test_the_variable_comes_before_the_cache(tmp_path, home, monkeypatch):
    write_mnist(home / ".cache/inna_optax/mnist", 3)
    assert examples() == 3
    write_mnist(tmp_path, 4)
    monkeypatch.setenv("INNA_OPTAX_DATA_DIR", str(tmp_path))
    assert examples() == 4
    monkeypatch.setenv("INNA_OPTAX_DATA_DIR", "")
    assert examples() == 3


def test_the_cache_is_looked_into_where_the_variables_folder_has_none(
    tmp_path, home, monkeypatch
):
    write_mnist(home / ".cache/inna_optax", 3)
    for folder in (tmp_path, tmp_path / "gone"):
        monkeypatch.setenv("INNA_OPTAX_DATA_DIR", str(folder))
        assert examples() == 3


def test_a_tilde_is_the_home(home, monkeypatch):
    write_mnist(home / "here", 3)
    assert examples("~/here") == 3
    monkeypatch.setenv("INNA_OPTAX_DATA_DIR", "~/here")
    assert examples() == 3


def test_a_folder_called_tilde_is_written_with_its_folder(tmp_path, monkeypatch):
    write_mnist(tmp_path / "~", 3)
    monkeypatch.chdir(tmp_path)
    assert examples("./~") == 3


def test_a_tilde_of_nobody_is_a_folder_that_is_not_there():
    assert "~no-such-user/here" in refusal("~no-such-user/here")


def test_a_relative_folder(tmp_path, monkeypatch):
    write_mnist(tmp_path / "here", 3)
    monkeypatch.chdir(tmp_path)
    assert examples("here") == 3


def test_a_folder_that_was_named_is_not_replaced_by_another(
    tmp_path, home, monkeypatch
):
    write_mnist(home / ".cache/inna_optax", 3)
    monkeypatch.setenv("INNA_OPTAX_DATA_DIR", str(home / ".cache/inna_optax"))
    assert refusal(tmp_path) == (
        f"mnist was not found in {tmp_path}: it needs {FILES} (each may end in .gz),"
        " in the folder or in mnist or mnist/MNIST/raw or MNIST/raw or raw in it;"
        " they are at https://ossci-datasets.s3.amazonaws.com/mnist/"
    )


@pytest.mark.parametrize("given", ["", "gone", "file"])
def test_what_is_no_folder_is_refused(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("file").write_text("")
    assert refusal(given) == f"data_dir must name a folder, got {given!r}"


@pytest.mark.parametrize("given", [3, b"here", 1.5])
def test_what_is_no_path_is_refused(given):
    with pytest.raises(TypeError):
        data.load("mnist", given)


@pytest.mark.parametrize("missing", formats.MNIST_FILES)
def test_a_missing_file_is_named(tmp_path, home, monkeypatch, missing):
    folder = write_mnist(tmp_path / "mnist", 3)
    (folder / missing).unlink()
    expected = f"{folder} holds a part of mnist, but not {missing}"
    assert refusal(tmp_path) == expected
    monkeypatch.setenv("INNA_OPTAX_DATA_DIR", str(tmp_path))
    write_mnist(home / ".cache/inna_optax", 3)  # which must not hide it
    assert refusal() == expected


def test_nowhere_and_nothing_to_download_with(tmp_path, monkeypatch):
    monkeypatch.setenv("INNA_OPTAX_DATA_DIR", str(tmp_path))
    message = refusal()
    assert message.startswith(
        f"mnist was not found in $INNA_OPTAX_DATA_DIR ({tmp_path})"
        f" or ~/.cache/inna_optax: it needs {FILES} (each may end in .gz),"
    )
    assert "https://ossci-datasets.s3.amazonaws.com/mnist/" in message
    assert "to download it, pip install 'inna-optax[download] @ git+https://" in message


def test_pickles_in_a_default_place_are_named_rather_than_ignored(
    tmp_path, home, monkeypatch
):
    (tmp_path / "cifar-10-batches-py").mkdir()
    monkeypatch.setenv("INNA_OPTAX_DATA_DIR", str(tmp_path))
    assert "is the pickled distribution, which is refused" in refusal(name="cifar10")
    write_cifar10(home / ".cache/inna_optax")
    assert examples(name="cifar10") == 5


def test_symbolic_links_are_followed(tmp_path):
    write_mnist(tmp_path / "elsewhere", 3)
    (tmp_path / "links").mkdir()
    for name in formats.MNIST_FILES:
        (tmp_path / "links" / name).symlink_to(tmp_path / "elsewhere" / name)
    (tmp_path / "folder").symlink_to(tmp_path / "links")
    assert examples(tmp_path / "links") == examples(tmp_path / "folder") == 3


def test_a_broken_link_is_a_missing_file(tmp_path):
    write_mnist(tmp_path, 3)
    name = formats.MNIST_FILES[1]
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to(tmp_path / "gone")
    assert refusal(tmp_path).endswith(f"but not {name}")


def test_a_link_to_itself_is_refused(tmp_path):
    write_mnist(tmp_path, 3)
    path = tmp_path / formats.MNIST_FILES[1]
    path.unlink()
    path.symlink_to(path)
    assert refusal(tmp_path).startswith(f"{path} cannot be read: ")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, "/dev/zero"])
def test_what_is_no_regular_file_is_not_opened(tmp_path, make):
    write_mnist(tmp_path, 3)
    path = tmp_path / formats.MNIST_FILES[0]
    path.unlink()
    path.symlink_to(make) if isinstance(make, str) else make(path)
    assert refusal(tmp_path).endswith(f"but not {path.name}")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    write_mnist(tmp_path, 3)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    assert refusal(tmp_path) == (
        f"{tmp_path / formats.MNIST_FILES[1]} cannot be read: Permission denied"
    )


def test_importing_loads_no_package_that_only_some_need():
    heavy = {"datasets", "sklearn", "PIL", "pyarrow"}
    code = f"import sys, inna_optax.data; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
