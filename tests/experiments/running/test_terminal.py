"""What a stream's encoding lacks is written in ASCII, and a reader may leave."""

import io
import os
import sys

import pytest
from rich.table import Table

from inna_optax.experiments.commands import command_line
from inna_optax.experiments.running import terminal
from inna_optax.experiments.running.progress import progress_bar

ENCODINGS = ["ascii", "cp1252", "cp437", "shift_jis", "gb2312", "utf-8", "utf-16"]


@pytest.fixture
def streams(monkeypatch):
    """Gives stdout and stderr an encoding, and says what was written to them."""

    def replace(encoding):
        opened = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        for name, stream in zip(("stdout", "stderr"), opened, strict=True):
            monkeypatch.setattr(sys, name, stream)

        def written():
            for stream in opened:
                stream.flush()
            return [s.buffer.getvalue().decode(encoding) for s in opened]

        return written

    return replace


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("α = 0.5, Δ", "alpha = 0.5, Delta"),
        ("αβ < 1", "alpha*beta < 1"),
        ("λ, ν, β₁", "lambda, nu, beta1"),
        ("-√2 ± 1", "-sqrt2 +- 1"),
        ("train…", "train."),
        ("café/ü", r"caf\xe9/\xfc"),
        ("caf\udce9", r"caf\udce9"),  # a byte in a file's name
        ("plain", "plain"),
    ],
)
def test_a_text_in_ascii(text, shown):
    assert terminal.readable(text, "ascii") == shown


def test_only_what_an_encoding_lacks_is_replaced():
    assert terminal.readable("café ± ν", "cp1252") == "café ± nu"
    assert terminal.readable("αβ √2 café", "utf-8") == "αβ √2 café"


def test_only_writing_is_helped():
    with pytest.raises(UnicodeDecodeError):
        b"caf\xe9".decode("ascii", terminal.ERRORS)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_all_that_is_printed_is_written(streams, encoding):
    written = streams(encoding)
    with terminal.any_output():
        print("αβ ⠋ \udce9", file=sys.stderr)
        with progress_bar("INNA, α = 0.5", 10) as bar:
            bar.describe("INNA, ν")
            bar.log("café/results.json")
        terminal.Console().print("αβ ⠋ \udce9")
    assert all(written())


def test_a_table_is_laid_out_as_it_is_written(streams):
    written = streams("ascii")
    table = Table("name", "value", title="Ω")
    table.add_row("ν", "1")
    table.add_row("alpha", "√2")
    with terminal.any_output():
        terminal.Console().print(table)
    title, *rows = written()[0].splitlines()
    assert title.strip() == "Omega"
    assert "nu" in "".join(rows)
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("path", ["x[red]/y", "x[/b]", "a:b:c/:smile:", "[link=x]"])
def test_a_path_is_no_markup(streams, path):
    written = streams("utf-8")
    with terminal.any_output():
        terminal.Console().print(path, soft_wrap=True)
    assert written()[0] == f"{path}\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    "typed",
    [["list"], ["--help"], ["compare", "--help"], ["train", "é"], ["list", "--ü"]],
)
def test_commands_and_their_errors(streams, encoding, typed):
    written = streams(encoding)
    try:
        status = command_line.main(typed)
    except SystemExit as stopped:
        status = stopped.code
    output, errors = written()
    assert bool(output) == (status == 0)
    assert bool(errors) == (status == 2)


def test_a_table_of_the_papers_in_ascii(streams, tmp_path):
    written = streams("ascii")
    assert command_line.main(["table", "3.1", "--out", str(tmp_path / "é")]) == 0
    output, _ = written()
    assert "sqrt2" in output
    assert r"\xe9/table-3.1.json" in output


def test_a_comparison_in_ascii(streams, tmp_path):
    written = streams("ascii")
    small = "--epochs 1 --seeds 1 --train-examples 32 --optimizers step_tuned_sgd"
    assert command_line.main(["compare", *small.split(), "--out", str(tmp_path)]) == 0
    assert ", nu " in written()[0]


def test_what_is_no_file_is_left_as_it_is(monkeypatch):
    """Without a console there is no stream, and notebooks have their own."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert command_line.main(["list"]) == 0
    assert command_line.main(["lost"]) == 2
    assert "'lost' is unknown" in sys.stderr.getvalue()


@pytest.mark.parametrize("typed", [["list"], ["train", "--help"]])
def test_a_reader_that_leaves_ends_the_command_quietly(monkeypatch, typed):
    reader, writer = os.pipe()
    os.close(reader)
    errors = io.StringIO()
    with open(writer, "w", encoding="ascii") as stream:  # noqa: PTH123 (a number)
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", errors)
        with pytest.raises(SystemExit) as stopped:
            command_line.main(typed)
    assert stopped.value.code == 141
    assert errors.getvalue() == ""
