"""The folders in which the files of a data set are looked for."""

import os
import pathlib
import stat
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from inna_optax._checks import shown
from inna_optax.data.catalog import Source
from inna_optax.data.errors import DataError

VARIABLE = "INNA_OPTAX_DATA_DIR"
CACHE = pathlib.PurePosixPath("~/.cache/inna_optax")


class Place(NamedTuple):
    """A folder to look in."""

    folder: pathlib.Path
    title: str  # its name in errors


def given_place(data_dir: str | os.PathLike[str]) -> Place:
    """The folder that the user named.

    Raises:
      TypeError: if it is not a path.
      DataError: if it is not a folder.
    """
    if not isinstance(data_dir, str | os.PathLike):
        raise TypeError(f"data_dir must be a str or a path, got {shown(data_dir)}.")
    if not os.fspath(data_dir):
        raise DataError("data_dir must name a folder, got ''")
    folder = _expanded(data_dir)
    if not _is(folder, stat.S_ISDIR):
        raise DataError(f"data_dir must name a folder, got {os.fspath(data_dir)!r}")
    return Place(folder, str(folder))


def default_places() -> list[Place]:
    """The folders to look in when the user named none."""
    variable = os.environ.get(VARIABLE)
    places = (
        [Place(_expanded(variable), f"${VARIABLE} ({variable})")] if variable else []
    )
    return [*places, Place(_expanded(CACHE), str(CACHE))]


def find_files(
    source: Source, place: Place
) -> Mapping[str, tuple[pathlib.Path, ...]] | None:
    """The files of each split, or None if there are none.

    A folder of the data set's name comes before the folder itself.  Symbolic links are
    followed wherever they lead: folders of links are common on clusters, and files are
    only read, and checked.

    Raises:
      DataError: if only some of the files are there.
    """
    for folder in _folders(source, place):
        found: dict[str, tuple[pathlib.Path, ...]] = {}
        missing: list[str] = []
        for split, names in source.files.items():
            paths = {name: _find(folder, source.spellings(name)) for name in names}
            found[split] = tuple(path for path in paths.values() if path)
            missing += [name for name, path in paths.items() if path is None]
        if not missing:
            return found
        if any(found.values()):
            raise DataError(
                f"{folder} holds a part of {source.name}, but not {', '.join(missing)}"
            )
    return None


def check_not_mistaken(source: Source, place: Place) -> None:
    """Checks that the folder does not hold a wrong distribution of the data set.

    Raises:
      DataError: if it does; the error says what to get instead.
    """
    for folder in _folders(source, place):
        own_name = folder.absolute().name  # of ".", too
        for name, complaint in source.mistaken.items():
            path = folder if own_name == name else folder / name
            if _is(path, stat.S_ISDIR) or _is(path, stat.S_ISREG):
                raise DataError(f"{path} {complaint}")


def describe_files(source: Source) -> str:
    """The files that are looked for in each place, in words."""
    names = ", ".join(name for names in source.files.values() for name in names)
    note = " (each may end in .gz)" if ".gz" in "".join(source.spellings("")) else ""
    return f"{names}{note}, in the folder or in {' or '.join(source.folders)} in it"


def _folders(source: Source, place: Place) -> list[pathlib.Path]:
    return [*(place.folder / name for name in source.folders), place.folder]


def _find(folder: pathlib.Path, names: Iterable[str]) -> pathlib.Path | None:
    paths = (folder / name for name in names)
    return next((path for path in paths if _is(path, stat.S_ISREG)), None)


def _is(path: pathlib.Path, kind: Callable[[int], bool]) -> bool:
    """Whether a path leads to something of that kind, perhaps through links."""
    try:
        return kind(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a null byte
        return False
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _expanded(path: str | os.PathLike[str]) -> pathlib.Path:
    """The path with `~` expanded, or as it is if the user's home is unknown."""
    # Not by pathlib, for which ./~ is ~.
    return pathlib.Path(os.path.expanduser(path))  # noqa: PTH111
