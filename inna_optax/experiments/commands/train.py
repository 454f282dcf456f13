"""The command `inna-optax train`."""

import pathlib
import time
from collections.abc import Sequence

import jax
from rich.table import Table

from inna_optax.experiments.catalogue.problems import TEXT
from inna_optax.experiments.errors import ArgumentError
from inna_optax.experiments.running.folders import output_folder
from inna_optax.experiments.running.progress import progress_bar
from inna_optax.experiments.running.records import (
    Row,
    RunRecord,
    has_diverged,
    history_row,
    is_finite,
    read_own_record,
)
from inna_optax.experiments.running.scalars import check_installed, scalar_writer
from inna_optax.experiments.running.setting import Setting, program_for
from inna_optax.experiments.running.stopping import stop_signals
from inna_optax.experiments.running.stored import CHECKPOINTS, RECORD
from inna_optax.experiments.running.terminal import Console
from inna_optax.experiments.running.unit import Unit, train_unit
from inna_optax.training import (
    Checkpoints,
    Run,
    UnreadableCheckpointError,
    append_history,
    write_history,
    write_json,
)
from inna_optax.training.processes import is_first, wait_for_all

HISTORY = "history.csv"


def train(
    run: RunRecord,
    *,
    evaluate_every: int,
    checkpoint_every: float,
    out: pathlib.Path | None,
    resume: bool,
    tensorboard: bool,
) -> int:
    """Trains one run into `out`; returns the exit status.

    The history is on disk as soon as a row is measured; a checkpoint every
    `checkpoint_every` seconds, at the end, and on SIGINT or SIGTERM.

    Raises:
      Stopped: if one of them came; `resume` continues from there.
    """
    if tensorboard:
        check_installed()
    name = f"train-{run.setting.problem.name}-{run.contender.name}"
    with output_folder(out, name, RECORD, CHECKPOINTS, resume=resume) as folder:
        return _train_into(
            folder, run, evaluate_every, checkpoint_every, resume, tensorboard
        )


def _train_into(
    folder: pathlib.Path,
    run: RunRecord,
    evaluate_every: int,
    checkpoint_every: float,
    resume: bool,
    tensorboard: bool,
) -> int:
    setting, first = run.setting, is_first()  # the process that writes and speaks
    unit = Unit(
        program_for(setting, run.contender, run.schedule),
        setting.arrays,
        run.seed,
        dict(run.hyperparameters),
        setting.epochs,
        evaluate_every,
    )
    if resume:
        read_own_record(folder / RECORD, run)  # which is of this run
    wait_for_all("the folder is read")
    if first and not resume:
        # Before anything is computed: a run killed in its first epoch can go on.
        write_json(folder / RECORD, run.as_json())
    checkpoints = Checkpoints(folder / CHECKPOINTS, identity=run.identity())
    done = checkpoints.latest() or 0
    total = setting.epochs * unit.program.gradient_evaluations_per_epoch
    title = f"{setting.problem.name}: {run.contender.label}"
    history: list[Row] = []
    written_at = time.monotonic()
    with (
        scalar_writer(folder, tensorboard and first, done) as write_scalars,
        stop_signals(folder) as stop,
        progress_bar(title, (total - done) * setting.batch_size, shown=first) as bar,
    ):
        try:
            for progress, rows in train_unit(
                unit, checkpoints, stop, checkpoint_every=checkpoint_every
            ):
                bar.advance((progress.gradient_evaluations - done) * setting.batch_size)
                done = progress.gradient_evaluations
                epoch = done // unit.program.gradient_evaluations_per_epoch
                bar.show(f"{epoch}/{setting.epochs}, batch loss {progress.loss:.3g}")
                new = [history_row(row) for row in rows[len(history) :]]
                if not new:
                    continue
                if first:
                    _write_rows(folder / HISTORY, history, new)
                history += new
                if first and time.monotonic() - written_at >= checkpoint_every:
                    _write_record(folder, run, history)
                    written_at = time.monotonic()
                for row in new if progress.rows else []:
                    write_scalars(row)
                bar.log(
                    f"epoch {epoch}/{setting.epochs}: training loss"
                    f" {history[-1]['train_loss']:.5g}, {history[-1]['seconds']:.0f} s"
                )
        except UnreadableCheckpointError as error:
            raise _with_the_remedy(error, checkpoints) from error
        finally:
            if first and history:
                _write_record(folder, run, history)
    checkpoints.close()
    status = _report(run, history, folder)
    # Of several processes none has all params: they would have to draw together.
    alone = jax.process_count() == 1
    if alone and status == 0 and TEXT in setting.problem.datasets:
        _show_text(setting, progress.run)
    return status


def _write_record(folder: pathlib.Path, run: RunRecord, history: Sequence[Row]) -> None:
    write_json(folder / RECORD, run._replace(history=tuple(history)).as_json())


def _write_rows(path: pathlib.Path, before: Sequence[Row], new: Sequence[Row]) -> None:
    """Appends rows; the first ones of a process replace the file.

    A process that was killed may have written rows that no checkpoint followed.
    """
    if before:
        append_history(path, new)
    else:
        write_history(path, new)


def _with_the_remedy(
    error: UnreadableCheckpointError, checkpoints: Checkpoints
) -> ArgumentError:
    """The error of the last checkpoint, which cannot be read, and what to do."""
    older = checkpoints.older(checkpoints.latest() or 0)
    instead = "start anew" if older is None else f"go on from {older} updates"
    return ArgumentError("resume", f": {error}; without it --resume can {instead}")


def _report(run: RunRecord, history: Sequence[Row], folder: pathlib.Path) -> int:
    """Prints the result; returns the exit status."""
    first, final = is_first(), history[-1]
    console = Console(quiet=not first)
    console.print(_result_table(run, final))
    console.print(f"Records: {folder / RECORD}", soft_wrap=True)
    if not is_finite(final):
        went = f"is not finite after epoch {final['epoch']}: the run stopped there"
    elif has_diverged(history):
        start = history[0]["train_loss"]
        went = f"rose from {start:.3g} to {final['train_loss']:.3g}"
    else:
        return 0
    Console(stderr=True, quiet=not first).print(
        f"inna-optax: the training loss {went}; try a smaller --learning-rate.",
        soft_wrap=True,
    )
    return 1


def _show_text(setting: Setting, run: Run) -> None:
    """What counts predict, to compare with, and a sample of what was learnt."""
    from inna_optax.experiments.running.sampling import sample_text

    counts = setting.data_identity
    console = Console()
    console.print(
        f"Counts of bytes predict {counts['unigram_bits']:.3g} bits per byte, counts of"
        f" pairs {counts['bigram_bits']:.3g}."
    )
    console.print(f"A sample:\n{sample_text(setting, run)}", soft_wrap=True)


def _result_table(run: RunRecord, final: Row) -> Table:
    table = Table(title=f"{run.setting.problem.name}: {run.contender.label}")
    table.add_column("at the end")
    table.add_column("", justify="right")
    for name, value in final.items():
        if value is not None:
            cell = f"{value:,}" if isinstance(value, int) else f"{value:.5g}"
            table.add_row(name.replace("_", " "), cell)
    return table
