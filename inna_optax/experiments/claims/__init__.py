"""What the papers claim, held against the records.

A claim is judged by its rule.  The rule stands in words beside the claim, and in code
in the function that judges it.  A claim whose records are not in the folder is not
tested.
"""

import pathlib

from inna_optax.experiments.claims.claim import (
    NOT_TESTED,
    Record,
    judged,
    load_all,
    records_of,
)
from inna_optax.experiments.claims.figures import OF_FIGURES
from inna_optax.experiments.claims.networks import OF_NETWORKS, scale

__all__ = [
    "OF_FIGURES",
    "OF_NETWORKS",
    "judged_by",
    "table_of_figures",
    "table_of_networks",
]


def table_of_networks(folder: pathlib.Path) -> str:
    """The claims about training networks, then what was run of each setting."""
    records = load_all(folder, OF_NETWORKS)
    lines = ["| the papers claim | where | measured | |", "|---|---|---|---|"]
    scales: dict[str, None] = {}
    for claim in OF_NETWORKS:
        measured, verdict = judged(claim, records)
        lines.append(f"| {claim.claim} | {claim.source} | {measured} | {verdict} |")
        if verdict != NOT_TESTED:
            used = [records[name] for name in claim.records if name in records]
            scales |= dict.fromkeys(map(scale, used))
    run = ["", f"Run here: {'; '.join(scales)}."] if scales else []
    return "\n".join([*lines, *run])


def judged_by(file: str, record: Record) -> list[tuple[str, str, str]]:
    """The claims that a figure's or table's file of that name tests.

    Each with what was measured and the verdict.
    """
    records = records_of(file, record)
    found = []
    for claim in (*OF_NETWORKS, *OF_FIGURES):
        measured, verdict = judged(claim, records)
        if verdict != NOT_TESTED:
            found.append((claim.claim, measured, verdict))
    return found


def table_of_figures(folder: pathlib.Path) -> str:
    """The claims about figures and Table 3.1, each with its rule."""
    records = load_all(folder, OF_FIGURES)
    lines = ["| the thesis reads | agrees if | we measure | |", "|---|---|---|---|"]
    for claim in OF_FIGURES:
        measured, verdict = judged(claim, records)
        lines.append(
            f"| {claim.source}: {claim.claim} | {claim.rule} | {measured} | {verdict} |"
        )
    return "\n".join(lines)
