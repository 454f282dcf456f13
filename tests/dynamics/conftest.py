import jax
import pytest


@pytest.fixture
def float64():
    """Double precision inside one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def float32():
    """Single precision inside one test, whatever the environment says."""
    with jax.enable_x64(False):
        yield
