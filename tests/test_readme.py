"""What README.md says is true of this code."""

import importlib.util
import pathlib
import re
import shlex

import jax
import jax.numpy as jnp
import pytest

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.commands.command_line import make_parser
from tests.transforms.optimizers import OPTIMIZERS

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_snippet_runs(snippet):
    exec(compile(snippet, "README.md", "exec"), {})


COMMANDS = [
    line.split("#")[0]
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)
    for line in block.splitlines()
    if re.match(r"(\w+=\S+ )*inna-optax ", line)
]


@pytest.mark.parametrize("line", COMMANDS)
def test_command_can_be_typed(line):
    _, _, typed = line.partition("inna-optax ")
    arguments = make_parser().parse_args(shlex.split(typed))
    tables = {"optimizer": CONTENDERS, "problem": PROBLEMS}
    for name, table in tables.items():
        assert getattr(arguments, name, next(iter(table))) in table


def test_printed_output_is_what_the_snippet_prints(capsys):
    blocks = r"```python\n((?:(?!```).)*)```\n\n```\n(.*?)```"
    (pair,) = re.findall(blocks, README, flags=re.DOTALL)
    exec(compile(pair[0], "README.md", "exec"), {})
    rounding = r"each to within \S+\)"  # differs from machine to machine
    printed, stated = (
        re.sub(rounding, "", text) for text in (capsys.readouterr().out, pair[1])
    )
    assert printed == stated


def test_there_are_exactly_two_set_up_commands():
    commands = re.findall(r"<!-- (main job|tests) -->\n```sh\n(.+)\n```", README)
    assert [name for name, _ in commands] == ["main job", "tests"]
    assert README.count("python3 -m venv") == 2


PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.fixture(scope="module")
def hooks():
    """What the site does to its pages, where mkdocs is there."""
    pytest.importorskip("mkdocs")
    path = ROOT / "docs" / "hooks.py"
    spec = importlib.util.spec_from_file_location("docs_hooks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_has_no_mark_left(page, hooks):
    marks = r"^<!-- (README section|table|picture): .+ -->$"
    text = hooks.on_page_markdown(page.read_text())
    assert not re.search(marks, text, re.MULTILINE)


def test_every_table_is_on_a_page(hooks):
    text = "\n".join(page.read_text() for page in PAGES)
    for name in hooks.tables.TABLES:
        assert f"\n<!-- table: {name} -->\n" in text


def test_unknown_table_of_a_page_is_an_error(hooks):
    with pytest.raises(hooks.PluginError, match="no table 'x'"):
        hooks.on_page_markdown("<!-- table: x -->")


def test_pictures_are_there():
    for path in re.findall(r"!\[.*?\]\((?!https:)(.*?)\)", README):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize(
    ("name", "multiple"),
    [
        ("inna", 1),
        ("damped_momentum", 1),
        ("innaprop", 2),
        ("step_tuned_sgd", 2),
        ("step_tuned_sgd_opaque", 1),
        ("barzilai_borwein", 1),
        ("stochastic_gv_sgd", 1),
        ("exact_gv_sgd", 2),
        ("expected_gv_sgd", 0),
    ],
)
def test_state_takes_the_memory_that_the_table_states(name, multiple):
    row = next(
        line
        for line in README.splitlines()
        if line.startswith(f"| `{name.removesuffix('_opaque')}` | ")
    )
    stated = row.split("|")[3]
    assert f"{multiple} P" in stated
    state = OPTIMIZERS[name].factory(0.1).init(jnp.zeros(1000))
    assert sum(x.size for x in jax.tree.leaves(state)) // 1000 == multiple


def test_the_way_to_a_first_run_is_short():
    """A stranger reads at most 250 words up to a `damped_momentum` of their own."""
    text, _, _ = README.partition("[INNA in one line]")
    prose = re.sub(r"```.*?```|<!--.*?-->|^\|.*$", "", text, flags=re.DOTALL | re.M)
    assert len(prose.split()) <= 250
    assert len(README.encode()) <= 10_000
