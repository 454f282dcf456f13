"""The command line: what the user typed, checked, and the command called.

`argparse`, rather than a richer library, since a mistake shall be answered by one
line, and `list` shall not wait for imports.
"""

import argparse
import pathlib
import signal
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import jax

from inna_optax._checks import nearest
from inna_optax.experiments.catalogue.contenders import (
    HYPERPARAMETERS,
    OPTIMIZERS,
    Decay,
)
from inna_optax.experiments.catalogue.figures import COMPARISONS, FIGURES, TABLES
from inna_optax.experiments.catalogue.problems import PROBLEMS, Problem, Scale
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.stopping import Stopped
from inna_optax.training import CheckpointError, make_mesh
from inna_optax.training.mesh import AXES
from inna_optax.transforms._hyperparameters import check_hyperparameter

SEED_MAX = 2**32 - 1
PORT_MAX = 2**16 - 1
SCALES = ("desk", "paper")
COMMANDS = {
    "list": "list the problems and the optimizers",
    "train": "train one network with one optimizer",
    "compare": "compare optimizers: a search of hyperparameters, then several seeds",
    "figure": "compute and draw a figure of the papers",
    "table": "compute a table of the papers",
}
SIGNALLED = 128  # plus its number: the shell's status of a program that a signal ended


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def parse_known_args(self, *arguments: Any) -> Any:  # type: ignore[override]
        """Leaves nothing unknown: here the command's own options can be proposed."""
        namespace, unknown = super().parse_known_args(*arguments)
        if unknown:
            flag = unknown[0].partition("=")[0]
            hint = nearest(flag, self._option_string_actions)
            self.error(f"unrecognized argument {unknown[0]!r}.{hint}")
        return namespace, unknown


def make_parser() -> argparse.ArgumentParser:
    """What can be typed."""
    parser = _Parser(
        prog="inna-optax",
        description="INNA and Step-Tuned SGD: the experiments of the papers.",
        allow_abbrev=False,
    )
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands = {
        name: parsers.add_parser(name, help=text, allow_abbrev=False)
        for name, text in COMMANDS.items()
    }
    train, compare = commands["train"], commands["compare"]
    figure, table = commands["figure"], commands["table"]

    train.add_argument("problem", metavar="PROBLEM", help=f"one of {_names(PROBLEMS)}")
    train.add_argument(
        "--optimizer",  # required, but argparse would say so before a misspelt option
        metavar="NAME",
        help=f"one of {_names(OPTIMIZERS)}; there is no default",
    )
    train.add_argument(
        "--learning-rate",
        type=_number,
        metavar="X",
        help="step size (default: the optimizer's, see 'inna-optax list')",
    )
    group = train.add_argument_group("hyperparameters", "those that the optimizer has")
    for name in HYPERPARAMETERS:
        group.add_argument(_flag(name), type=_number, metavar="X", help=_defaults(name))
    train.add_argument("--seed", type=_seed, default=0, metavar="N", help="default: 0")
    train.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out, from its last checkpoint; a larger --epochs"
        " extends it",
    )
    train.add_argument(
        "--tensorboard",
        action="store_true",
        help="also write scalars for TensorBoard (extra 'tensorboard')",
    )
    train.add_argument(
        "--mesh",
        type=_mesh_sizes,
        metavar="data=N,model=N",
        help="devices along which the mini-batches are split, and the parameters"
        " (default: one device; with --distributed all devices along data)",
    )
    train.add_argument(
        "--distributed",
        nargs="?",
        const=(),
        type=_process,
        metavar="HOST:PORT,PROCESSES,ID",
        help="train together with other processes: where process 0 listens, how many"
        " there are, which this is (default: as jax.distributed finds them on a TPU"
        " slice or in a SLURM or MPI job); needs --out with a folder that all see",
    )

    compare.add_argument(
        "problem",
        nargs="?",
        default="digits",
        metavar="PROBLEM",
        help=f"one of {_names(PROBLEMS)} (default: digits)",
    )
    compare.add_argument(
        "--optimizers",
        metavar="A,B,...",
        help=f"of {_names(OPTIMIZERS)} (default: those of the problem's chapter)",
    )
    compare.add_argument(
        "--seeds",
        type=_count,
        metavar="N",
        help="number of initializations (default: the scale's)",
    )

    figure.add_argument(
        "number", metavar="NUMBER", help=f"one of {_names([*FIGURES, *COMPARISONS])}"
    )
    figure.add_argument(
        "--problems",
        metavar="A,B,...",
        help="which of the figure's problems, of figures that train networks"
        " (default: all)",
    )
    table.add_argument("number", metavar="NUMBER", help=f"one of {_names(TABLES)}")

    for command in (compare, figure):
        command.add_argument(
            "--scale",
            default="desk",
            metavar="SCALE",
            help="paper, the published setting, or desk, its cut for a desk (default:"
            " desk)",
        )
        command.add_argument(
            "--resume",
            action="store_true",
            help="go on in --out, without the runs that are finished there",
        )
    for command in (train, compare):
        command.add_argument(
            "--dataset",
            metavar="NAME",
            help="one of the problem's (default: the published one)",
        )
        command.add_argument(
            "--epochs",
            type=_count,
            metavar="N",
            help="passes over the data (default: the problem's"
            f"{'' if command is train else ' at that scale'}); in 'compare' an"
            " optimizer that uses each batch twice makes half as many",
        )
        command.add_argument(
            "--batch-size", type=_count, metavar="N", help="default: the problem's"
        )
        command.add_argument(
            "--train-examples",
            type=_count,
            metavar="N",
            help="train on the first N examples (default: the problem's)",
        )
        command.add_argument(
            "--each-batch-twice",
            action="store_true",
            help="every optimizer makes two steps on each mini-batch (Figure 4.5)",
        )
    for command in (train, compare, figure):
        command.add_argument(
            "--data-dir",
            type=_folder,
            metavar="DIR",
            help="folder of the data sets (default: $INNA_OPTAX_DATA_DIR, then"
            " ~/.cache/inna_optax, then a download)",
        )
        command.add_argument(
            "--data-note",
            metavar="TEXT",
            help="what records and pictures shall say of the data, if they are not"
            " the originals",
        )
    for command in (train, compare, figure, table):
        command.add_argument(
            "--out",
            type=_folder,
            metavar="DIR",
            help="folder for the results (default: a new one in inna-optax-runs)",
        )
    return parser


def _names(table: Iterable[str]) -> str:
    return ", ".join(table)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _defaults(name: str) -> str:
    """Help for a hyperparameter: its default in each optimizer that has it."""
    return "default: " + ", ".join(
        f"{entry.defaults[name]:g} ({entry.name})"
        for entry in OPTIMIZERS.values()
        if name in entry.defaults
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def _integer(text: str, low: int, high: int, part: str = "") -> int:
    """An integer in [low, high]; `part` says of what, where it is not all of it."""
    # By the number of digits first: Python refuses to read very many.
    if not text.isdecimal() or len(text) > 20 or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(
            f"{part}must be an integer in [{low}, {high}], got"
            f" {textwrap.shorten(text, 40)!r}"
        )
    return int(text)


def _count(text: str, part: str = "") -> int:
    """How many of something, as 32 bits count them."""
    return _integer(text, 1, 2**31 - 1, part)


def _seed(text: str) -> int:
    """A seed of JAX's random keys."""
    return _integer(text, 0, SEED_MAX)


def _folder(text: str) -> pathlib.Path:
    if not text:  # which pathlib takes for the current one
        raise argparse.ArgumentTypeError("must name a folder, got ''")
    return pathlib.Path(text)


def _mesh_sizes(text: str) -> dict[str, int]:
    """The sizes of a mesh's axes."""
    sizes: dict[str, int] = {}
    for part in text.split(","):
        axis, _, size = part.partition("=")
        if axis not in AXES or axis in sizes:
            raise argparse.ArgumentTypeError(
                f"must be like data=4,model=2, either axis once, got {text!r}"
            )
        sizes[axis] = _count(size, f"{axis} ")
    return sizes


def _process(text: str) -> tuple[str, int, int]:
    """The address of the first process, their number, and which this one is."""
    address, *numbers = text.split(",")
    host, _, port = address.rpartition(":")
    if not host or len(numbers) != 2:
        raise argparse.ArgumentTypeError(
            f"must be like 10.0.0.1:1234,2,0, got {text!r}"
        )
    _integer(port, 1, PORT_MAX, "the port ")
    processes = _count(numbers[0], "PROCESSES ")
    return address, processes, _integer(numbers[1], 0, processes - 1, "ID ")


def _pick(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """The entry of that name, or an error that names the nearest."""
    if name in table:
        return table[name]
    raise UserError(
        f"{kind} {name!r} is unknown: it must be one of {_names(table)}."
        f"{nearest(name, table)}"
    )


def _hyperparameters(optimizer: Any, arguments: argparse.Namespace) -> dict[str, float]:
    """The optimizer's hyperparameters, with the user's values checked."""
    given = {name: getattr(arguments, name) for name in HYPERPARAMETERS}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in optimizer.defaults:
            allowed = _names(map(_flag, ("learning_rate", *optimizer.defaults)))
            raise UserError(
                f"{_flag(name)} is not a hyperparameter of {optimizer.name}, which has:"
                f" {allowed}"
            )
    rate = arguments.learning_rate
    rate = optimizer.learning_rate if rate is None else rate
    hyperparameters = {"learning_rate": rate, **optimizer.defaults, **given}
    try:
        check_hyperparameter("learning_rate", rate, "[0, inf)")
        for name, interval in optimizer.ranges.items():
            check_hyperparameter(name, hyperparameters[name], interval)
        # Both ways, since a learning rate inside a schedule is not seen by alpha.
        optimizer.solver(hyperparameters, Decay(0.5, "epoch"), optimizer.uses_per_batch)
        optimizer.make(rate, **(optimizer.defaults | given))
    except (TypeError, ValueError) as error:
        raise UserError(str(error)) from error
    return hyperparameters


def _list() -> None:
    from rich.console import Console
    from rich.table import Table

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
    for entry in OPTIMIZERS.values():
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
        on = _names(compared.problems)
        figures.add_row(number, f"{compared.title} (trains networks: {on})")
    for table in (problems, optimizers, figures):
        console.print(table)
    console.print(f"tables: {_names(TABLES)}")


def _resumable(arguments: argparse.Namespace, record: str = ".") -> None:
    """Checks that there is what --resume shall go on with, `record` in its folder."""
    if not arguments.resume:
        return
    if arguments.out is None:
        raise UserError("--resume needs --out with the folder of what shall go on")
    if not (arguments.out / record).exists():
        raise UserError(f"--resume: there is no {arguments.out / record}")


def _open(
    problem: Problem, scale: Scale, arguments: argparse.Namespace, **options: Any
) -> Any:
    """The problem's data, as the user asked for them."""
    from inna_optax.experiments.running.setting import open_problem

    return open_problem(
        problem,
        scale,
        data_dir=arguments.data_dir,
        data_note=arguments.data_note,
        **options,
    )


def _open_one(
    problem: Problem, scale: Scale, arguments: argparse.Namespace, **options: Any
) -> Any:
    """The same for `train` and `compare`, which have more options."""
    if arguments.dataset:
        _pick("--dataset", arguments.dataset, dict.fromkeys(problem.datasets))
    return _open(
        problem,
        scale._replace(epochs=arguments.epochs or scale.epochs),
        arguments,
        dataset=arguments.dataset,
        train_examples=arguments.train_examples,
        batch_size=arguments.batch_size,
        each_batch_twice=arguments.each_batch_twice,
        **options,
    )


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
        raise UserError(f"train needs --optimizer, one of {_names(OPTIMIZERS)}")
    optimizer = _pick("optimizer", arguments.optimizer, OPTIMIZERS)
    hyperparameters = _hyperparameters(optimizer, arguments)
    from inna_optax.experiments.commands.train import RECORD, train

    _resumable(arguments, RECORD)
    return train(
        _open_one(problem, problem.paper, arguments, mesh=_mesh(arguments)),
        optimizer,
        hyperparameters,
        seed=arguments.seed,
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
        _pick("optimizer", name, OPTIMIZERS)
    _resumable(arguments)
    from inna_optax.experiments.commands.compare import compare

    scale = getattr(problem, arguments.scale)
    compare(
        _open_one(problem, scale, arguments),
        [problem.protocol.entry(name) for name in dict.fromkeys(names)],
        seeds=arguments.seeds or scale.seeds,
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
        for name in ("data_dir", "data_note", "problems", "resume"):
            if getattr(arguments, name):
                raise UserError(
                    f"{_flag(name)} is for figures that train networks, which are"
                    f" {_names(COMPARISONS)}; figure {number} does not"
                )
        from inna_optax.experiments.commands import reproduce

        reproduce.figure(number, scale, arguments.out, argv)
        return 0
    names = COMPARISONS[number].problems
    if arguments.problems is not None:
        table = dict.fromkeys(names)
        chosen = dict.fromkeys(name.strip() for name in arguments.problems.split(","))
        for name in chosen:
            _pick(f"figure {number}: problem", name, table)
        names = tuple(chosen)
    _resumable(arguments)
    settings = {
        name: _open(
            PROBLEMS[name],
            getattr(PROBLEMS[name], scale),
            arguments,
            each_batch_twice=COMPARISONS[number].each_batch_twice,
        )
        for name in names
    }
    from inna_optax.experiments.commands.compare import compare_problems

    compare_problems(number, scale, settings, arguments.out, arguments.resume, argv)
    return 0


def _run(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    match arguments.command:
        case "list":
            _list()
            return 0
        case "train":
            return _train(arguments)
        case "compare":
            return _compare(arguments, argv)
        case "figure":
            return _figure(arguments, argv)
        case _:
            _pick("table", arguments.number, dict.fromkeys(TABLES))
            from inna_optax.experiments.commands import reproduce

            reproduce.table(arguments.number, arguments.out, argv)
            return 0


def main(argv: Sequence[str]) -> int:
    """Runs the command that `argv` names; returns the exit status."""
    try:
        if argv and not argv[0].startswith("-"):
            _pick("command", argv[0], COMMANDS)
        return _run(make_parser().parse_args(argv), argv)
    except UserError as error:
        print(f"inna-optax: {error}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(f"inna-optax: {stopped}", file=sys.stderr)
        return SIGNALLED + stopped.signum
    except KeyboardInterrupt:
        print("inna-optax: interrupted", file=sys.stderr)
        return SIGNALLED + signal.SIGINT
    except Exception as error:
        reason = _machine(error)
        if reason is None:
            raise
        print(f"inna-optax: {reason}", file=sys.stderr)
        return 1


def _machine(error: Exception) -> str | None:
    """What the machine did not allow, in a line; None if that is not the error."""
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
    return None
