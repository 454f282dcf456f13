"""Checkpoints of a run, by orbax.

On a mesh each device's part is stored, and several processes store theirs together: the
folder must be one that all of them see.  A checkpoint can be restored on another mesh.
"""

import os
import textwrap
import types
from collections.abc import Mapping
from typing import Any

import jax

from inna_optax._checks import as_count
from inna_optax.training.arguments import as_path, check_type
from inna_optax.training.program import Run
from inna_optax.training.records import first_difference


class CheckpointError(Exception):
    """A checkpoint cannot be written or read; the message names it and says why."""


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
        """Opens `folder`, which is made if it is not there.

        Args:
          folder: where the checkpoints are.
          keep: how many stay, the last ones, in [1, inf).
          identity: what tells the run from others, in values that JSON has; stored
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
        import orbax.checkpoint as ocp

        self._ocp = ocp
        self._manager = ocp.CheckpointManager(
            self.folder.absolute(),
            options=ocp.CheckpointManagerOptions(max_to_keep=keep),
        )

    def save(self, run: Run, updates: int) -> None:
        """Stores `run` as it is after `updates` updates; returns when it is stored.

        What is there already is kept: a run is a function of its settings and of the
        number of its updates.

        Raises:
          CheckpointError: if it cannot be stored; older ones are as they were.
        """
        if self.latest() == updates:
            return
        try:
            self._manager.save(
                updates,
                args=self._ocp.args.StandardSave(_named(run)),
                custom_metadata=self.identity,
            )
            self._manager.wait_until_finished()
        except Exception as error:  # of many kinds, from several libraries
            raise CheckpointError(
                f"{self.folder / str(updates)} cannot be written: {_reason(error)}"
            ) from error

    def latest(self) -> int | None:
        """The number of updates of the newest checkpoint, None if there is none."""
        return self._manager.latest_step()

    def older(self, updates: int) -> int | None:
        """The number of updates of the newest checkpoint before that one."""
        return max((n for n in self._manager.all_steps() if n < updates), default=None)

    def restore(self, like: Run, updates: int) -> Run:
        """The run stored then, in the structure, shapes, types and places of `like`.

        Raises:
          CheckpointError: if it is damaged, of a run of another structure, or stored
            with another identity than this one, if with any.
        """
        names = _named(like)
        try:
            identity = self._manager.metadata(updates).custom_metadata
            stored = self._manager.restore(
                updates, args=self._ocp.args.StandardRestore(names)
            )
            leaves = [stored[name] for name in names]
        except Exception as error:  # of many kinds, from several libraries
            raise CheckpointError(
                f"{self.folder / str(updates)} cannot be read: {_reason(error)}"
            ) from error
        if identity and (difference := first_difference(identity, self.identity)):
            key, value, wanted = difference
            raise CheckpointError(
                f"{self.folder / str(updates)} is of another run: it has {key}"
                f" {value!r}, not {wanted!r}"
            )
        return jax.tree.unflatten(jax.tree.structure(like), leaves)

    def close(self) -> None:
        """Releases the folder."""
        self._manager.close()


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
