"""The command `inna-optax list`."""

from rich.table import Table

from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.figures import COMPARISONS, FIGURES, TABLES
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.running.terminal import Console


def show_catalogue() -> None:
    """Prints the problems, the optimizers, the figures and the tables."""
    console = Console()
    problems = Table(title="problems", title_justify="left")
    for column in ("name", "network", "data", "batch size", "epochs", "source"):
        problems.add_column(column, overflow="fold")
    for problem in PROBLEMS.values():
        problems.add_row(
            problem.name,
            problem.title,
            " or ".join(problem.datasets),
            str(problem.batch_size),
            str(problem.paper.epochs),
            problem.source,
        )
    optimizers = Table(title="optimizers", title_justify="left")
    for column in ("name", "learning rate", "other defaults", "gradients per batch"):
        optimizers.add_column(column)
    for entry in CONTENDERS.values():
        decay = ", decays" if entry.decays else ""
        optimizers.add_row(
            entry.name,
            f"{entry.learning_rate:g}{decay}",
            ", ".join(f"{k} {v:g}" for k, v in entry.defaults.items()),
            str(entry.uses_per_batch),
        )
    figures = Table("number", "what", title="figures", title_justify="left")
    for number, drawn in FIGURES.items():
        figures.add_row(number, drawn.title)
    for number, compared in COMPARISONS.items():
        on = ", ".join(compared.problems)
        figures.add_row(number, f"{compared.title} (trains networks: {on})")
    for table in (problems, optimizers, figures):
        console.print(table)
    console.print(f"tables: {', '.join(TABLES)}")
