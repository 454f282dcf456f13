"""The command `inna-optax export`: a trained network's arrays, for other programs."""

import pathlib
from typing import Any

import jax
import numpy as np

from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.stored import StoredRun, read_run
from inna_optax.experiments.running.terminal import Console
from inna_optax.training import Run
from inna_optax.training.records import replacing

SUFFIXES = (".npz", ".safetensors")


def export(folder: pathlib.Path, file: pathlib.Path) -> None:
    """Writes the network of a run's last checkpoint to `file`.

    Its parameters are those that are evaluated: of an optimizer that averages, the
    average.

    Raises:
      UserError: if the file is there, its folder is not, its ending is not one of
        SUFFIXES, or the other folder holds no run.
    """
    if file.suffix not in SUFFIXES:
        raise UserError(f"FILE must end in {' or '.join(SUFFIXES)}, got {str(file)!r}")
    if file.exists():
        raise UserError(f"{file} is there already: name another file")
    if not file.parent.is_dir():
        raise UserError(f"{file} cannot be written: there is no folder {file.parent}")
    stored = read_run(folder)
    run, updates = stored.last_state(stored.program(stored.without_data()))
    arrays = named_arrays(stored, run)
    with replacing(file) as partial:
        _write(partial, file.suffix, arrays, stored, updates)
    numbers = sum(array.size for array in arrays.values())
    Console().print(
        f"{file}: {len(arrays)} arrays, {numbers:,} numbers", soft_wrap=True
    )


def named_arrays(stored: StoredRun, run: Run) -> dict[str, np.ndarray]:
    """The network's arrays by their places: `params.` and `model_state.` and so on."""
    evaluated = stored.contender.evaluated
    params = evaluated(run.opt_state, run.params) if evaluated else run.params
    parts = {"params": params, "model_state": run.model_state}
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf)
        for path, leaf in jax.tree.leaves_with_path(parts)
        if not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    }


def _write(
    path: pathlib.Path, suffix: str, arrays: Any, stored: StoredRun, updates: int
) -> None:
    if suffix == ".npz":
        with path.open("wb") as opened:
            np.savez(opened, **arrays)
        return
    from safetensors.numpy import save_file

    names = ("problem", "optimizer", "seed")
    about = {name: str(stored.record[name]) for name in names}
    save_file(arrays, path, metadata={**about, "updates": str(updates)})
