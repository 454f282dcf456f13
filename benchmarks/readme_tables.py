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

from inna_optax.experiments import claims

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAPERS = RESULTS / "papers"


def step_cost() -> str:
    """The table at 10M parameters in one leaf; a line on each other question."""
    record = json.loads((RESULTS / "step_cost.json").read_text())
    # A record from before there were leaves has one leaf.
    results = [{"leaves": 1, **result} for result in record["results"]]
    sizes = [result for result in results if result["leaves"] == 1]
    (chosen,) = (result for result in sizes if result["params"] == 10**7)
    columns = (
        "optimizer | time / nesterov | time / adam | words accessed | temporaries"
        " | state"
    )
    rows = []
    for name, row in chosen["rows"].items():
        times = [_spread(row[key]) for key in ("over_nesterov", "over_adam")]
        words = [
            f"{row[key]:.0f} P" if key in row else "-"
            for key in ("words_accessed", "temporaries", "state")
        ]
        rows.append(" | ".join([f"`{name}`", *times, *words]))
    lines = [_step_cost_sizes(sizes)]
    if record.get("growth"):
        lines += [_step_cost_growth(record["growth"], sizes), _step_cost_floor(chosen)]
    if "pytorch" in record:
        lines.append(_step_cost_pytorch(record["pytorch"], sizes))
    if len(sizes) < len(results):
        lines.append(_step_cost_leaves(results))
    lines.append(_step_cost_targets(results))
    table = _measured(columns, rows, record)
    notes = "\n".join(f"- {line}" for line in lines)
    return f"10M float32 parameters in one leaf:\n\n{table}\n\n{notes}"


def _spread(values: Iterable[float]) -> str:
    return "{:.2f} ({:.2f} to {:.2f})".format(*values)


def _millions(result: dict) -> str:
    return f"{result['params'] / 1e6:g}M"


def _step_cost_sizes(sizes: list[dict]) -> str:
    inna = [(_millions(result), result["rows"]["inna"]) for result in sizes]
    nesterov = ", ".join(f"{row['over_nesterov'][0]:.2f} at {m}" for m, row in inna)
    adam = ", ".join(f"{row['over_adam'][0]:.2f}" for _, row in inna)
    return (
        f"Sizes: INNA over Nesterov momentum {nesterov} parameters; over Adam {adam}."
    )


def _step_cost_growth(growth: dict, sizes: list[dict]) -> str:
    exponents = sorted(fit["exponent"] for fit in growth.values())
    largest = _millions(max(sizes, key=lambda result: result["params"]))
    return (
        f"Growth: from 1M to {largest} parameters INNA's time goes as"
        " P^{exponent:.2f} (R² {r2:.4f})".format(**growth["inna"])
        + f", that of all of them as P^{exponents[0]:.2f} to P^{exponents[-1]:.2f}."
    )


def _step_cost_floor(result: dict) -> str:
    floor = result["inna_over_floor"]
    return (
        "Floor: INNA must move 5 words a parameter (read params, velocity, gradient;"
        " write params, velocity), and XLA's loops on CPU, which have one result each,"
        f" move 7. It takes {_spread(floor['5'])} times what 5 words take, and"
        f" {_spread(floor['7'])} times what 7 take, at the bandwidth of `optax.sgd`'s"
        " three words in the same rounds"
        f" ({result['gigabytes_per_second']:.0f} GB/s)."
    )


def _step_cost_pytorch(version: str, sizes: list[dict]) -> str:
    slower = ", ".join(
        f"{1 / target['ratio'][0]:.1f} at {_millions(result)}"
        for result in sizes
        for target in result["targets"]
        if target["reference"] == "PyTorch INNA"
    )
    return (
        f"PyTorch {version}: INNA as its users would write it, in the papers' form"
        f" (`benchmarks/pytorch_inna.py`), takes {slower} times as"
        " long as `inna`."
    )


def _step_cost_leaves(results: list[dict]) -> str:
    ratios = ", ".join(
        f"{result['rows']['inna']['over_nesterov'][0]:.2f} for {_millions(result)} in"
        f" {result['leaves']}"
        for result in results
        if result["leaves"] > 1
    )
    return f"Leaves: INNA over Nesterov momentum {ratios}."


def _step_cost_targets(results: list[dict]) -> str:
    """Which targets are not met, of times: step_cost.py prints all of them."""
    targets = [(result, target) for result in results for target in result["targets"]]
    missed = [
        f"{target['optimizer']} / {target['reference']} {target['ratio'][0]:.2f}"
        f" (at most {target['limit']:.2f}) for {_millions(result)} in"
        + (" one leaf" if result["leaves"] == 1 else f" {result['leaves']} leaves")
        for result, target in targets
        if target["ratio"][0] > target["limit"]
    ]
    said = f"Targets: {len(targets) - len(missed)} of {len(targets)} are met"
    return f"{said}. Not met: {'; '.join(missed)}." if missed else f"{said}."


def compare_digits() -> str:
    record = json.loads((PAPERS / "compare-digits" / "summary.json").read_text())
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
        number: json.loads((PAPERS / "figures" / f"figure-{number}.json").read_text())[
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
    record = json.loads((PAPERS / "figures" / "table-3.1.json").read_text())
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
    sizes = [size for size in record["results"][0]["together"] if size != "1"]
    columns = "network | runs | " + " | ".join(
        f"{size} at a time / one after another" for size in sizes
    )
    rows = (
        f"`{row['problem']}` | {row['runs']} | "
        + " | ".join(
            _spread(row["together"][size]["over_one_after_another"]) for size in sizes
        )
        for row in record["results"]
    )
    return _measured(columns, rows, record)


def whole() -> str:
    record = json.loads((RESULTS / "whole.json").read_text())
    table, grid = record["table_3_1"], record["alpha_beta_map"]
    rows = [
        f"Table 3.1, {table['runs']:,} runs of {table['iterations']:,} iterations"
        f" | {table['first_seconds']:.1f} s | one run by compiled steps"
        f" {table['one_run_by_steps_seconds']:.3f} s, so all of them (extrapolated)"
        f" {table['all_by_steps_seconds_extrapolated']:.0f} s",
        f"the map over (α, β), {grid['settings']:,} settings on two functions"
        f" | {grid['first_seconds']:.1f} s | again {grid['again_seconds']:.1f} s",
    ]
    rows += [
        f"an epoch of `{row['problem']}`, {row['updates']} updates"
        f" | {1e3 * row['seconds']['whole']:.0f} ms"
        f" | over the same by compiled steps {_spread(row['whole_over_by_steps'])};"
        f" losses differ by {row['relative_difference_of_losses']:.0e}"
        for row in record["epochs"]
    ]
    imports = record["list_imports"]
    beside = {
        "inna-optax list": f"imports {imports['modules']} modules, jax"
        f" {'among them' if imports['imports_jax'] else 'not among them'}"
    }
    rows += [
        f"`{name}` | {{:.2f}} s ({{:.2f}} to {{:.2f}})".format(*times)
        + f" | {beside.get(name, '')}"
        for name, times in record["command_line"].items()
    ]
    return _measured("what | takes | beside", rows, record)


def soak() -> str:
    record = json.loads((RESULTS / "soak.json").read_text())
    run, calls, library = record["run"], record["calls"], record["library"]
    by_checkpoint = (
        run["slopes_per_1000_updates"]["resident_kib"]
        * run["updates"]
        / run["epochs"]
        / 1000
    )
    cases = (
        (
            f"one run: {run['updates']:,} updates, {run['epochs']:,} checkpoints",
            run["samples"][0],
            run["samples"][-1],
            f"{by_checkpoint:.0f} KiB a checkpoint",
        ),
        (
            f"{calls['calls']} runs in one process",
            calls["first"],
            calls["last"],
            f"{calls['slopes_per_call']['resident_kib']:.0f} KiB a run",
        ),
        (
            f"{library['calls']} optimizers, each in a step compiled anew",
            library["first"],
            library["last"],
            f"{library['slopes_per_call']['resident_kib']:.0f} KiB an optimizer",
        ),
    )
    counted = ("arrays", "executables", "threads", "open_files", "objects")
    rows = []
    for what, first, last, slope in cases:
        memory, final = (x["resident_kib"] / 2**10 for x in (first, last))
        held = [f"{first[name]:,}, {last[name]:,}" for name in counted]
        rows.append(" | ".join([what, f"{memory:.0f}, {final:.0f} MiB", slope, *held]))
    columns = (
        "what | memory, first and last | grows by | arrays | executables | threads"
        " | open files | Python's objects"
    )
    return _measured(columns, rows, record)


def training_step() -> str:
    record = json.loads((RESULTS / "training_step.json").read_text())
    columns = (
        "network | parameters | JAX, alone | JAX, in a loop | torch.compile"
        " | images/s of PyTorch, eager | target"
    )
    rows = []
    for result in record["results"]:
        found, target = result["rows"], result["target"]
        speeds = [
            _spread(found[name]["speed_over_pytorch"]) if name in found else "failed"
            for name in ("JAX, alone", "JAX, in a scan", "PyTorch, torch.compile")
        ]
        eager = f"{found['PyTorch, eager']['images_a_second']:,.0f}"
        verdict = "-"
        if target:
            loop = found["JAX, in a scan"]["speed_over_pytorch"][0]
            verdict = f"{target}: {'met' if loop >= target else 'not met'} in a loop"
        cells = [f"`{result['network']}`", f"{result['params']:,}", *speeds, eager]
        rows.append(" | ".join([*cells, verdict]))
    return _measured(columns, rows, record)


def convolutions() -> str:
    record = json.loads((RESULTS / "convolutions.json").read_text())
    columns = (
        "convolution | in a step | forward | by images | by kernel | floor of each"
    )
    rows = []
    for row in record["results"]:
        kind = (
            f"{row['network']}: {row['size']}x{row['size']}, {row['channels']} to"
            f" {row['features']}, {row['window']}x{row['window']}"
        )
        kind += f", stride {row['stride']}" if row["stride"] > 1 else ""
        times = [f"{t['jax']:.1f} / {t['torch']:.1f}" for t in row["parts"].values()]
        floor = f"{row['floor_milliseconds']:.1f}"
        rows.append(" | ".join([kind, str(row["count"]), *times, floor]))
    rate = record["operations_a_second"] / 1e9
    return (
        f"Milliseconds at batch {record['batch_size']}, the zoo's / PyTorch"
        f" {record['pytorch']}'s; the floor at {rate:.0f} GFLOP/s of a large product:"
        f"\n\n{_measured(columns, rows, record)}"
    )


def devices() -> str:
    record = json.loads((RESULTS / "devices.json").read_text())
    columns = (
        "problem | mesh | parameters and state | data | temporaries"
        " | an update's collectives"
    )
    rows = []
    for row in record["results"]:
        mesh = ", ".join(f"{axis}={size}" for axis, size in row["mesh"].items())
        sizes = [
            f"{row[key] / 2**20:.1f} MiB"
            for key in ("run_bytes", "data_bytes", "temporary_bytes")
        ]
        sent = "; ".join(
            f"{count} {kind}, {size / 2**20:.2f} MiB"
            for kind, (count, size) in row["collectives"].items()
        )
        rows.append(" | ".join([f"`{row['problem']}`", mesh, *sizes, sent or "none"]))
    paper = [
        "| optimizer | state at 1B | at 70B | sent a mini-batch at 1B | at 70B |",
        "|---|---|---|---|---|",
        *(
            f"| `{row['optimizer']}` | {row['state_bytes_1B'] / 1e9:.0f} GB"
            f" | {row['state_bytes_70B'] / 1e9:,.0f} GB"
            f" | {row['sent_bytes_1B'] / 1e9:.1f} GB"
            f" | {row['sent_bytes_70B'] / 1e9:,.0f} GB |"
            for row in record["on_paper"]
        ),
    ]
    return "\n".join(
        [
            _measured(columns, rows, record),
            "",
            "On paper, for 1 and 70 billion float32 parameters: the state of all"
            " devices together, and what each of"
            f" {record['ring']} devices in a ring sends when the mini-batch is split"
            " over them, 2 (N - 1)/N times the gradient an evaluation (two a"
            " mini-batch for Step-Tuned SGD; half as much with bfloat16 gradients):",
            "",
            *paper,
        ]
    )


TABLES = {
    "claims": lambda: claims.table(PAPERS),
    "step_cost": step_cost,
    "problems": problems,
    "sweep": sweep,
    "whole": whole,
    "soak": soak,
    "training_step": training_step,
    "convolutions": convolutions,
    "devices": devices,
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
