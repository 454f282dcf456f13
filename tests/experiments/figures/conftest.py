import json

import pytest

from inna_optax.training import write_json
from tests.precision import enable_x64


@pytest.fixture(scope="module")
def result(request, tmp_path_factory):
    """What the test module's FIGURE computes in double precision, read back."""
    path = tmp_path_factory.mktemp("figure") / "figure.json"
    with enable_x64(True):
        write_json(path, request.module.FIGURE.compute("desk"))
        assert path.stat().st_size < 350_000  # a record is to be read, too
        yield json.loads(path.read_text())


@pytest.fixture(scope="module")
def readings(result):
    return result["readings"]
