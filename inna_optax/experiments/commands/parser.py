"""What can be typed: the commands, their options, and the values of options."""

import argparse
import os
import pathlib
import textwrap
from collections.abc import Iterable
from typing import Any, NoReturn

import inna_optax
from inna_optax._checks import nearest
from inna_optax.experiments.catalogue.contenders import CONTENDERS, HYPERPARAMETERS
from inna_optax.experiments.catalogue.figures import COMPARISONS, FIGURES, TABLES
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.catalogue.schedules import SCHEDULES
from inna_optax.experiments.running.unit import CHECKPOINT_SECONDS
from inna_optax.training.mesh import AXES

SEED_MAX = 2**32 - 1
PORT_MAX = 2**16 - 1
SCALES = ("desk", "paper")
SHELLS = ("bash", "zsh", "fish", "tcsh")
COMMANDS = {
    "list": "list the problems and the optimizers",
    "train": "train one network with one optimizer",
    "compare": "compare optimizers: a search of hyperparameters, then several seeds",
    "figure": "compute and draw a figure of the papers",
    "table": "compute a table of the papers",
    "plot": "draw runs, comparisons and figures that are there",
    "evaluate": "the losses of a trained network",
    "export": "write a trained network's arrays to a file",
    "completion": "print what makes a shell complete names and options",
}


# What `compare` and `figure` let the user change of a protocol, and its meaning.
CHANGES = {
    "alpha": "INNA's, in place of the protocol's",
    "beta": "INNA's, in place of the protocol's",
    "initial_speed": "INNA's, in place of the protocol's",
    "decay_power": "the learning rates that fall are divided by q^X",
    "rate_factor": "the learning rates that are searched, times X: for a choice at the"
    " edge of the grid",
    "weight_decay": "lambda of the penalty lambda/2 ||theta||^2",
}


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
    parser.add_argument(
        "--version", action="version", version=f"%(prog)s {inna_optax.__version__}"
    )
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands = {
        name: parsers.add_parser(name, help=text, allow_abbrev=False)
        for name, text in COMMANDS.items()
    }
    train, compare = commands["train"], commands["compare"]
    figure, table = commands["figure"], commands["table"]

    commands["list"].add_argument(
        "--json", action="store_true", help="the same for programs"
    )
    train.add_argument("problem", metavar="PROBLEM", help=f"one of {listed(PROBLEMS)}")
    train.add_argument(
        "--optimizer",  # required, but argparse would say so before a misspelt option
        metavar="NAME",
        help=f"one of {listed(CONTENDERS)}; there is no default",
    )
    train.add_argument(
        "--learning-rate",
        type=_number,
        metavar="X",
        help="step size (default: the optimizer's, see 'inna-optax list')",
    )
    group = train.add_argument_group("hyperparameters", "those that the optimizer has")
    for name in HYPERPARAMETERS:
        group.add_argument(
            flag_of(name), type=_number, metavar="X", help=_defaults(name)
        )
    train.add_argument(
        "--schedule",
        metavar="NAME",
        help=f"of the learning rate: {listed(SCHEDULES)} (default: paper, as in"
        " the problem's chapter)",
    )
    train.add_argument("--seed", type=_seed, default=0, metavar="N", help="default: 0")
    train.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out from its last checkpoint; a larger --epochs"
        " extends it",
    )
    train.add_argument(
        "--checkpoint-every",
        type=_seconds,
        default=CHECKPOINT_SECONDS,
        metavar="SECONDS",
        help="time from one checkpoint to the next: what a kill loses at most (default:"
        f" {CHECKPOINT_SECONDS:g})",
    )
    train.add_argument(
        "--evaluate-every",
        type=_count,
        metavar="EPOCHS",
        help="epochs from one row of the history to the next (default: 1, or what makes"
        " some 60 rows of a long run)",
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
        help=f"one of {listed(PROBLEMS)} (default: digits)",
    )
    compare.add_argument(
        "--optimizers",
        metavar="A,B,...",
        help=f"of {listed(CONTENDERS)} (default: those of the problem's chapter)",
    )
    figure.add_argument(
        "number", metavar="NUMBER", help=f"one of {listed([*FIGURES, *COMPARISONS])}"
    )
    figure.add_argument(
        "--problems",
        metavar="A,B,...",
        help="which of the figure's problems, of figures that train networks"
        " (default: all)",
    )
    table.add_argument("number", metavar="NUMBER", help=f"one of {listed(TABLES)}")

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
            help="continue in --out: finished runs are not repeated",
        )
        command.add_argument(
            "--together",
            type=_count,
            metavar="N",
            help="runs of one optimizer that are trained at once, as one program"
            " (default: 1 on CPU, 27 on a GPU or TPU)",
        )
    for command in (train, compare, figure):
        at_scale = "" if command is train else " at that scale"
        halved = (
            ""
            if command is train
            else "; an optimizer that uses each batch twice makes half as many"
        )
        command.add_argument(
            "--epochs",
            type=_count,
            metavar="N",
            help=f"passes over the data (default: the problem's{at_scale}){halved}",
        )
        command.add_argument(
            "--train-examples",
            type=_count,
            metavar="N",
            help=f"train on the first N examples (default: the problem's{at_scale})",
        )
    for command in (compare, figure):
        command.add_argument(
            "--seeds",
            type=_count,
            metavar="N",
            help="number of initializations (default: the problem's at that scale)",
        )
        group = command.add_argument_group(
            "changes of the protocol", "which records and pictures then state"
        )
        for name, meaning in CHANGES.items():
            group.add_argument(flag_of(name), type=_number, metavar="X", help=meaning)
        group.add_argument(
            "--schedule",
            metavar="NAME",
            help=f"of all learning rates: {listed(SCHEDULES)} (default: paper)",
        )
    for command in (train, compare):
        command.add_argument(
            "--dataset",
            metavar="NAME",
            help="one of the problem's (default: the published one)",
        )
        command.add_argument(
            "--batch-size", type=_count, metavar="N", help="default: the problem's"
        )
        command.add_argument(
            "--each-batch-twice",
            action="store_true",
            help="every optimizer makes two steps on each mini-batch (Figure 4.5)",
        )
    for command in (train, compare, figure, commands["evaluate"]):
        command.add_argument(
            "--data-dir",
            type=_folder,
            metavar="DIR",
            help="folder of the data sets (default: $INNA_OPTAX_DATA_DIR, then"
            " ~/.cache/inna_optax, then a download)",
        )
    for command in (train, compare, figure):
        command.add_argument(
            "--data-note",
            metavar="TEXT",
            help="a note on the data in records and pictures, if they are not the"
            " originals",
        )
    plot = commands["plot"]
    plot.add_argument(
        "folders",
        nargs="+",
        type=_folder,
        metavar="RUN",
        help="folders that 'train', 'compare' or 'figure' wrote; runs share a picture",
    )
    evaluate, export = commands["evaluate"], commands["export"]
    for command in (evaluate, export):
        command.add_argument(
            "folder", metavar="RUN", type=_folder, help="folder that 'train' wrote"
        )
    export.add_argument(
        "file",
        metavar="FILE",
        type=_folder,
        help="file to write, in the format of its ending: .npz or .safetensors",
    )
    commands["completion"].add_argument(
        "shell", metavar="SHELL", help=f"one of {listed(SHELLS)}"
    )
    for command in (train, compare, figure, table, plot):
        command.add_argument(
            "--out",
            type=_folder,
            metavar="DIR",
            help="folder for the results (default: a new one in inna-optax-runs)",
        )
    return parser


def listed(table: Iterable[str]) -> str:
    """The names as they stand in a sentence."""
    return ", ".join(table)


def flag_of(name: str) -> str:
    """The option of an argument."""
    return "--" + name.replace("_", "-")


def _defaults(name: str) -> str:
    """Help for a hyperparameter: its default in each optimizer that has it."""
    return "default: " + ", ".join(
        f"{entry.defaults[name]:g} ({entry.name})"
        for entry in CONTENDERS.values()
        if name in entry.defaults
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be in [0, inf), got {text!r}")
    return value


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
    """A folder; its `~` too, which shells leave where it follows an equals sign."""
    if not text:  # which pathlib takes for the current one
        raise argparse.ArgumentTypeError("must name a folder, got ''")
    # Not by pathlib, for which ./~ is ~.
    expanded = os.path.expanduser(text)  # noqa: PTH111
    if expanded.startswith("~"):
        raise argparse.ArgumentTypeError(
            f"must name a folder, got {text!r}, whose home is unknown (a folder of"
            f" that name is ./{text})"
        )
    path = pathlib.Path(expanded)
    # Nobody shall expand ./~ once more.
    return path.absolute() if str(path).startswith("~") else path


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
