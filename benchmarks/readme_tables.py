"""Fills the tables of README.md from the records in benchmarks/results.

python benchmarks/readme_tables.py           # rewrites the tables
python benchmarks/readme_tables.py --check   # exit status 1 if they are stale
"""

import argparse
import json
import pathlib
import re
import sys
from collections.abc import Iterable

import claims

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def step_cost() -> str:
    record = json.loads((RESULTS / "step_cost.json").read_text())
    lines = []
    for result in record["results"]:
        lines += [
            f"{result['params'] / 1e6:g}M float32 parameters in one leaf:",
            "",
            "| optimizer | time / nesterov | time / adam | words accessed"
            " | temporaries | state |",
            "|---|---|---|---|---|---|",
        ]
        for name, row in result["rows"].items():
            cells = [
                "{:.2f} ({:.2f} to {:.2f})".format(*row[key])
                for key in ("over_nesterov", "over_adam")
            ]
            cells += [
                f"{row[key]:.0f} P"
                for key in ("words_accessed", "temporaries", "state")
            ]
            lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
        lines.append("")
    lines.append(_provenance(record))
    return "\n".join(lines)


def compare_digits() -> str:
    record = json.loads((RESULTS / "compare-digits" / "summary.json").read_text())
    columns = (
        "optimizer | chosen | final training loss (best to worst)"
        " | test accuracy (best to worst)"
    )
    rows = []
    for entry in record["optimizers"].values():
        chosen = ", ".join(
            f"`{name}={entry['hyperparameters'][name]:g}`" for name in entry["searched"]
        )
        loss, accuracy = entry["final_train_loss"], entry["final_test_accuracy"]
        rows.append(
            f"{entry['label']} | {chosen}"
            f" | {loss['mean']:.4f} ({loss['best']:.4f} to {loss['worst']:.4f})"
            f" | {accuracy['mean']:.1%} ({accuracy['best']:.1%} to"
            f" {accuracy['worst']:.1%})"
        )
    return _measured(columns, rows, record)


def figures() -> str:
    """What the thesis reads off its figures, and what is read off ours."""
    readings = {
        number: json.loads((RESULTS / "figures" / f"figure-{number}.json").read_text())[
            "readings"
        ]
        for number in ("2.1", "3.2", "4.2", "4.3")
    }

    def numbers(figure: str, keys: list[str], form: str = "g") -> str:
        return ", ".join(f"{readings[figure][key]:{form}}" for key in keys)

    def medians(bounds: str, tuned: str) -> str:
        methods = ("sgd", "stochastic_gv", "exact_gv", "expected_gv", "step_tuned_sgd")
        keys = [f"{method}_median_at_50_{bounds}_{tuned}" for method in methods]
        return numbers("4.3", keys, ".2f")

    settings = ("a", "b", "c")
    signs = "sign_changes_theta"
    stays = "distance_stays_below_1e-6_from_iteration"
    methods = ("algorithm_2", "absolute", "armijo")
    rows = [
        (
            "2.1: (a) oscillates, (b) much less, (c) the fewest",
            "transverse swings "
            + numbers("2.1", [f"{x}_transverse_swings" for x in settings])
            + "; J at 100,000 iterations "
            + numbers("2.1", [f"{x}_J_at_100000" for x in settings], ".1e"),
            "agrees",
        ),
        (
            "2.1: from 20,000 to 60,000 iterations (c) is the slowest",
            "J of (c) is above that of (a) in "
            + numbers("2.1", ["share_of_20000_to_60000_with_c_above_a"], ".0%")
            + " of them, of (b) in "
            + numbers("2.1", ["share_of_20000_to_60000_with_c_above_b"], ".0%"),
            "agrees for (b) only",
        ),
        (
            "3.2: spirals exactly where the curvatures are in the oscillation interval",
            "sign changes of θ₁, θ₂ inside it "
            + numbers("3.2", [f"alpha_beta_below_1_{signs}_{i}" for i in (1, 2)])
            + ", outside "
            + numbers("3.2", [f"alpha_beta_above_1_{signs}_{i}" for i in (1, 2)]),
            "agrees",
        ),
        (
            "3.2: αβ < 1 is the faster",
            "within 1e-6 after "
            + numbers("3.2", [f"alpha_beta_below_1_{stays}"])
            + " iterations, αβ > 1 after "
            + numbers("3.2", [f"alpha_beta_above_1_{stays}"]),
            "agrees",
        ),
        (
            "4.2: Algorithm 2 needs fewer iterations than absolute-value BB and"
            " Armijo's line search",
            "medians of 20 draws, one setting tuned on other draws "
            + numbers("4.2", [f"{m}_median_held_out" for m in methods])
            + "; tuned on each draw "
            + numbers("4.2", [f"{m}_median_tuned_per_draw" for m in methods]),
            "agrees for one setting; tuned on each draw, absolute-value BB is level",
        ),
        (
            "4.3: Exact-GV and Expected-GV fast, Stochastic-GV poor, Step-Tuned SGD"
            " near Expected-GV",
            "median J after 50 epochs of SGD, Stochastic-, Exact-, Expected-GV,"
            " Step-Tuned: bounds [0.5, 2] "
            + medians("default_bounds", "held_out")
            + "; bounds [1.5, 6] "
            + medians("triple_bounds", "held_out"),
            "agrees with the wider bounds; with the default ones Stochastic-GV is not"
            " poor in the median",
        ),
    ]
    lines = ["| the thesis reads | we measure | |", "|---|---|---|"]
    return "\n".join(lines + [f"| {a} | {b} | {c} |" for a, b, c in rows])


def table_3_1() -> str:
    record = json.loads((RESULTS / "figures" / "table-3.1.json").read_text())
    lines = [
        "| start | algorithm | to (-√2, 0) | to (√2, 0) | to the saddle"
        " | iterations to escape | counted as in the thesis | printed there |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        percents = [
            f"{row[f'percent_{end}']:g}%" for end in ("minus", "plus", "saddle")
        ]
        escapes = [
            "-" if row[key] is None else f"{row[key]:.1f}"
            for key in ("mean_escape_iterations", "escape_count_as_in_thesis")
        ]
        printed = row["escape_count_printed_in_thesis"]
        cells = [
            row["initialization"].replace("_", " "),
            row["algorithm"].replace("alpha*beta", "αβ"),
            *percents,
            *escapes,
            "-" if printed is None else str(printed),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    runs = len(record["rows"]) * record["runs"]
    seconds = (
        f"{runs:,} runs of {record['iterations']:,} iterations in"
        f" {record['seconds']:.1f} s, compilation included."
    )
    return "\n".join([*lines, "", seconds, "", _provenance(record)])


def _measured(columns: str, rows: Iterable[str], record: dict) -> str:
    """A table, and below it where it comes from."""
    rule = "|" + "---|" * len(columns.split(" | "))
    lines = [f"| {columns} |", rule, *(f"| {row} |" for row in rows)]
    return "\n".join([*lines, "", _provenance(record)])


def _provenance(record: dict) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    command = re.sub(r"--data-dir \S+", "--data-dir DIR", record["command"])
    return (
        f"`{command}`, {record['date']}, measured on {record['machine']}; {versions}."
    )


def problems() -> str:
    record = json.loads((RESULTS / "problems.json").read_text())
    columns = (
        "problem | data | parameters | first update after | images/s"
        " | data in memory | largest memory"
    )
    rows = (
        f"`{row['problem']}` | {row['dataset']} | {row['params']:,}"
        f" | {row['starts_after_seconds']:.1f} s"
        f" | {row['images_per_second']:,.0f} | {row['data_mib']:.0f} MiB"
        f" | {row['with_evaluation_mib']:,.0f} MiB"
        for row in record["results"]
    )
    return _measured(columns, rows, record)


def sweep() -> str:
    record = json.loads((RESULTS / "sweep.json").read_text())
    columns = "network | runs | vectorized / one after another | losses differ by"
    rows = (
        "`{}` | {} | {:.2f} ({:.2f} to {:.2f}) | {:.0e}".format(
            row["problem"],
            row["runs"],
            *row["vectorized_over_single"],
            row["largest_relative_difference"],
        )
        for row in record["results"]
    )
    return _measured(columns, rows, record)


TABLES = {
    "claims": claims.table,
    "step_cost": step_cost,
    "problems": problems,
    "sweep": sweep,
    "compare-digits": compare_digits,
    "figures": figures,
    "table-3.1": table_3_1,
}


def filled(text: str) -> str:
    """`text` with every table made anew from its record."""
    for name, make in TABLES.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        block = f"{begin}\n{make()}\n{end}"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        text, found = re.subn(pattern, lambda _, b=block: b, text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"README.md must have one block {begin}, found {found}.")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    readme = ROOT / "README.md"
    before = readme.read_text()
    after = filled(before)
    if parser.parse_args().check:
        if before != after:
            print("README.md is stale: run python benchmarks/readme_tables.py")
        return int(before != after)
    readme.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
