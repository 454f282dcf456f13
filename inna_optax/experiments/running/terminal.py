"""Output that every terminal, file and pipe takes, whatever its encoding.

A code page of Windows or a POSIX locale has no Greek letters, and names of files may
hold bytes that no encoding has.  What a stream cannot write is written in ASCII, which
is decided here for all that is printed.
"""

import codecs
import contextlib
import io
import os
import pathlib
import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any, NoReturn

from rich.console import Console as RichConsole
from rich.text import Text

ERRORS = "inna_optax.ascii"  # the name of `_replacement` as Python's codecs know it
READER_LEFT = 128 + 13  # the shell's status of a program that SIGPIPE ended
SIGNS = {"√": "sqrt", "±": "+-", "\N{MINUS SIGN}": "-", "…": ".", "λ": "lambda"}
GREEK = re.compile("GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)")
BETWEEN_GREEK = re.compile("(?<=[Α-Ωα-ω])(?=[Α-Ωα-ω])")


def _in_ascii(char: str) -> str:
    """A character as ASCII has it: its name, its digit, or how Python escapes it."""
    if char in SIGNS:
        return SIGNS[char]
    if letter := GREEK.fullmatch(unicodedata.name(char, "")):
        return letter[2].lower() if letter[1] == "SMALL" else letter[2].capitalize()
    digit = unicodedata.digit(char, None)
    return ascii(char)[1:-1] if digit is None else str(digit)


def _replacement(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that cannot be encoded; Greek letters multiply."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = BETWEEN_GREEK.sub("*", error.object[error.start : error.end])
    return "".join(map(_in_ascii, text)), error.end


codecs.register_error(ERRORS, _replacement)


def readable(text: str, encoding: str) -> str:
    """`text` as it is written in an encoding."""
    return text.encode(encoding, ERRORS).decode(encoding)


class Console(RichConsole):
    """Rich's console, for texts that hold what users typed: names, notes and paths.

    It lays a text out as its stream writes it.  Brackets and colons are what they are,
    no markup and no emoji.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text as it is written, styled."""
        return super().render_str(readable(text, self.encoding), **options)

    def on_broken_pipe(self) -> NoReturn:
        """Leaves it to :func:`any_output`."""
        raise BrokenPipeError


@contextlib.contextmanager
def any_output() -> Iterator[None]:
    """Within it, stdout and stderr take every text; a reader may leave, as `head` does.

    Raises:
      SystemExit: if the reader has left: quietly.
    """
    streams = [s for s in (sys.stdout, sys.stderr) if isinstance(s, io.TextIOWrapper)]
    for stream in streams:
        stream.reconfigure(errors=ERRORS)
    try:
        try:
            yield
        finally:
            for stream in streams:
                stream.flush()  # here, rather than when Python ends
    except BrokenPipeError:
        with pathlib.Path(os.devnull).open("wb") as nowhere:
            for stream in streams:  # which Python flushes once more when it ends
                os.dup2(nowhere.fileno(), stream.fileno())
        raise SystemExit(READER_LEFT) from None
