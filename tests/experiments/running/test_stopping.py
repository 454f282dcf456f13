import shlex

import pytest

from inna_optax.experiments.commands import command_line
from inna_optax.experiments.running.stopping import Stopped


@pytest.mark.parametrize("name", ["runs", "my runs/it's é"])
@pytest.mark.parametrize("given", [[], ["--resume"]])
def test_the_command_that_a_stop_names_goes_on_with_it(
    tmp_path, monkeypatch, capsys, name, given
):
    """It can be copied into a shell, whatever the folder is called."""
    typed = ["train", "digits", "--optimizer", "inna"]
    folder = tmp_path / name

    def stop(arguments, argv):
        raise Stopped(15, folder)

    monkeypatch.setattr(command_line, "_run", stop)
    given = [f"--out={folder}", *given] if given else []
    assert command_line.main([*typed, *given]) == 128 + 15
    _, _, command = capsys.readouterr().err.partition("SIGTERM; go on with ")
    out = given[:1] or ["--out", str(folder)]
    assert shlex.split(command) == ["inna-optax", *typed, *out, "--resume"]
