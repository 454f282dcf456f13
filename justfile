# Recipes for contributors: `just NAME`. docs/contributing.md lists the commands.

bin := ".venv/bin"

# List the recipes.
default:
    @just --list

# Make the environment.
setup:
    python3 -m venv .venv
    {{bin}}/pip install -e '.[dev,docs]'

# Run the tests, or those of some paths: just test tests/transforms
test *paths:
    {{bin}}/pytest -n 2 {{paths}}

# Run those that take long: kills, soaks, several processes, many random cases.
slow:
    INNA_OPTAX_CASES=2000 {{bin}}/pytest -n 2 -m 'slow or cases'

# Measure what the tests run, the processes that they start included.
coverage:
    {{bin}}/coverage erase
    {{bin}}/coverage run -m pytest -n 2 -m ''
    {{bin}}/coverage combine -q
    {{bin}}/coverage report

# Run the examples in the docstrings.
doctest:
    {{bin}}/pytest -q --doctest-modules inna_optax

# Check lint and format.
lint:
    {{bin}}/ruff check .
    {{bin}}/ruff format --check .

# Repair lint and format.
fix:
    {{bin}}/ruff check --fix .
    {{bin}}/ruff format .

# Check the types.
types:
    {{bin}}/mypy

# Look for what is unsafe.
security:
    {{bin}}/bandit -q -r inna_optax

# Build the site; warnings, broken links and broken anchors are errors.
docs:
    {{bin}}/mkdocs build --strict

# Show the site while it is written.
serve:
    {{bin}}/mkdocs serve

# Measure what an update costs.
bench *options:
    {{bin}}/python benchmarks/step_cost.py {{options}}

# Compile the updates for GPUs and TPUs, without one, in an environment of its own.
accelerators:
    .ci/run accelerators

# Build both archives, check them, and import the wheel from an environment of its own.
release-check:
    rm -rf dist build/wheel-env
    {{bin}}/python -m build
    {{bin}}/twine check --strict dist/*
    python3 -m venv build/wheel-env
    build/wheel-env/bin/pip install -q dist/*.whl
    cd build && wheel-env/bin/python -c "import inna_optax; print(inna_optax.__version__)"

# All that CI runs, or some of its parts: just ci suite checks
ci *parts:
    .ci/run {{parts}}
