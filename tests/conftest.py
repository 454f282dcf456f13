import os

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

import pytest

from tests.precision import enable_x64


@pytest.fixture
def x64():
    """Runs the test in double precision."""
    with enable_x64(True):
        yield
