"""A claim of the papers, its records, and how a verdict is worded."""

import json
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple


def _places(figure: str, problem: str) -> tuple[str, ...]:
    """Where a problem of a figure may be: alone, or with the figure's others."""
    file = f"figure-{figure}.json"
    return (f"figure-{figure}-{problem}/{file}", f"figure-{figure}/{file}")


# Where the folder of records may keep the comparison of each problem of Table 4.1, each
# figure, and Table 3.1: the first that is there counts.
PLACES = {
    **{
        name: (f"compare-{name}/summary.json", *_places(figure, name))
        for name, figure in (
            *((name, "4.4") for name in "abcd"),
            *((name, "4.6") for name in "ef"),
        )
    },
    **{f"4.5 ({name})": _places("4.5", name) for name in "cd"},
    "2.2": ("figure-2.2/figure-2.2.json",),
    "2.3": ("figure-2.3/figure-2.3.json",),
    "2.4": ("figure-2.4/figure-2.4.json",),
    "2.1": ("figures/figure-2.1.json",),
    "3.2": ("figures/figure-3.2.json",),
    "4.2": ("figures/figure-4.2.json",),
    "4.3": ("figures/figure-4.3.json",),
    "Table 3.1": ("figures/table-3.1.json",),
}
# Of a record with several problems: of chapter 2's the first that is there.
PROBLEMS = {
    "4.5 (c)": ("c",),
    "4.5 (d)": ("d",),
    **dict.fromkeys(("2.2", "2.3", "2.4"), ("mnist-nin", "mnist-lenet")),
}
AGREES, DISAGREES, UNDECIDED = "agrees", "disagrees", "undecided"
NOT_TESTED = "not tested"

Record = Mapping[str, Any]
# What was measured, in words, and whether it agrees.
Verdict = tuple[str, str]


class Claim(NamedTuple):
    """A claim, and how it is judged.

    `rule` says in words when the records agree with the claim.  `records` are keys of
    PLACES.  If the claim needs them `whole`, `judge` is given them in order.  If not,
    it is given those that are there, by name.
    """

    claim: str
    source: str
    rule: str
    records: tuple[str, ...]
    judge: Callable[..., Verdict]
    whole: bool = True


def load(folder: pathlib.Path, name: str) -> Record | None:
    """The record of that name, None if it is not in the folder."""
    for place in PLACES[name]:
        path = folder / place
        if not path.exists():
            continue
        record = json.loads(path.read_text(encoding="utf-8"))
        if (found := _part_of(record, name)) is not None:
            return found
    return None


def _part_of(record: Record, name: str) -> Record | None:
    """What a file holds of the record of that name, None if nothing."""
    if "problems" not in record:
        return record
    found = (record["problems"].get(x) for x in PROBLEMS.get(name, (name,)))
    return next((summary for summary in found if summary is not None), None)


def load_all(folder: pathlib.Path, claims: Iterable[Claim]) -> dict[str, Record]:
    """Those records of the claims that are in the folder, by name."""
    names = dict.fromkeys(name for claim in claims for name in claim.records)
    found = {name: load(folder, name) for name in names}
    return {name: record for name, record in found.items() if record is not None}


def judged(claim: Claim, records: Mapping[str, Record]) -> Verdict:
    """What was measured for a claim, and its verdict, from the records at hand."""
    found = {name: records[name] for name in claim.records if name in records}
    if claim.whole and len(found) == len(claim.records):
        return claim.judge(*found.values())
    if found and not claim.whole:
        return claim.judge(**found)
    return "-", NOT_TESTED


def records_of(file: str, record: Record) -> dict[str, Record]:
    """The records that one file holds, by name; `file` is called as in PLACES."""
    names = (
        name
        for name, places in PLACES.items()
        if any(place.endswith(f"/{file}") for place in places)
    )
    found = {name: _part_of(record, name) for name in names}
    return {name: part for name, part in found.items() if part is not None}


def verdict(holds: bool | None) -> str:
    """The word for a claim that holds, does not hold, or cannot be told."""
    return {True: AGREES, False: DISAGREES, None: UNDECIDED}[holds]


def by_case(
    holds: Mapping[str, bool | None],
    joined: str,
    possible: Iterable[str] = (),
    undecided: str = UNDECIDED,
) -> str:
    """A verdict on several cases, such as problems: the cases of each word.

    Args:
      holds: whether the claim holds in each case, None where it cannot be told.
      joined: the word between a verdict and its cases.
      possible: all cases that the claim is about; the others are not tested.
      undecided: the word for None.
    """
    parts = []
    for word, value in ((AGREES, True), (DISAGREES, False), (undecided, None)):
        names = [name for name, held in holds.items() if held is value]
        parts += [f"{word} {joined} {', '.join(names)}"] if names else []
    missing = [name for name in possible if name not in holds]
    parts += [f"{NOT_TESTED} {joined} {', '.join(missing)}"] if missing else []
    return "; ".join(parts)


def overall(holds: Mapping[str, bool | None], joined: str) -> str:
    """One word if the verdict is the same in all cases, else the cases of each."""
    if len(set(holds.values())) == 1:
        return verdict(next(iter(holds.values())))
    return by_case(holds, joined)
