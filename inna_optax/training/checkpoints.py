"""Checkpoints of a run, by orbax.

A checkpoint holds a run's arrays and the history that led to them, so that both are of
the same moment.  On a mesh each device's part is stored, and several processes store
theirs together: the folder must be one that all of them see.  A checkpoint can be
restored on another mesh.
"""

import functools
import os
import textwrap
import types
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax

from inna_optax._checks import as_count
from inna_optax.training.arguments import as_path, check_type
from inna_optax.training.program import Run
from inna_optax.training.records import first_difference, plain

# Of what a checkpoint holds.  Readers accept what they do not know; they refuse what
# was stored under other rules.  0, which has no number: its random numbers differ.
FORMAT = 1


class CheckpointError(Exception):
    """A checkpoint cannot be written or read; the message names it and says why."""


class UnreadableCheckpointError(CheckpointError):
    """A checkpoint that is there is damaged, of another format, or of another run."""


class Stored(NamedTuple):
    """What a checkpoint holds."""

    run: Run
    history: list[dict[str, Any]]  # the rows up to the run, in values that JSON has


class Checkpoints:
    """The folder in which a run's last states are kept.

    Arrays are stored under the names of their paths in the run, so that a checkpoint
    can be read without the classes that made it.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep: int = 2,
        identity: Mapping[str, Any] = types.MappingProxyType({}),
    ) -> None:
        """Names `folder`, which the first checkpoint makes if it is not there.

        Args:
          folder: where the checkpoints are.
          keep: how many stay, the last ones, in [1, inf).
          identity: the fields that identify the run, in values that JSON has; stored
            with each checkpoint.

        Raises:
          TypeError: if `folder` is not a path, `keep` is not an integer, or `identity`
            is not a mapping.
          ValueError: if `keep` is less than 1.
        """
        self.folder = as_path("folder", folder)
        keep = as_count("keep", keep)
        check_type("identity", identity, Mapping)
        self.identity = dict(identity)
        self.keep = keep
        self._saved: int | None = None  # the last that was given to be stored

    @functools.cached_property
    def _manager(self) -> Any:
        """Orbax's, made when it is needed: its import takes a second."""
        import orbax.checkpoint as ocp

        return ocp.CheckpointManager(
            self.folder.absolute(),
            # A killed process leaves the one that it was writing.
            options=ocp.CheckpointManagerOptions(
                max_to_keep=self.keep, cleanup_tmp_directories=True
            ),
        )

    def save(
        self, run: Run, updates: int, history: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Begins to store `run` as it is after `updates` updates, and returns.

        The arrays are written while the caller goes on; :meth:`wait` returns when they
        are stored.  An existing checkpoint is not rewritten: a run is a function of its
        identity and of the number of its updates.

        Args:
          run: what to store; it may be donated afterwards.
          updates: the number of updates that made it.
          history: the rows measured so far, in values that JSON has.

        Raises:
          CheckpointError: if this or an earlier one cannot be stored; those that are
            stored are as they were.
        """
        if updates in (self._saved, self.latest()):
            return
        import orbax.checkpoint as ocp

        # A copy, which no later step is given to reuse while it is written.
        arrays = jax.tree.map(_copy, _named(run))
        metadata = {
            **self.identity,
            "format": FORMAT,
            "history": plain(list(history)),
        }
        self._done(
            lambda: self._manager.save(
                updates,
                args=ocp.args.StandardSave(arrays),
                custom_metadata=metadata,
            ),
            updates,
        )
        self._saved = updates

    def wait(self) -> None:
        """Returns when all that was saved is stored.

        Raises:
          CheckpointError: if something cannot be stored.
        """
        if self._saved is None:
            return
        self._done(self._manager.wait_until_finished, self._saved)

    def _done(self, call: Any, updates: int | None) -> None:
        try:
            call()
            self._manager.check_for_errors()
        except Exception as error:  # of many kinds, from several libraries
            self._saved = None
            raise CheckpointError(
                f"{self.folder / str(updates)} cannot be written: {_reason(error)}"
            ) from error

    def latest(self) -> int | None:
        """The number of updates of the newest checkpoint, None if there is none."""
        return self._manager.latest_step() if self.folder.is_dir() else None

    def older(self, updates: int) -> int | None:
        """The number of updates of the newest checkpoint before that one."""
        return max((n for n in self._manager.all_steps() if n < updates), default=None)

    def restore(self, like: Run, updates: int) -> Stored:
        """What was stored after that many updates.

        Args:
          like: a run, or its shapes: the structure, shapes, types and shardings of the
            arrays that are returned.
          updates: the number of updates, as :meth:`latest` gives it.

        Raises:
          UnreadableCheckpointError: if it is damaged, of a run of another structure, of
            another format, or stored with another identity than this one, if with any.
        """
        import orbax.checkpoint as ocp

        place = self.folder / str(updates)
        names = _named(like)
        try:
            metadata = dict(self._manager.metadata(updates).custom_metadata or {})
            stored = self._manager.restore(
                updates, args=ocp.args.StandardRestore(names)
            )
            leaves = [stored[name] for name in names]
        except Exception as error:  # of many kinds, from several libraries
            raise UnreadableCheckpointError(
                f"{place} cannot be read: {_reason(error)}"
            ) from error
        found, history = metadata.pop("format", 0), metadata.pop("history", [])
        if found != FORMAT:
            raise UnreadableCheckpointError(
                f"{place} has format {found}, and this version continues format"
                f" {FORMAT} only"
            )
        if metadata and (difference := first_difference(metadata, self.identity)):
            key, value, wanted = difference
            raise UnreadableCheckpointError(
                f"{place} is of another run: it has {key} {value!r}, not {wanted!r}"
            )
        run = jax.tree.unflatten(jax.tree.structure(like), leaves)
        return Stored(run, history)

    def close(self) -> None:
        """Waits for what is being stored and releases the folder."""
        if "_manager" in vars(self):
            self._manager.close()
            del self._manager


def _copy(array: Any) -> jax.Array:
    """Without an operation, which could not run while another mesh is set."""
    where = getattr(array, "sharding", None)
    return jax.device_put(array, where, may_alias=False)


def _named(run: Run) -> dict[str, Any]:
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jax.tree.leaves_with_path(run)
    }


def _reason(error: Exception) -> str:
    """The short of a long message."""
    text = " ".join(str(error).split())
    for known in ("No space left on device", "Read-only file system"):
        if known in text:
            return known
    return textwrap.shorten(text, 160) or type(error).__name__
