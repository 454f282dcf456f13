"""Which of two methods ends lower, told from a few seeds of each."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Beyond that many seeds two methods are called level.
MOST_SEEDS = 99


class Order(NamedTuple):
    """Whether the first of two is below the second, None if it cannot be told."""

    below: bool | None
    seeds: int | None = None  # of each, that would tell; None if told or level


def order(first: Sequence[float], second: Sequence[float]) -> Order:
    """Compares two methods by a value of each of their seeds.

    One is below the other if the means differ by more than two standard errors of
    their difference, and the ranges do not overlap.  Of a seed that diverged the value
    is infinite; then the ranges alone tell.
    """
    if min(len(first), len(second)) < 2:
        return Order(None, 2)
    apart = max(first) < min(second) or max(second) < min(first)
    if not all(map(math.isfinite, [*first, *second])):
        return Order(max(first) < min(second) if apart else None)
    difference = statistics.mean(second) - statistics.mean(first)
    variances = [statistics.variance(values) for values in (first, second)]
    error = math.sqrt(variances[0] / len(first) + variances[1] / len(second))
    if apart and abs(difference) > 2 * error:
        return Order(difference > 0)
    if difference == 0:
        return Order(None)
    # With that many, the difference is two standard errors.
    needed = math.ceil(4 * sum(variances) / difference**2)
    needed = max(needed, min(len(first), len(second)) + 1)
    return Order(None, needed if needed <= MOST_SEEDS else None)


def all_below(
    firsts: Iterable[Sequence[float]], seconds: Iterable[Sequence[float]]
) -> Order:
    """Whether each of the firsts is below each of the seconds."""
    seconds = list(seconds)
    pairs = [order(first, second) for first in firsts for second in seconds]
    if any(pair.below is False for pair in pairs):
        return Order(False)
    if all(pair.below for pair in pairs):
        return Order(True)
    open_pairs = [pair.seeds for pair in pairs if pair.below is None]
    known = [seeds for seeds in open_pairs if seeds is not None]
    return Order(None, max(known) if len(known) == len(open_pairs) else None)
