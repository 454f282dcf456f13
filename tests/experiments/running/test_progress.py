import io

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


def test_a_bar_fits_into_80_columns(monkeypatch):
    """With the longest name, and with all that `train` shows."""
    stream = io.StringIO()
    monkeypatch.setattr(
        "inna_optax.experiments.running.progress.Console",
        lambda **options: Console(file=stream, width=80, force_terminal=True),
    )
    with progress_bar("mnist-lenet: Schedule-Free AdamW", 10_000_000) as bar:
        bar.advance(123_456)
    with progress_bar("gpt: INNAprop", 10_000_000) as bar:
        bar.show("100/300, batch loss 0.000123")
        bar.advance(123_456)
    lines = stream.getvalue().replace("\r", "\n").splitlines()
    assert all("left" in line for line in lines if "%" in line)
