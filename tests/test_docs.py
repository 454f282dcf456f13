"""What the site says is true of this code, and it leaves no public name out."""

import importlib
import importlib.util
import inspect
import json
import pathlib
import re
import textwrap
import tomllib

import jax
import pytest

ROOT = pathlib.Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
MODULES = ("", ".dynamics", ".landscapes", ".zoo", ".data", ".training")
PUBLIC = [
    (f"inna_optax{module}", name)
    for module in MODULES
    for name in importlib.import_module(f"inna_optax{module}").__all__
    if name != "__version__"
]
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", flags=re.DOTALL | re.MULTILINE)


def blocks():
    # The blocks of integrations.md run in tests/integrations.
    for page in PAGES:
        if page.name == "integrations.md":
            continue
        text = page.read_text()
        for match in BLOCK.finditer(text):
            line = text[: match.start()].count("\n") + 1
            yield pytest.param(
                page, line, inspect.cleandoc(match[2]), id=f"{page.name}:{line}"
            )


@pytest.mark.parametrize(("page", "line", "code"), [*blocks()])
def test_block_runs(page, line, code):
    # Lines are counted as on the page, for the traceback.
    exec(compile("\n" * line + code, page, "exec"), {"__name__": "__main__"})


def test_pages_with_code_are_found():
    assert {"index.md", "derivation.md", "faq.md"} <= {page.name for page in PAGES}


def documented():
    """The objects that the API pages name, by module and name."""
    names = re.findall(
        r"^(?:::: |\[\]\(\)\{ #)([\w.]+)",
        "\n".join(page.read_text() for page in (DOCS / "api").glob("*.md")),
        flags=re.MULTILINE,
    )
    return set(names)


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_name_is_on_an_api_page(module, name):
    assert {f"{module}.{name}", module} & documented()


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_name_has_a_docstring(module, name):
    value = getattr(importlib.import_module(module), name)
    if inspect.isroutine(value) or inspect.isclass(value):
        text = inspect.getdoc(value) or ""
        generated = inspect.isclass(value) and text.startswith(f"{name}(")
        assert text.strip(), name
        assert not generated, f"{name} has only the docstring that NamedTuple makes"
    else:  # A constant: a comment above it, or words on the API page.
        pages = (page.read_text() for page in (DOCS / "api").glob("*.md"))
        source = "".join(
            path.read_text() for path in (ROOT / "inna_optax").rglob("*.py")
        )
        commented = re.search(rf"^#:.*\n(?:#:.*\n)*{name} = ", source, re.MULTILINE)
        assert commented or any(f"`{name}` is" in page for page in pages)


def test_directives_name_what_exists():
    for path in documented():
        parts = path.split(".")
        for n in range(len(parts) - 1, 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:n]))
            except ModuleNotFoundError:
                continue
            for part in parts[n:]:
                found = getattr(found, part)
            break


def test_pages_and_navigation_agree():
    nav = re.findall(r"^ *- .*?([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert set(nav) == pages


def test_sections_taken_from_readme_are_there():
    readme = (ROOT / "README.md").read_text()
    for page in PAGES:
        for head in re.findall(
            r"^<!-- README section: (.+) -->$", page.read_text(), re.M
        ):
            assert f"\n## {head}\n" in readme


def test_citation_names_the_papers():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    inna_optax = importlib.import_module("inna_optax")
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == inna_optax.__version__
    assert citation["authors"]
    assert citation["message"]
    kinds = {(r["type"], r["year"], r["title"]) for r in citation["references"]}
    thesis = "Inertial and Second-order Optimization Algorithms"
    assert any(k == "thesis" and y == 2021 and thesis in t for k, y, t in kinds)
    assert ("article", 2021, "An Inertial Newton Algorithm for Deep Learning") in kinds


def test_changelog_has_the_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    version = importlib.import_module("inna_optax").__version__
    assert "## [Unreleased]" in text
    assert version in text


@pytest.fixture(scope="module")
def translator():
    """The extension that turns docstrings into Markdown, where griffe is there."""
    pytest.importorskip("griffe")
    path = DOCS / "docstrings.py"
    spec = importlib.util.spec_from_file_location("docs_docstrings", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("rst", "markdown"),
    [
        (r"a :math:`\alpha` b", r"a $\alpha$ b"),
        (
            "see :func:`inna` and :class:`.Dataset`",
            "see [`inna`][inna_optax.inna] and [`Dataset`][inna_optax.data.Dataset]",
        ),
        (":class:`optax.MultiSteps`", "`optax.MultiSteps`"),
        (
            "Castera, `Inertial\n  Newton <https://a.b/c>`_, 2021",
            "Castera, [Inertial Newton](https://a.b/c), 2021",
        ),
    ],
)
def test_docstring_roles_become_markdown(translator, rst, markdown):
    assert translator.to_markdown(rst).strip() == markdown


def test_fields_become_a_table(translator, tmp_path):
    import griffe

    path = tmp_path / "module.py"
    path.write_text(
        "class Settings(NamedTuple):\n"
        '    """What is set."""\n\n'
        "    rate: float  # of :math:`x`\n"
        "    # In two lines, of\n"
        "    # |g|.\n"
        "    inna: InnaSettings | None = None\n\n"
        "    def shown(self) -> str:\n"
        '        """What it is."""\n'
    )
    extensions = griffe.Extensions(translator.DocstringsExtension())
    module = griffe.visit("module", path, path.read_text(), extensions=extensions)
    settings = module["Settings"]
    assert list(settings.members) == ["shown"]
    assert settings.docstring.value.split("\n") == [
        "What is set.",
        "",
        "| Field | Type | Meaning |",
        "|---|---|---|",
        "| `rate` | `float` | of $x$ |",
        r"| `inna` | `InnaSettings | None` | In two lines, of \|g\|. |",
        "",
    ]


def test_docstring_directives_become_markdown(translator):
    text = "Head.\n\n.. math::\n  a = b\n\nText.\n\n.. note::\n  Mind this.\n"
    assert translator.to_markdown(text).split("\n") == [
        "Head.",
        "",
        "",
        "$$",
        "a = b",
        "$$",
        "",
        "Text.",
        "",
        "",
        "!!! note",
        "",
        "    Mind this.",
        "",
    ]


def test_no_role_is_left_in_a_public_docstring(translator):
    for module, name in PUBLIC:
        value = getattr(importlib.import_module(module), name)
        text = translator.to_markdown(inspect.getdoc(value) or "")
        assert not re.search(r":\w+:`|^\s*\.\. \w+::|`_\b", text, re.MULTILINE), name


def test_double_precision_is_not_left_on():
    """Blocks run in this process: they must not change it for other tests."""
    assert not jax.config.jax_enable_x64


def test_one_address():
    """That of messages is that of everything that names one."""
    from inna_optax._address import REPOSITORY

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Repository"] == REPOSITORY
    site = project["urls"]["Documentation"]
    mkdocs, citation = ((ROOT / n).read_text() for n in ("mkdocs.yml", "CITATION.cff"))
    assert f"\nsite_url: {site}\n" in mkdocs
    assert f"\nrepo_url: {REPOSITORY}\n" in mkdocs
    assert f'\nrepository-code: "{REPOSITORY}"\n' in citation
    assert f'\nurl: "{site}"\n' in citation
    name = REPOSITORY.removeprefix("https://github.com/")
    allowed = (REPOSITORY, site, f"/colab.research.google.com/github/{name}/")
    pages = [ROOT / "README.md", *PAGES, *(ROOT / "notebooks").glob("*.ipynb")]
    for page in pages:
        for found in re.findall(
            r"[\w:./+]{0,60}inna-optax/inna-optax/?", page.read_text()
        ):
            assert any(address in f"{found}/" for address in allowed), page.name
        # Until there is a release, a name alone installs nothing.
        assert not re.search(r"pip install ['\"]?inna-optax", page.read_text()) or (
            "@ git+" in page.read_text()
        )


def test_links_of_the_readme_lead_somewhere_on_pypi():
    from inna_optax._address import REPOSITORY

    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    text = (ROOT / "README.md").read_text()
    relative = re.compile(r"\]\((?!https?:|#)([^)]+)\)")
    paths = relative.findall(text)
    assert paths
    for path in paths:
        assert (ROOT / path).exists(), path
    readme = metadata["metadata"]["hooks"]["fancy-pypi-readme"]
    for change in readme["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    assert not relative.search(text)
    for path in paths:
        kind = "blob" if path.endswith((".md", ".ipynb")) else "raw"
        assert kind == "raw" or f"]({REPOSITORY}/{kind}/main/{path})" in text


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem
)
def test_a_notebook_keeps_the_jax_that_it_finds(path, tmp_path, monkeypatch):
    """On Colab another JAX would lose the GPU."""
    cells = json.loads(path.read_text())["cells"]
    source = "".join(next(c["source"] for c in cells if c["cell_type"] == "code"))
    pinning, _, _ = source.partition("    %pip install -q -c kept.txt ")
    _, _, pinning = pinning.partition("    # What is here stays as it is")
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent("    #" + pinning), {})
    lines = (tmp_path / "kept.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines)
    assert pins["jax"] == jax.__version__
    assert {"jax", "jaxlib", "numpy"} <= pins.keys()
