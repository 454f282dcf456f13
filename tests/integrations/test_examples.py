"""The blocks of docs/integrations.md run as they are, without a warning."""

import re

import pytest

from tests.integrations.page import BLOCKS, TEXT, run


@pytest.mark.parametrize("title", BLOCKS)
def test_block_runs(title, capsys):
    """Each block asserts what it shows, and prints it."""
    run(title)
    assert capsys.readouterr().out


def test_every_section_has_one_block():
    assert BLOCKS
    assert {title: len(blocks) for title, blocks in BLOCKS.items()} == dict.fromkeys(
        BLOCKS, 1
    )


def test_blocks_fit_the_page():
    long = [
        x for (block,) in BLOCKS.values() for x in block.splitlines() if len(x) > 88
    ]
    assert not long


def test_links_lead_to_sections():
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in BLOCKS
    }
    links = re.findall(r"\]\(#(.+?)\)", TEXT)
    assert links
    assert set(links) <= anchors
