import pytest
from rich.console import Console

from inna_optax.experiments.running.progress import progress_bar


@pytest.mark.parametrize("terminal", [False, True])
def test_epochs_are_printed_where_no_bar_is_seen(terminal, monkeypatch, capsys):
    monkeypatch.setattr(Console, "is_terminal", property(lambda _: terminal))
    with progress_bar("digits", 10) as bar:
        bar.advance(10)
        bar.log("epoch 1/1: training loss 0.5")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ("training loss 0.5" in printed.err) == (not terminal)
