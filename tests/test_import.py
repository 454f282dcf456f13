import subprocess
import sys

import inna_optax


def loaded_after(statement, *names):
    code = (
        f"import sys; {statement}; print(*(n for n in {names!r} if n in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_import_loads_none_of_what_the_extras_bring():
    heavy = ("flax", "matplotlib", "diffrax", "equinox", "matfree")
    heavy += ("sklearn", "orbax", "rich")
    assert loaded_after("import inna_optax", *heavy) == []


def test_public_names_exist():
    for name in inna_optax.__all__:
        assert getattr(inna_optax, name) is not None


def test_version_is_stated_once():
    from importlib.metadata import version

    assert version("inna-optax") == inna_optax.__version__
