import pathlib
import shlex
import signal

import pytest

from inna_optax.experiments.running.stopping import Stopped


@pytest.mark.parametrize("folder", ["run", "my runs", "it's", "$HOME", "café"])
def test_what_to_type_next_can_be_copied_into_a_shell(folder):
    told = str(Stopped(signal.SIGINT, pathlib.Path(folder)))
    assert shlex.split(told.partition("go on with ")[2]) == [
        "--out",
        folder,
        "--resume",
    ]
