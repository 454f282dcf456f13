import pytest

from tests.precision import enable_x64


@pytest.fixture
def float64():
    """Double precision inside one test."""
    with enable_x64(True):
        yield


@pytest.fixture
def float32():
    """Single precision inside one test, whatever the environment says."""
    with enable_x64(False):
        yield
