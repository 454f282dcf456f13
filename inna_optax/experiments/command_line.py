"""The command line: what the user typed, checked, and the command called.

`argparse`, rather than a richer library, since a mistake shall be answered by one
line, and `list` shall not wait for imports.
"""

import argparse
import difflib
import pathlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from inna_optax.experiments.errors import UserError
from inna_optax.experiments.figures.registry import FIGURES
from inna_optax.experiments.optimizers import COMPARED, HYPERPARAMETERS, OPTIMIZERS
from inna_optax.experiments.problems import PROBLEMS
from inna_optax.transforms.hyperparameters import check_hyperparameter

SEED_MAX = 2**32 - 1
TABLES = ("3.1",)
STOPPED = 130  # the shell's status of a program ended by Ctrl-C


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, without the usage."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="inna-optax",
        description="INNA and Step-Tuned SGD: the experiments of the papers.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    commands.add_parser(
        "list", help="list the problems and the optimizers", allow_abbrev=False
    )

    train = commands.add_parser(
        "train", help="train one network with one optimizer", allow_abbrev=False
    )
    train.add_argument("problem", metavar="PROBLEM", help=f"one of {_names(PROBLEMS)}")
    train.add_argument(
        "--optimizer",
        required=True,
        metavar="NAME",
        help=f"one of {_names(OPTIMIZERS)}",
    )
    train.add_argument(
        "--learning-rate",
        type=float,
        metavar="X",
        help="step size (default: the optimizer's, see 'inna-optax list')",
    )
    group = train.add_argument_group("hyperparameters", "those that the optimizer has")
    for name in HYPERPARAMETERS:
        group.add_argument(_flag(name), type=float, metavar="X", help=_defaults(name))
    train.add_argument("--seed", type=_seed, default=0, metavar="N", help="default: 0")
    train.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out, from its last finished epoch",
    )

    compare = commands.add_parser(
        "compare",
        help="compare optimizers: a search of hyperparameters, then several seeds",
        allow_abbrev=False,
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
        default=",".join(COMPARED),
        metavar="A,B,...",
        help=f"of {_names(OPTIMIZERS)} (default: {','.join(COMPARED)})",
    )
    compare.add_argument(
        "--seeds",
        type=_count,
        default=3,
        metavar="N",
        help="number of initializations (default: 3)",
    )

    figure = commands.add_parser(
        "figure", help="compute and draw a figure of the papers", allow_abbrev=False
    )
    figure.add_argument("number", metavar="NUMBER", help=f"one of {_names(FIGURES)}")
    figure.add_argument(
        "--scale",
        choices=("desk", "paper"),
        default="desk",
        help="the published setting, or its cut for a desk (default: desk)",
    )
    table = commands.add_parser(
        "table", help="compute a table of the papers", allow_abbrev=False
    )
    table.add_argument("number", metavar="NUMBER", help=f"one of {_names(TABLES)}")

    for command in (train, compare):
        command.add_argument(
            "--epochs",
            type=_count,
            metavar="N",
            help="passes over the data (default: the problem's); in 'compare' an"
            " optimizer that uses each batch twice makes half as many",
        )
        command.add_argument(
            "--batch-size", type=_count, metavar="N", help="default: the problem's"
        )
    for command in (train, compare, figure, table):
        command.add_argument(
            "--out",
            type=pathlib.Path,
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


def _count(text: str) -> int:
    """A positive integer."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"must be an integer in [1, inf), got {text!r}"
        )
    return int(text)


def _seed(text: str) -> int:
    """A seed of JAX's random keys."""
    if not text.isdecimal() or int(text) > SEED_MAX:
        raise argparse.ArgumentTypeError(
            f"must be an integer in [0, {SEED_MAX}], got {text!r}"
        )
    return int(text)


def _pick(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """The entry of that name, or an error that names the nearest."""
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(
        f"{kind} {name!r} is unknown: it must be one of {_names(table)}{hint}"
    )


def _hyperparameters(optimizer: Any, arguments: argparse.Namespace) -> dict[str, float]:
    """The optimizer's hyperparameters, with the user's values checked."""
    given = {name: getattr(arguments, name) for name in HYPERPARAMETERS}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in optimizer.defaults:
            allowed = ", ".join(map(_flag, optimizer.defaults)) or "none"
            raise UserError(
                f"{_flag(name)} is not a hyperparameter of {optimizer.name}, which has:"
                f" --learning-rate, {allowed}"
            )
    rate = arguments.learning_rate
    rate = optimizer.learning_rate if rate is None else rate
    hyperparameters = {"learning_rate": rate, **optimizer.defaults, **given}
    try:
        check_hyperparameter("learning_rate", rate, "[0, inf)")
        # Both ways, since a learning rate inside a schedule is not seen by alpha.
        optimizer.solver(hyperparameters, 1)
        optimizer.make(rate, **(optimizer.defaults | given))
    except (TypeError, ValueError) as error:
        raise UserError(str(error)) from error
    return hyperparameters


def _list() -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    problems = Table(title="problems", title_justify="left")
    for column in ("name", "what", "batch size", "epochs", "source"):
        problems.add_column(column)
    for problem in PROBLEMS.values():
        problems.add_row(
            problem.name,
            problem.title,
            str(problem.batch_size),
            str(problem.epochs),
            problem.source,
        )
    optimizers = Table(title="optimizers", title_justify="left")
    for column in ("name", "learning rate", "other defaults", "gradients per batch"):
        optimizers.add_column(column)
    for entry in OPTIMIZERS.values():
        decay = ", decays once an epoch" if entry.decays else ""
        optimizers.add_row(
            entry.name,
            f"{entry.learning_rate:g}{decay}",
            ", ".join(f"{k} {v:g}" for k, v in entry.defaults.items()),
            str(entry.uses_per_batch),
        )
    figures = Table("number", "what", title="figures", title_justify="left")
    for number, drawn in FIGURES.items():
        figures.add_row(number, drawn.title)
    for table in (problems, optimizers, figures):
        console.print(table)
    console.print(f"tables: {_names(TABLES)}")


def _run(arguments: argparse.Namespace, argv: Sequence[str]) -> int:
    if arguments.command == "list":
        _list()
        return 0
    if arguments.command in ("figure", "table"):
        from inna_optax.experiments import reproduce

        if arguments.command == "figure":
            _pick("figure", arguments.number, FIGURES)
            reproduce.figure(arguments.number, arguments.scale, arguments.out, argv)
        else:
            _pick("table", arguments.number, dict.fromkeys(TABLES))
            reproduce.table(arguments.number, arguments.out, argv)
        return 0
    problem = _pick("problem", arguments.problem, PROBLEMS)
    epochs = arguments.epochs or problem.epochs
    batch_size = arguments.batch_size or problem.batch_size
    if arguments.command == "train":
        from inna_optax.experiments.train import train

        optimizer = _pick("optimizer", arguments.optimizer, OPTIMIZERS)
        return train(
            problem,
            optimizer,
            _hyperparameters(optimizer, arguments),
            epochs=epochs,
            batch_size=batch_size,
            seed=arguments.seed,
            out=arguments.out,
            resume=arguments.resume,
        )
    from inna_optax.experiments.compare import compare

    compare(
        problem,
        [
            _pick("optimizer", name.strip(), OPTIMIZERS)
            for name in dict.fromkeys(arguments.optimizers.split(","))
        ],
        epochs=epochs,
        batch_size=batch_size,
        seeds=arguments.seeds,
        out=arguments.out,
        command=argv,
    )
    return 0


def main(argv: Sequence[str]) -> int:
    """Runs the command that `argv` names; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments, argv)
    except UserError as error:
        print(f"inna-optax: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        resume = "; go on with --resume" if arguments.command == "train" else ""
        print(f"inna-optax: stopped{resume}", file=sys.stderr)
        return STOPPED
