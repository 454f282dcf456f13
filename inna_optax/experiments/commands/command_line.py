"""The command line: calls the command that was typed, and reports errors in a line.

`argparse`, rather than a richer library: a bad argument is reported in one line, and
`list` does not wait for imports.
"""

import argparse
import os
import pathlib
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from inna_optax._checks import check_number, nearest
from inna_optax.experiments.catalogue.contenders import (
    CONTENDERS,
    HYPERPARAMETERS,
    Contender,
)
from inna_optax.experiments.catalogue.figures import COMPARISONS, FIGURES, TABLES
from inna_optax.experiments.catalogue.problems import PROBLEMS, TEXT, Problem, Scale
from inna_optax.experiments.catalogue.schedules import NAMED, PAPER, SCHEDULES, Decay
from inna_optax.experiments.commands.changes import (
    change_entries,
    change_problem,
    check_changes,
)
from inna_optax.experiments.commands.parser import (
    CHANGES,
    COMMANDS,
    SCALES,
    SHELLS,
    flag_of,
    listed,
    make_parser,
)
from inna_optax.experiments.errors import ArgumentError, UserError
from inna_optax.experiments.running.stopping import Stopped
from inna_optax.experiments.running.terminal import any_output
from inna_optax.experiments.running.unit import default_evaluate_every
from inna_optax.training import CheckpointError, make_mesh

SIGNALLED = 128  # plus its number: the shell's status of a program that a signal ended


def _pick(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """The entry of that name, or an error that names the nearest."""
    if name in table:
        return table[name]
    raise UserError(
        f"{kind} {name!r} is unknown: it must be one of {listed(table)}."
        f"{nearest(name, table)}"
    )


def _hyperparameters(
    optimizer: Contender, arguments: argparse.Namespace
) -> dict[str, float]:
    """The optimizer's hyperparameters, with the user's values checked."""
    given = {name: getattr(arguments, name) for name in HYPERPARAMETERS}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in optimizer.defaults:
            allowed = listed(map(flag_of, ("learning_rate", *optimizer.defaults)))
            raise UserError(
                f"{flag_of(name)} is not a hyperparameter of {optimizer.name}, which"
                f" has: {allowed}"
            )
    rate = arguments.learning_rate
    rate = optimizer.learning_rate if rate is None else rate
    hyperparameters = {"learning_rate": rate, **optimizer.defaults, **given}
    try:
        check_number("learning_rate", rate, "[0, inf)")
        for name, interval in optimizer.ranges.items():
            check_number(name, hyperparameters[name], interval)
        # Both ways, since a learning rate inside a schedule is not seen by alpha.
        optimizer.solver(hyperparameters, Decay(0.5, "epoch"), optimizer.uses_per_batch)
        optimizer.make(rate, **{**optimizer.defaults, **given})
    except (TypeError, ValueError) as error:
        raise UserError(str(error)) from error
    return hyperparameters


def _resumable(arguments: argparse.Namespace, record: str = ".") -> None:
    """Checks that there is what --resume shall go on with, `record` in its folder."""
    if not arguments.resume:
        return
    if arguments.out is None:
        raise UserError("--resume needs --out with the folder of what shall go on")
    if not (arguments.out / record).exists():
        raise UserError(f"--resume: there is no {arguments.out / record}")


def _open(problem: Problem, arguments: argparse.Namespace, **options: Any) -> Any:
    """The problem's data, as the user asked for them."""
    from inna_optax.experiments.running.setting import open_setting

    options = {"data_dir": arguments.data_dir, **options}
    return open_setting(problem, data_note=arguments.data_note, **options)


def _folder_for(problem: Problem, folder: pathlib.Path | None) -> pathlib.Path | None:
    """Of a folder for several problems: none for text, where it holds no text."""
    from inna_optax.experiments.running.examples import holds_text

    if TEXT in problem.datasets and folder is not None and not holds_text(folder):
        return None
    return folder


def _size(scale: Scale, arguments: argparse.Namespace) -> dict[str, Any]:
    """How much of a problem the user asked for: for `_open`."""
    return {
        "scale": scale._replace(
            epochs=arguments.epochs or scale.epochs,
            seeds=getattr(arguments, "seeds", None) or scale.seeds,
        ),
        "train_examples": arguments.train_examples,
    }


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the user changes of the protocol, checked."""
    changes = {name: getattr(arguments, name) for name in (*CHANGES, "schedule")}
    changes = {name: value for name, value in changes.items() if value is not None}
    if "schedule" in changes:
        _pick("--schedule", changes["schedule"], dict.fromkeys(SCHEDULES))
    if changes.get("schedule") == PAPER:
        del changes["schedule"]
    try:
        check_changes(changes)
    except ValueError as error:
        raise UserError(str(error)) from error
    return changes


def _asked(problem: Problem, scale: Scale, arguments: argparse.Namespace) -> Any:
    """What `train` and `compare` let the user change of a problem: for `_open`."""
    if arguments.dataset:
        _pick("--dataset", arguments.dataset, dict.fromkeys(problem.datasets))
    return {
        **_size(scale, arguments),
        "dataset": arguments.dataset,
        "batch_size": arguments.batch_size,
        "each_batch_twice": arguments.each_batch_twice,
    }


def _join(arguments: argparse.Namespace) -> None:
    """Joins the processes that train together: before JAX computes anything."""
    if arguments.distributed is None:
        return
    if arguments.out is None:
        raise UserError("--distributed needs --out with a folder that all see")
    try:
        jax.distributed.initialize(*arguments.distributed)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"--distributed: {str(error).splitlines()[0]}") from error


def _mesh(arguments: argparse.Namespace) -> Any:
    """The mesh that the user asked for, None for one device."""
    if arguments.mesh is None and arguments.distributed is None:
        return None
    try:
        return make_mesh(arguments.mesh or {"data": jax.device_count()})
    except ValueError as error:
        raise UserError(f"--mesh: {error}") from error


def _train(arguments: argparse.Namespace) -> int:
    _join(arguments)
    problem = _pick("problem", arguments.problem, PROBLEMS)
    if arguments.optimizer is None:
        raise UserError(f"train needs --optimizer, one of {listed(CONTENDERS)}")
    optimizer = _pick("optimizer", arguments.optimizer, CONTENDERS)
    hyperparameters = _hyperparameters(optimizer, arguments)
    schedule = problem.protocol.schedule_of(optimizer)
    if arguments.schedule is not None:
        _pick("--schedule", arguments.schedule, dict.fromkeys(SCHEDULES))
        schedule = NAMED.get(arguments.schedule, schedule)
    from inna_optax.experiments.commands.train import train
    from inna_optax.experiments.running.records import RunRecord
    from inna_optax.experiments.running.stored import RECORD

    _resumable(arguments, RECORD)
    asked = _asked(problem, problem.paper, arguments)
    setting = _open(problem, arguments=arguments, mesh=_mesh(arguments), **asked)
    schedule = schedule and schedule.over(setting.epochs)
    return train(
        RunRecord(setting, optimizer, schedule, hyperparameters, arguments.seed),
        evaluate_every=arguments.evaluate_every
        or default_evaluate_every(setting.epochs),
        checkpoint_every=arguments.checkpoint_every,
        out=arguments.out,
        resume=arguments.resume,
        tensorboard=arguments.tensorboard,
    )


def _compare(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    problem = _pick("problem", arguments.problem, PROBLEMS)
    _pick("--scale", arguments.scale, dict.fromkeys(SCALES))
    names = problem.protocol.optimizers
    if arguments.optimizers is not None:
        names = tuple(name.strip() for name in arguments.optimizers.split(","))
    for name in names:
        _pick("optimizer", name, CONTENDERS)
    _resumable(arguments)
    from inna_optax.experiments.commands.compare import compare

    changes = _changes(arguments)
    entries = [problem.protocol.entry(name) for name in dict.fromkeys(names)]
    entries = change_entries(entries, changes)
    asked = _asked(problem, getattr(problem, arguments.scale), arguments)
    compare(
        _open(change_problem(problem, changes), arguments=arguments, **asked),
        entries,
        changes,
        seeds=asked["scale"].seeds,
        together=arguments.together,
        out=arguments.out,
        resume=arguments.resume,
        command=argv,
    )
    return 0


def _figure(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    number, scale = arguments.number, arguments.scale
    _pick("figure", number, {**FIGURES, **COMPARISONS})
    _pick("--scale", scale, dict.fromkeys(SCALES))
    if number in FIGURES:
        others: tuple[str, ...] = (
            "epochs",
            "train_examples",
            "seeds",
            "problems",
            "together",
        )
        others += ("data_dir", "data_note", "resume", "schedule")
        for name in (*others, *CHANGES):
            if getattr(arguments, name) not in (None, False):
                raise UserError(
                    f"{flag_of(name)} is for figures that train networks, which are"
                    f" {listed(COMPARISONS)}; figure {number} does not"
                )
        from inna_optax.experiments.commands import reproduce

        reproduce.figure(number, scale, arguments.out, argv)
        return 0
    shown = COMPARISONS[number]
    names = shown.problems
    if arguments.problems is not None:
        table = dict.fromkeys((*names, *shown.others))
        chosen = dict.fromkeys(name.strip() for name in arguments.problems.split(","))
        for name in chosen:
            _pick(f"figure {number}: problem", name, table)
        names = tuple(chosen)
    _resumable(arguments)
    changes = _changes(arguments)
    problems = {name: change_problem(shown.problem(name), changes) for name in names}
    entries = {
        name: change_entries(shown.entries(problem.protocol), changes)
        for name, problem in problems.items()
    }
    sizes = {
        name: _size(getattr(problem, scale), arguments)
        for name, problem in problems.items()
    }
    settings = {
        name: _open(
            problem,
            arguments=arguments,
            data_dir=_folder_for(problem, arguments.data_dir),
            each_batch_twice=shown.each_batch_twice,
            validation=shown.validation,
            **sizes[name],
        )
        for name, problem in problems.items()
    }
    from inna_optax.experiments.commands.compare import compare_problems

    compare_problems(
        number,
        scale,
        settings,
        entries,
        changes,
        seeds={name: size["scale"].seeds for name, size in sizes.items()},
        together=arguments.together,
        out=arguments.out,
        resume=arguments.resume,
        command=argv,
    )
    return 0


def _run(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    match arguments.command:
        case "list":
            from inna_optax.experiments.commands import listing

            if arguments.json:
                print(listing.catalogue_as_json())
            else:
                listing.show_catalogue()
            return 0
        case "train":
            return _train(arguments)
        case "compare":
            return _compare(arguments, argv)
        case "figure":
            return _figure(arguments, argv)
        case "plot":
            from inna_optax.experiments.commands.plot import plot

            plot(arguments.folders, arguments.out)
            return 0
        case "evaluate":
            from inna_optax.experiments.commands.evaluate import evaluate

            evaluate(arguments.folder, arguments.data_dir)
            return 0
        case "export":
            from inna_optax.experiments.commands.export import export

            export(arguments.folder, arguments.file)
            return 0
        case "completion":
            from inna_optax.experiments.commands import completion

            _pick("shell", arguments.shell, dict.fromkeys(SHELLS))
            print(completion.script(make_parser(), arguments.shell))
            return 0
        case _:
            _pick("table", arguments.number, dict.fromkeys(TABLES))
            from inna_optax.experiments.commands import reproduce

            reproduce.table(arguments.number, arguments.out, argv)
            return 0


def main(argv: Sequence[str]) -> int:
    """Runs the command that `argv` names; returns the exit status."""
    with any_output():
        return _main(argv)


def _main(argv: Sequence[str]) -> int:
    """The same, on streams that take every text."""
    try:
        if not argv:
            make_parser().print_help()
            return 0
        if not argv[0].startswith("-"):
            _pick("command", argv[0], COMMANDS)
        return _run(make_parser().parse_args(argv), argv)
    except ArgumentError as error:
        separator = "" if error.message.startswith(":") else " "
        print(
            f"inna-optax: {flag_of(error.argument)}{separator}{error.message}",
            file=sys.stderr,
        )
        return 2
    except UserError as error:
        print(f"inna-optax: {error}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        command = _continued(argv, stopped.folder)
        print(f"inna-optax: {stopped}; go on with {command}", file=sys.stderr)
        return SIGNALLED + stopped.signum
    except KeyboardInterrupt:
        print("inna-optax: interrupted", file=sys.stderr)
        return SIGNALLED + signal.SIGINT
    except BrokenPipeError:
        raise
    except Exception as error:
        reason = _environment_message(error)
        if reason is None:
            raise
        print(f"inna-optax: {reason}", file=sys.stderr)
        return 1


def _continued(argv: Sequence[str], folder: pathlib.Path) -> str:
    """The command that goes on with a stopped one, to be copied into a shell."""
    typed = [*argv]
    if not any(text.partition("=")[0] == "--out" for text in typed):
        typed += ["--out", str(folder)]
    if "--resume" not in typed:
        typed.append("--resume")
    return shlex.join(["inna-optax", *typed])


def _environment_message(error: Exception) -> str | None:
    """One-line message for an environment error; None for any other error."""
    if isinstance(error, CheckpointError):
        return f"{error}; what was stored before is kept, --resume goes on from there"
    if isinstance(error, MemoryError):
        return f"out of memory: {str(error) or 'the machine has no more'}"
    if isinstance(error, OSError):
        return ": ".join(str(x) for x in (error.filename, error.strerror) if x)
    out_of_memory = "RESOURCE_EXHAUSTED" in str(error)
    if isinstance(error, jax.errors.JaxRuntimeError) and out_of_memory:
        wanted = str(error).splitlines()[0]
        return f"out of memory ({wanted}): a smaller --batch-size takes less"
    return _no_device()


def _no_device() -> str | None:
    """Why JAX has no device; None if it has.  Whatever then failed, failed by that."""
    try:
        jax.devices()
    except Exception as error:  # of many types, an AssertionError among them
        asked = f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS', '')}"
        told = isinstance(error, RuntimeError)
        reason = str(error).partition("\n")[0] if told else "there is none of that kind"
        return f"JAX finds no device ({asked}): {reason}"
    return None
