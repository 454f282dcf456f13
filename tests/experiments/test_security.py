"""What the commands do to the machine: no more than they say."""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.experiments import audited
from tests.experiments.shell import SHELL
from tests.marks import slow

COMMANDS = [
    "list",
    # Without --tensorboard: its package hands events to its own thread as pickles.
    slow("train digits --optimizer inna --train-examples 96 --epochs 1"),
    slow("compare --optimizers sgd --train-examples 96 --epochs 1 --seeds 1"),
    slow("figure 3.1"),
    "table 3.1",
]


def happened(folder, *arguments):
    """The paths that a command changed and what else it did, HOME and all in FOLDER."""
    for name in ("home", "temporary", "here"):
        (folder / name).mkdir(exist_ok=True)
    places = {"HOME": str(folder / "home"), "TMPDIR": str(folder / "temporary")}
    variables = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR")
    shell = {k: v for k, v in SHELL.items() if k not in variables}
    subprocess.run(
        [sys.executable, audited.__file__, "list", folder / "list", *arguments],
        capture_output=True,
        check=True,
        cwd=folder / "here",
        env=shell | places,
    )
    return set((folder / "list").read_text().splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_touched_but_the_output_folder_and_the_cache(tmp_path, command):
    """No pickle is read, no program started, nobody called (audited)."""
    out = tmp_path / "out"
    asked = [] if command == "list" else ["--out", str(out)]
    found = happened(tmp_path, *command.split(), *asked)
    assert (str(out / ".lock") in found) == bool(asked)
    allowed = {out, tmp_path / "home" / ".cache", tmp_path / "home" / ".config"}
    elsewhere = {
        thing
        for thing in found
        if not allowed & {pathlib.Path(thing), *pathlib.Path(thing).parents}
        # matplotlib looks for the fonts, the first time.
        and not thing.startswith("subprocess.Popen ('fc-list'")
    }
    assert elsewhere <= {str(tmp_path / "home")}
    # What libraries of C++ write, the audit does not see.
    assert not [*(tmp_path / "temporary").iterdir(), *(tmp_path / "here").iterdir()]


def test_the_audit_sees_what_it_is_there_for(tmp_path):
    seen = set()
    hook = audited.list_into(seen)
    hook("open", (str(tmp_path / "a"), "w", 577))
    hook("open", (str(tmp_path / "read"), "r", 524288))
    hook("os.rename", ("b", "/c", -1, -1))
    folder = os.open(tmp_path, os.O_RDONLY)
    hook("os.remove", ("d", folder))
    os.close(folder)
    hook("pickle.find_class", ("os", "system"))
    assert seen == {
        str(tmp_path / "a"),
        str(pathlib.Path("b").absolute()),
        "/c",
        str(tmp_path / "d"),
        "pickle.find_class ('os', 'system')",
    }
