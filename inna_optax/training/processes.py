"""Several processes that train one run together, joined by ``jax.distributed``.

All run the same program.  What each would decide by its own clock or signals they
decide together; otherwise processes deadlock.
"""

import jax
import numpy as np
from jax.experimental import multihost_utils


def is_first() -> bool:
    """Whether this process writes the records; true if there is one process."""
    return jax.process_index() == 0


def of_first(value: int) -> int:
    """The first process's value, in all."""
    if jax.process_count() == 1:
        return value
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def largest(*values: int) -> tuple[int, ...]:
    """Of each value the largest that any process has, in all."""
    if jax.process_count() == 1:
        return values
    gathered = multihost_utils.process_allgather(np.array(values, np.int32))
    return tuple(int(x) for x in gathered.max(axis=0))


def wait_for_all(where: str) -> None:
    """Returns when all processes have reached the barrier of that name."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(where)
