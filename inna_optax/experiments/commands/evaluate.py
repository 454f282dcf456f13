"""The command `inna-optax evaluate`: the losses of a trained network."""

import pathlib

from rich.table import Table

from inna_optax.experiments.running.progress import progress_bar
from inna_optax.experiments.running.stored import read_run
from inna_optax.experiments.running.terminal import Console
from inna_optax.training.evaluation import evaluator, finish


def evaluate(folder: pathlib.Path, data_dir: pathlib.Path | None) -> None:
    """Evaluates the last checkpoint of a run on its training and its test examples.

    Raises:
      UserError: if the folder holds no run, or its data are not found.
    """
    stored = read_run(folder)
    setting = stored.with_data(data_dir)
    program = stored.program(setting)
    run, updates = stored.last_state(program)
    means_over = evaluator(program)
    title = f"{setting.problem.name}: {stored.contender.label}"
    counts = setting.facts.train_examples, setting.facts.test_examples
    with progress_bar(title, sum(counts)) as bar:
        columns = [
            finish(means_over(run, examples, bar.advance))
            for examples in setting.arrays
        ]
    epochs = updates / program.gradient_evaluations_per_epoch
    table = Table(title=f"{title}, after {epochs:g} epochs")
    table.add_column("")
    for name, count in zip(("training", "test"), counts, strict=True):
        table.add_column(f"{name}\n{count:,} examples", justify="right")
    for metric in columns[0]:
        cells = (f"{float(column[metric]):.5g}" for column in columns)
        table.add_row(metric.replace("_", " "), *cells)
    Console().print(table)
