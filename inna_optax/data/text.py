"""Text as bytes: what a model predicts byte by byte, and how well counts do it."""

import fnmatch
import hashlib
import math
import os
import pathlib
import platform
import sysconfig
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from inna_optax._checks import as_count
from inna_optax.data.errors import DataError
from inna_optax.data.locate import given_place

BYTES = 256
FILES_PER_TEST_FILE = 10
# What of the standard library's folder is not its source: packages that were installed,
# tests, and what was written when this Python was built.
NOT_SOURCE = (
    "site-packages",
    "dist-packages",
    "__pycache__",
    "test",
    "tests",
    "idle_test",
    "config-*",
    "_sysconfigdata*",
)


class Text(NamedTuple):
    """Windows of a text, split by files into training and test examples."""

    name: str  # where it comes from
    python: str | None  # the version whose library it is
    train: np.ndarray  # uint8, (examples, context + 1)
    test: np.ndarray  # uint8, (examples, context + 1)
    train_files: tuple[str, ...]  # names from the folder on, in the text's order
    test_files: tuple[str, ...]  # likewise
    size: int  # bytes in all files
    sha256: str  # of the bytes of all files, in that order


def load_text(
    data_dir: str | os.PathLike[str] | None = None, context: int = 128
) -> Text:
    """Loads the text in files, as windows of bytes.

    Without ``data_dir`` the text is the source of this Python's standard library: its
    ``.py`` files, without tests, installed packages and what was written when Python
    was built.  It differs between versions of Python, and may between distributions of
    one: ``sha256`` tells which text it is.  With ``data_dir`` the text is that of all
    ``.txt`` files in this folder and the folders in it, whatever their encoding.

    Files come in the order of the SHA-256 of their names.  That order is the same
    everywhere and has nothing to do with what files hold.  The last tenth of the files,
    rounded up, is for testing, and so is like the rest.

    A window of ``context + 1`` bytes asks for ``context`` predictions: each byte but
    the first, from those before it.  In each part the files are joined and cut into
    windows, which do not overlap; bytes that fill no window are left out.  The windows
    come in a fixed random order, so that the first of them are a sample of all.

    Args:
      data_dir: the folder to read from; None for the standard library.
      context: the largest number of bytes from which one is predicted, in [1, inf).

    Returns:
      A :class:`Text`.

    Raises:
      TypeError: if ``data_dir`` is not a path, or ``context`` not an integer.
      ValueError: if ``context`` is outside its range.
      DataError: if the folder is not there or cannot be read, holds fewer than two
        files, or too little text for a window of each part.

    Examples:
      >>> from inna_optax import data
      >>> text = data.load_text(context=64)
      >>> text.train.shape[1], text.train.dtype
      (65, dtype('uint8'))
    """
    context = as_count("context", context)
    if data_dir is None:
        folder, suffix = pathlib.Path(sysconfig.get_path("stdlib")), ".py"
        name, python = "stdlib", platform.python_version()
        names = _find(folder, suffix, but=NOT_SOURCE)
    else:
        folder, suffix = given_place(data_dir).folder, ".txt"
        name, python = folder.absolute().name, None
        names = _find(folder, suffix)
    if len(names) < 2:
        raise DataError(
            f"{folder} must hold at least 2 {suffix} files, one to train and one to"
            f" test, got {len(names)}"
        )
    names.sort(key=lambda name: hashlib.sha256(os.fsencode(name)).digest())
    held_out = math.ceil(len(names) / FILES_PER_TEST_FILE)
    train_files, test_files = names[:-held_out], names[-held_out:]
    train, test = (_join(folder, files) for files in (train_files, test_files))
    return Text(
        name=name,
        python=python,
        train=_windows(train, context, f"the files of {folder} to train"),
        test=_windows(test, context, f"the files of {folder} to test"),
        train_files=tuple(train_files),
        test_files=tuple(test_files),
        size=len(train) + len(test),
        sha256=hashlib.sha256(train + test).hexdigest(),
    )


def unigram_bits(text: Text) -> float:
    r"""Bits per byte of the test part, predicted by how often each byte occurs.

    With :math:`n_b` occurrences of byte :math:`b` in the training part its probability
    is :math:`(n_b + 1) / \sum_c (n_c + 1)`, by Laplace's rule.  Counted and predicted
    are the bytes that are predicted of a window: all but its first.

    Args:
      text: from :func:`load_text`.

    Returns:
      The mean of :math:`-\log_2` of the probabilities, in [0, inf).

    Raises:
      TypeError: if ``text`` is not a :class:`Text`.

    Examples:
      >>> from inna_optax import data
      >>> text = data.load_text()
      >>> data.bigram_bits(text) < data.unigram_bits(text) < 8
      True
    """
    _check_text(text)
    return _bits(*(_pairs(part).sum(axis=0) for part in (text.train, text.test)))


def bigram_bits(text: Text) -> float:
    r"""Bits per byte of the test part, predicted from the byte before.

    With :math:`n_{ab}` occurrences of byte :math:`b` after byte :math:`a` in the
    training part its probability there is :math:`(n_{ab} + 1) / \sum_c (n_{ac} + 1)`,
    by Laplace's rule.  Pairs are those within a window.

    Args:
      text: from :func:`load_text`.

    Returns:
      The mean of :math:`-\log_2` of the probabilities, in [0, inf).

    Raises:
      TypeError: if ``text`` is not a :class:`Text`.

    Examples:
      >>> from inna_optax import data
      >>> text = data.load_text()
      >>> data.bigram_bits(text) < data.unigram_bits(text) < 8
      True
    """
    _check_text(text)
    return _bits(_pairs(text.train), _pairs(text.test))


def _find(folder: pathlib.Path, suffix: str, but: Sequence[str] = ()) -> list[str]:
    """The names of files, from `folder` on, in it and in the folders in it.

    Folders that are links are not entered: they may lead in a circle.

    Args:
      folder: where to look.
      suffix: of the files' names.
      but: patterns of the names of files and folders that are left out.

    Raises:
      DataError: if a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    def is_wanted(name: str) -> bool:
        return not any(fnmatch.fnmatchcase(name, pattern) for pattern in but)

    found = []
    try:
        for root, folders, files in os.walk(folder, onerror=refuse):
            folders[:] = filter(is_wanted, folders)
            paths = (pathlib.Path(root, name) for name in filter(is_wanted, files))
            found += [
                path.relative_to(folder).as_posix()
                for path in paths
                if path.suffix == suffix and path.is_file()
            ]
    except OSError as error:
        raise _unreadable(error) from error
    return found


def _join(folder: pathlib.Path, names: Sequence[str]) -> bytes:
    """The content of files, one after the other."""
    return b"".join(_read(folder / name) for name in names)


def _read(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> DataError:
    return DataError(f"{error.filename} cannot be read: {error.strerror or error}")


def _windows(text: bytes, context: int, place: str) -> np.ndarray:
    """All whole windows of `context` + 1 bytes, in a fixed random order.

    Returns:
      An array of shape (windows, context + 1).

    Raises:
      DataError: if there is no window.
    """
    length = context + 1
    windows = len(text) // length
    if not windows:
        raise DataError(
            f"{place} must hold at least context + 1 = {length} bytes, got {len(text)}"
        )
    # RandomState, since every version of NumPy draws the same numbers from it.
    order = np.random.RandomState(0).permutation(windows)
    return np.frombuffer(text, np.uint8, windows * length).reshape(windows, -1)[order]


def _check_text(text: Any) -> None:
    if not isinstance(text, Text):
        raise TypeError(
            "text must be of type Text, as load_text returns it, got"
            f" {type(text).__name__}."
        )


def _pairs(windows: np.ndarray) -> np.ndarray:
    """How often each byte (columns) follows each (rows) within a window."""
    before, after = windows[:, :-1].astype(np.intp), windows[:, 1:]
    counts = np.bincount((BYTES * before + after).ravel(), minlength=BYTES**2)
    return counts.reshape(BYTES, BYTES)


def _bits(train: np.ndarray, test: np.ndarray) -> float:
    """The mean bits of what `test` counts, by the counts of `train` plus one."""
    smoothed = train + 1
    probabilities = smoothed / smoothed.sum(axis=-1, keepdims=True)
    return float(-np.sum(test * np.log2(probabilities)) / np.sum(test))
