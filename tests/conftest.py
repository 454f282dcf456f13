import os
import pathlib

import pytest

from tests.compilation import XLA_FLAGS

os.environ.setdefault("XLA_FLAGS", XLA_FLAGS)
# What was compiled once is kept, for other tests of this run and for the next: of each
# of pytest's workers in a place of its own, since JAX does not lock it.
CACHE = pathlib.Path(__file__).parents[1] / ".pytest_cache" / "compiled"
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(CACHE / os.environ.get("PYTEST_XDIST_WORKER", "alone")),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# Where coverage comes in by this variable, as in .ci/run, it measures pytest's workers;
# the commands that tests start run as the user's do.
if "PYTEST_XDIST_WORKER" in os.environ and os.environ.pop("COVERAGE_PROCESS_START", ""):
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """With -n, a module's tests go to one worker: some modules prepare at length.

    In the order of their names, by which long ones do not come last.  (Options in
    pyproject.toml would be an error without -n.)
    """
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False


@pytest.fixture
def x64():
    """Runs the test in double precision."""
    from tests.precision import enable_x64

    with enable_x64(True):
        yield
