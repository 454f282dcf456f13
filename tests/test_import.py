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


def test_import_loads_jax_and_optax_only():
    heavy = ("flax", "matplotlib", "diffrax", "sklearn", "orbax", "tyro", "rich")
    assert loaded_after("import inna_optax", *heavy) == []


def test_public_names_exist():
    for name in inna_optax.__all__:
        assert getattr(inna_optax, name) is not None


def test_version_is_stated_once():
    from importlib.metadata import version

    assert version("inna-optax") == inna_optax.__version__
