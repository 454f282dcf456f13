"""SIGINT and SIGTERM, handled where a run can be saved."""

import contextlib
import pathlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from inna_optax.training.processes import largest


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The user or the system requested a stop, and the state is saved."""

    def __init__(self, signum: int, folder: pathlib.Path) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum, self.folder = signum, folder


class Stop:
    """Whether a stop was requested."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder  # of the run that can be resumed
        self.signum: int | None = None

    def check(self, due: bool = False) -> bool:
        """Raises if a stop was requested of any of the processes.

        Returns:
          Whether `due` holds in any of them: one exchange settles both questions.

        Raises:
          Stopped: if so.
        """
        signum, anywhere = largest(self.signum or 0, int(due))
        if signum:
            raise Stopped(signum, self.folder)
        return bool(anywhere)


@contextlib.contextmanager
def stop_signals(folder: pathlib.Path) -> Iterator[Stop]:
    """Notes SIGINT and SIGTERM instead of dying; a second SIGINT interrupts at once."""
    stop = Stop(folder)
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may handle signals
        return

    def note(signum: int, frame: FrameType | None) -> None:
        stop.signum = signum
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
