"""Scalars for TensorBoard, by the package tensorboardX."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from inna_optax._address import pip_install
from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.records import METRICS

WriteRow = Callable[[Mapping[str, Any]], None]


def check_installed() -> None:
    """Checks that scalars can be written.

    Raises:
      UserError: if tensorboardX is not installed.
    """
    try:
        import tensorboardX  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            f"--tensorboard needs {error.name}, which is not installed:"
            f" {pip_install('tensorboard')}"
        ) from error


@contextlib.contextmanager
def scalar_writer(folder: pathlib.Path, wanted: bool, done: int) -> Iterator[WriteRow]:
    """Gives a function that writes a history's row; it does nothing if not wanted.

    Args:
      folder: the run's; the scalars go into its folder ``tensorboard``.
      wanted: whether to write.
      done: gradient evaluations of the run so far; scalars of later ones, which an
        earlier process wrote, are dropped.
    """
    if not wanted:
        yield lambda row: None
        return
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1) as writer:

        def write(row: Mapping[str, Any]) -> None:
            for name in METRICS:
                if row[name] is not None:
                    writer.add_scalar(name, row[name], row["gradient_evaluations"])
            writer.flush()

        yield write
