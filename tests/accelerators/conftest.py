import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "benchmarks"))
import compiling


@pytest.fixture(params=["H100", "v5e"])
def chip(request):
    """Skips without its compiler, unless INNA_OPTAX_REQUIRE_ACCELERATORS is set."""
    try:
        compiling.devices(request.param)
    except compiling.MissingCompilerError as error:
        if os.environ.get("INNA_OPTAX_REQUIRE_ACCELERATORS"):
            raise
        pytest.skip(str(error))
    return request.param
