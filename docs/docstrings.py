"""Reads this package's docstrings for the site: a griffe extension.

The docstrings are written as optax's are: Google sections, with the roles and
directives of reStructuredText, so that they read well under `help()` and in Sphinx.
This site is Markdown.  The extension translates the few constructs in use, makes a
table of the fields of a `NamedTuple` and the comments beside them, and takes the `#:`
comments above constants for their documentation.
"""

import ast
import pathlib
import re
import textwrap
from collections.abc import Iterable
from typing import Any

import griffe

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("", ".dynamics", ".landscapes", ".zoo", ".data", ".training")


def public_names() -> dict[str, str]:
    """Where each public name is documented, by the name."""
    found = {}
    for package in PACKAGES:
        path = ROOT / f"inna_optax{package.replace('.', '/')}" / "__init__.py"
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == (
                "__all__"
            ):
                for name in ast.literal_eval(node.value):
                    found[name] = f"inna_optax{package}.{name}"
    return found


NAMES = public_names()


def to_markdown(text: str) -> str:
    """The docstring, with reStructuredText's roles and directives as Markdown."""
    text = re.sub(r":math:`(.+?)`", _inline_math, text, flags=re.DOTALL)
    text = re.sub(r":(?:func|class|data|exc|mod|meth|attr):`(.+?)`", _reference, text)
    text = re.sub(r"`([^`<>]+?)\s*<(https?://[^>]+)>`_+", _link, text)
    text = _directives(text)
    return _references(text)


def _inline_math(match: re.Match[str]) -> str:
    return f"${' '.join(match[1].split())}$"


def _reference(match: re.Match[str]) -> str:
    return _named(match[1].lstrip("~."))


def _named(name: str) -> str:
    """The name as code, and a link if it is one of ours."""
    target = NAMES.get(name.removeprefix("inna_optax."))
    return f"[`{name}`][{target}]" if target else f"`{name}`"


def _link(match: re.Match[str]) -> str:
    return f"[{' '.join(match[1].split())}]({match[2]})"


def _blocks(text: str, head: str) -> Any:
    """Where a line that matches `head` stands before an indented block."""
    return re.finditer(
        rf"^(?P<indent> *){head}[ ]*\n(?P<body>(?:(?P=indent) +\S.*\n|[ ]*\n)+)",
        text,
        flags=re.MULTILINE,
    )


def _directives(text: str) -> str:
    """Displayed formulas and admonitions."""
    text += "\n"
    pieces, end = [], 0
    for match in _blocks(text, r"\.\. (?P<kind>math|note|warning)::"):
        body = textwrap.dedent(match["body"]).strip("\n")
        if match["kind"] == "math":
            block = f"$$\n{body}\n$$"
        else:
            block = f"!!! {match['kind']}\n\n{textwrap.indent(body, '    ')}"
        pieces += [
            text[end : match.start()],
            "\n",
            textwrap.indent(block, match["indent"]),
            "\n\n",
        ]
        end = match.end()
    return "".join([*pieces, text[end:]]).rstrip("\n") + "\n"


def _references(text: str) -> str:
    """The section of references, as a list."""
    pieces, end = [], 0
    for match in _blocks(text, "References:"):
        entries = textwrap.dedent(match["body"]).strip("\n").split("\n\n")
        items = ["- " + " ".join(entry.split()) for entry in entries]
        pieces += [
            text[end : match.start()],
            "\n**References**\n\n" + "\n".join(items) + "\n\n",
        ]
        end = match.end()
    return "".join([*pieces, text[end:]])


def comment_of(lines: list[str], number: int, mark: str) -> str | None:
    """The comment after the definition on that line (from 1), or above it."""
    after = re.search(r"#\s*(?!type:|noqa)(\S.*)$", lines[number - 1])
    if after and mark == "#":
        return after[1]
    above: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not re.match(rf"\s*{mark}(\s|$)", line):
            break
        above.insert(0, line.strip().removeprefix(mark).removeprefix(" "))
    return "\n".join(above) or None


class DocstringsExtension(griffe.Extension):
    """Gives griffe the documentation in Markdown."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Translates an object's docstring."""
        del kwargs
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Takes the comments for docstrings."""
        del kwargs
        if attr.docstring or not attr.lineno or not attr.parent:
            return
        lines = pathlib.Path(str(attr.filepath)).read_text().splitlines()
        comment = comment_of(lines, attr.lineno, "#" if attr.parent.is_class else "#:")
        if comment:
            attr.docstring = griffe.Docstring(
                to_markdown(_sentence(comment)), parent=attr, lineno=attr.lineno
            )

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Puts the fields of a `NamedTuple` into a table in its docstring."""
        del kwargs
        if [str(base) for base in cls.bases] != ["NamedTuple"] or not cls.docstring:
            return
        fields = {
            name: member
            for name, member in cls.members.items()
            if member.is_attribute and not name.startswith("_")
        }
        cls.docstring.value += "\n" + table_of(fields.values())
        for name in fields:
            cls.del_member(name)


def table_of(fields: Iterable[griffe.Attribute]) -> str:
    """The fields, their types and what is said of them, in Markdown."""
    rows = ["| Field | Type | Meaning |", "|---|---|---|"]
    for field in fields:
        meaning = " ".join(field.docstring.value.split()) if field.docstring else ""
        cells = f"`{field.name}`", _named(str(field.annotation)), meaning
        rows.append(f"| {' | '.join(_cell(text) for text in cells)} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    """Bars outside of code would divide it."""
    return re.sub(r"(`[^`]*`)|\|", lambda match: match[1] or r"\|", text)


def _sentence(comment: str) -> str:
    """Shapes and types such as `shape=(), dtype=jnp.int32` set as code."""
    return re.sub(r"\b(shape=\([^)]*\)|dtype=[\w.]+)", r"`\1`", comment)
