"""Bad input is answered as docs/mistakes.md says, and no argument is left out."""

import re

import pytest

from inna_optax.experiments.commands.command_line import COMMANDS, make_parser
from tests.mistakes import commands, page

TRIED, ANSWERS = list(page.catalogue()), page.answers()


@pytest.mark.parametrize("tried", TRIED, ids=lambda tried: tried.title)
def test_is_answered_as_the_page_says(tried):
    assert tried.answer() == ANSWERS[tried.title]


def test_the_page_holds_nothing_else():
    assert list(ANSWERS) == [tried.title for tried in TRIED]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_tried(command, capsys):
    with pytest.raises(SystemExit):
        make_parser().parse_args([command, "--help"])
    options = set(re.findall(r"^ +(--[a-z0-9-]+)", capsys.readouterr().out, re.M))
    given = {
        word.partition("=")[0]
        for typed in commands.TYPED
        if typed.startswith(f"{command} ")
        for word in typed.split()
    }
    assert options <= given
