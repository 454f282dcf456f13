"""Checkpoints of a run, by orbax.

On a mesh each device's part is stored, and several processes store theirs together: the
folder must be one that all of them see.  A checkpoint can be restored on another mesh.
"""

import pathlib
from typing import Any

import jax

from inna_optax.training.program import Run


class Checkpoints:
    """The folder in which a run's last states are kept.

    Arrays are stored under the names of their paths in the run, so that a checkpoint
    can be read without the classes that made it.
    """

    def __init__(self, folder: pathlib.Path, *, keep: int = 2) -> None:
        """Opens `folder`, which is made if it is not there; the last `keep` stay."""
        import orbax.checkpoint as ocp

        self._ocp = ocp
        self._manager = ocp.CheckpointManager(
            folder.absolute(), options=ocp.CheckpointManagerOptions(max_to_keep=keep)
        )

    def save(self, run: Run, updates: int) -> None:
        """Stores `run` as it is after `updates` updates; returns when it is stored.

        What is there already is kept: a run is a function of its settings and of the
        number of its updates.
        """
        if self.latest() == updates:
            return
        self._manager.save(updates, args=self._ocp.args.StandardSave(_named(run)))
        self._manager.wait_until_finished()

    def latest(self) -> int | None:
        """The number of updates of the newest checkpoint, None if there is none."""
        return self._manager.latest_step()

    def restore(self, like: Run, updates: int) -> Run:
        """The run stored then, in the structure, shapes, types and places of `like`."""
        names = _named(like)
        stored = self._manager.restore(
            updates, args=self._ocp.args.StandardRestore(names)
        )
        leaves = [stored[name] for name in names]
        return jax.tree.unflatten(jax.tree.structure(like), leaves)

    def close(self) -> None:
        """Releases the folder."""
        self._manager.close()


def _named(run: Run) -> dict[str, Any]:
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jax.tree.leaves_with_path(run)
    }
