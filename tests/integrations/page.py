"""The sections and blocks of docs/integrations.md."""

import pathlib
import re

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "integrations.md"
TEXT = PAGE.read_text(encoding="utf-8")
# Title of a section -> its Python blocks.
BLOCKS = {
    section.partition("\n")[0]: re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
}


def run(title):
    """Runs a section's block in a fresh namespace, and returns the namespace."""
    namespace = {"__name__": "integrations"}
    (block,) = BLOCKS[title]
    exec(compile(block, f"{PAGE.name}: {title}", "exec"), namespace)
    return namespace
