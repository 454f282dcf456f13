"""Imports run one way in the package, as its import statements show."""

import ast
import importlib
import pathlib
import sys

import pytest

import inna_optax

PACKAGE = pathlib.Path(inna_optax.__file__).parent
# For each part of the package, the other parts that it may import.
PARTS = {
    "_checks": set(),
    "transforms": {"_checks"},
    "dynamics": {"_checks", "transforms"},
    "landscapes": {"_checks"},
    "zoo": {"_checks"},
    "data": {"_address", "_checks"},
    "training": {"_checks", "transforms"},
}
# The same within inna_optax.experiments.
PARTS_OF_EXPERIMENTS = {
    "catalogue": {"errors"},
    "figures": {"errors", "claims"},
    "running": {"errors", "catalogue"},
    "claims": set(),
    "commands": {"errors", "catalogue", "claims", "figures", "running"},
}
# Parts that are light, with all that they may import besides the standard library.
LIGHT = {"_checks": {"numpy"}, "transforms": {"jax", "numpy", "optax"}}
PUBLIC = ["", ".transforms", ".dynamics", ".landscapes", ".zoo", ".data", ".training"]


def imported_names(part):
    """What a module or package imports anywhere in it, by absolute names."""
    path = PACKAGE / part
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    names = set()
    for statement in (s for f in files for s in ast.walk(ast.parse(f.read_text()))):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, "imports are absolute"
            names |= {f"{statement.module}.{alias.name}" for alias in statement.names}
    assert names, f"{part} imports nothing: has it moved?"
    return names


def parts_imported(names, package):
    """The parts of a package that are among imported names."""
    prefix = f"{package}."
    return {n.removeprefix(prefix).split(".")[0] for n in names if n.startswith(prefix)}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_only_those_below_it(part):
    names = imported_names(part)
    assert "inna_optax" not in names
    assert parts_imported(names, "inna_optax") <= PARTS[part] | {part}


@pytest.mark.parametrize("part", PARTS_OF_EXPERIMENTS)
def test_a_part_of_the_experiments_imports_only_those_below_it(part):
    found = parts_imported(
        imported_names(f"experiments/{part}"), "inna_optax.experiments"
    )
    assert found <= PARTS_OF_EXPERIMENTS[part] | {part}


@pytest.mark.parametrize("part", LIGHT)
def test_a_light_part_imports_little_from_outside(part):
    outside = {name.split(".")[0] for name in imported_names(part)} - {"inna_optax"}
    assert outside <= LIGHT[part] | set(sys.stdlib_module_names)


@pytest.mark.parametrize("package", PUBLIC)
def test_no_module_has_the_name_of_something_its_package_exports(package):
    """Else `from inna_optax.package import name` gives one or the other, by chance."""
    exported = importlib.import_module(f"inna_optax{package}").__all__
    folder = PACKAGE / package.removeprefix(".")
    assert not set(exported) & {path.stem for path in folder.glob("*.py")}


def names_no_encoding(call):
    """Whether a call opens a file of text in whatever encoding the locale has."""
    name = ast.unparse(call.func)
    opens = name.split(".")[-1] in {"open", "read_text", "write_text"}
    given = [ast.unparse(part) for part in (*call.args, *call.keywords)]
    named = any(part.startswith(("encoding=", "'rb'", "'wb'")) for part in given)
    return opens and not named


def test_files_of_text_have_the_same_encoding_everywhere():
    calls = {
        f"{path.relative_to(PACKAGE)}: {ast.unparse(node)}": node
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not [where for where, call in calls.items() if names_no_encoding(call)]
