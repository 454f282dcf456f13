"""Fills the tables of README.md from the records in benchmarks/results.

python benchmarks/readme_tables.py           # rewrites the tables
python benchmarks/readme_tables.py --check   # exit status 1 if they are stale
"""

import argparse
import pathlib
import re
import sys

import tables

PATH = pathlib.Path(__file__).parents[1] / "README.md"


def filled(text: str) -> str:
    """`text` with every table made anew from its record."""
    for name, make in tables.README.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        block = f"{begin}\n{make()}\n{end}"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        text, found = re.subn(pattern, lambda _, b=block: b, text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"README.md must have one block {begin}, found {found}.")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="only tell whether they are stale"
    )
    check = parser.parse_args().check
    before = PATH.read_text()
    after = filled(before)
    if check:
        if before != after:
            print("README.md is stale: run python benchmarks/readme_tables.py")
        return int(before != after)
    PATH.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
