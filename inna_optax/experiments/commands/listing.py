"""The command `inna-optax list`."""

import json
from typing import Any

from rich.table import Table

from inna_optax.experiments.catalogue.contenders import CONTENDERS, Contender
from inna_optax.experiments.catalogue.figures import COMPARISONS, FIGURES, TABLES
from inna_optax.experiments.catalogue.problems import PROBLEMS, Problem
from inna_optax.experiments.running.terminal import Console


def show_catalogue() -> None:
    """Prints the problems, the optimizers, the figures and the tables."""
    console = Console()
    sections = {
        "problems": {name: _of_problem(x) for name, x in PROBLEMS.items()},
        "optimizers": {name: _of_optimizer(x) for name, x in CONTENDERS.items()},
        "figures": _figures(),
        "tables": {name: drawn.title for name, drawn in TABLES.items()},
    }
    for title, rows in sections.items():
        console.print(title)
        table = Table.grid(padding=(0, 2))
        # A name is one word, to be copied.
        table.add_column(no_wrap=True)
        table.add_column()
        for name, text in rows.items():
            table.add_row(f"  {name}", text)
        console.print(table)


def catalogue_as_json() -> str:
    """The same for programs, with ranges and defaults."""
    problems = {
        name: {
            "network": problem.title,
            "datasets": problem.datasets,
            "objective": problem.objective,
            "weight_decay": problem.weight_decay,
            "batch_size": problem.batch_size,
            "paper": problem.paper._asdict(),
            "desk": problem.desk._asdict(),
            "source": problem.source,
        }
        for name, problem in PROBLEMS.items()
    }
    optimizers = {
        name: {
            "label": entry.label,
            "learning_rate": entry.learning_rate,
            "defaults": dict(entry.defaults),
            "learning_rate_falls": entry.decays,
            "gradients_per_batch": entry.uses_per_batch,
        }
        for name, entry in CONTENDERS.items()
    }
    found = {
        "problems": problems,
        "optimizers": optimizers,
        "figures": _figures(),
        "tables": {name: drawn.title for name, drawn in TABLES.items()},
    }
    return json.dumps(found, indent=2, ensure_ascii=False)


def _of_problem(problem: Problem) -> str:
    decay = f", weight decay {problem.weight_decay:g}" if problem.weight_decay else ""
    return (
        f"{problem.title} on {' or '.join(problem.datasets)}: {problem.objective}"
        f"{decay}, batch {problem.batch_size}, {problem.paper.epochs} epochs"
        f" ({problem.source})"
    )


def _of_optimizer(entry: Contender) -> str:
    values: dict[str, Any] = {"learning_rate": entry.learning_rate, **entry.defaults}
    text = ", ".join(f"{name} {value:g}" for name, value in values.items())
    if entry.decays:
        text += "; its learning rate falls"
    if entry.uses_per_batch > 1:
        text += f"; {entry.uses_per_batch} gradients on each mini-batch"
    return text


def _figures() -> dict[str, str]:
    """What each figure shows: first those with a number, in order."""
    titles = {number: drawn.title for number, drawn in FIGURES.items()}
    for number, compared in COMPARISONS.items():
        problems = ", ".join((*compared.problems, *compared.others))
        titles[number] = f"{compared.title} (trains networks: {problems})"
    return dict(sorted(titles.items()))
