import os

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")

import jax
import pytest


@pytest.fixture
def x64():
    """Runs the test in double precision."""
    # The context, not the global flag: inside another such context the flag's value
    # cannot be told from the context's, and putting it back would leave it set.
    if hasattr(jax, "enable_x64"):
        enable = jax.enable_x64
    else:
        from jax.experimental import enable_x64 as enable
    with enable(True):
        yield
