"""A record says where it comes from, on any machine."""

from importlib import metadata

import jax
import pytest

import inna_optax
from inna_optax.experiments.running.provenance import provenance, versions


def test_versions_are_those_that_run():
    found = versions()
    assert found["inna-optax"] == inna_optax.__version__
    assert found["jax"] == jax.__version__


def test_versions_leave_out_what_is_not_installed(monkeypatch):
    def version(name):
        if name == "jax":
            return "1.2"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    expected = {"inna-optax": inna_optax.__version__, "jax": "1.2"}
    assert versions("torch") == expected


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ({}, "inna-optax table 3.1 --out 'a b'"),
        ({"program": ("python", "x.py")}, "python x.py table 3.1 --out 'a b'"),
    ],
)
def test_provenance_tells_the_command(program, command):
    found = provenance(["table", "3.1", "--out", "a b"], **program)
    assert list(found) == ["command", "date", "machine", "versions"]
    assert found["command"] == command
    assert found["machine"].endswith("CPU cores") == (jax.default_backend() == "cpu")


def test_provenance_adds_packages():
    assert provenance([], packages=["pytest"])["versions"]["pytest"]
