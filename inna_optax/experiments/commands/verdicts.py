"""What the papers claim of a figure or a table, and what was found here, in words."""

from typing import Any

from inna_optax.experiments.claims import judged_by
from inna_optax.experiments.running.terminal import Console


def print_claims(console: Console, file: str, record: dict[str, Any]) -> None:
    """Prints each claim that a record tests, its verdict, and what was measured."""
    found = judged_by(file, record)
    if not found:
        return
    console.print("What the papers claim, judged by this record:")
    for claim, measured, verdict in found:
        console.print(f"- {claim}: {verdict}", highlight=False)
        console.print(f"    {measured}", highlight=False)
