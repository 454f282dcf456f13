"""How much of a loop one call runs."""

from inna_optax.training.processes import of_first

# Target wall time of one part of an epoch or of an evaluation: progress is shown, and a
# signal heard, as often.  A call itself costs less than a millisecond.
PART_SECONDS = 0.5


class Pace:
    """How many steps of a loop take the target time, by how long the last ones took."""

    def __init__(self) -> None:
        self.steps = 1

    def adapt(self, steps: int, seconds: float) -> None:
        """Sets the number of steps by how long as many took."""
        wanted = max(1, round(steps * PART_SECONDS / max(seconds, 1e-6)))
        # All processes must make the same calls.
        self.steps = of_first(min(wanted, 2**30))
