"""What the site takes from the rest of the repository: a hook of mkdocs.

It adds the notebooks in `notebooks/`, with their place in the navigation, and the
pictures in `benchmarks/results/` as `results/...`.  On a page it replaces these marks:

- `<!-- README section: HEADING -->` by README.md's text under that heading.
- `<!-- table: NAME -->` by a table that `benchmarks/tables` makes from a record.
- `<!-- picture: PATH: TEXT -->` by a picture, which may not be there yet.
"""

import json
import pathlib
import re
import sys
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from benchmarks import tables

ROOT = pathlib.Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "benchmarks" / "results"
EMPTY = "*Not measured yet.*"


def on_config(config: Any, **kwargs: Any) -> Any:
    """Puts the notebooks before the API reference."""
    del kwargs
    pages = [
        {_title(path): f"notebooks/{path.name}"}
        for path in sorted(NOTEBOOKS.glob("*.ipynb"))
    ]
    if pages:
        titles = [next(iter(entry)) for entry in config.nav]
        config.nav.insert(titles.index("API reference"), {"Notebooks": pages})
    return config


def _title(path: pathlib.Path) -> str:
    """A notebook's first heading."""
    for cell in json.loads(path.read_text())["cells"]:
        heading = re.search(r"^# +(.+)$", "".join(cell["source"]), re.MULTILINE)
        if cell["cell_type"] == "markdown" and heading:
            return heading[1].replace("`", "")
    return path.stem


@event_priority(100)  # before mkdocs-jupyter looks for notebooks
def on_files(files: Files, config: Any, **kwargs: Any) -> Files:
    """Adds the notebooks and the pictures."""
    del kwargs
    found = [
        *sorted(NOTEBOOKS.glob("*.ipynb")),
        *sorted(RESULTS.glob("**/*.png")),
    ]
    for path in found:
        base = ROOT if path.suffix == ".ipynb" else RESULTS.parent
        files.append(
            File(
                path.relative_to(base).as_posix(),
                str(base),
                config.site_dir,
                config.use_directory_urls,
            )
        )
    return files


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Replaces the marks on a page."""
    del kwargs
    for pattern, found in (
        (r"^<!-- table: (.+) -->$", _table),
        (r"^<!-- README section: (.+) -->$", _section),
        (r"^<!-- picture: (\S+): (.+) -->$", _picture),
    ):
        markdown = re.sub(pattern, found, markdown, flags=re.MULTILINE)
    return markdown


def _table(match: re.Match[str]) -> str:
    if match[1] not in tables.TABLES:
        raise PluginError(f"benchmarks/tables has no table {match[1]!r}")
    return tables.TABLES[match[1]]()


def _section(match: re.Match[str]) -> str:
    text = (ROOT / "README.md").read_text()
    pattern = rf"^## {re.escape(match[1])}\n(.*?)(?=^## |\Z)"
    found = re.search(pattern, text, flags=re.DOTALL | re.MULTILINE)
    if found is None:
        raise PluginError(f"README.md has no section {match[1]!r}")
    return found[1].strip().replace("(benchmarks/results/", "(results/")


def _picture(match: re.Match[str]) -> str:
    path, text = match.groups()
    return f"![{text}](results/{path})" if (RESULTS / path).is_file() else EMPTY
