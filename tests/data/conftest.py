import os
import pathlib

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """No test looks into the real home or data folder unless it asks for it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("INNA_OPTAX_DATA_DIR", raising=False)
    return folder


REAL = os.environ.get("INNA_OPTAX_DATA_DIR")


@pytest.fixture
def real_mnist():
    """The folder of the real MNIST; with INNA_OPTAX_REQUIRE_DATA it must be there."""
    if REAL and any(pathlib.Path(REAL).glob("mnist/train-images-idx3-ubyte*")):
        return pathlib.Path(REAL)
    reason = f"no mnist/train-images-idx3-ubyte[.gz] in $INNA_OPTAX_DATA_DIR ({REAL})"
    if os.environ.get("INNA_OPTAX_REQUIRE_DATA"):
        pytest.fail(reason)
    pytest.skip(reason)
