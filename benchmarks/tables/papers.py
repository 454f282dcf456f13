"""What the papers claim and show: the records in benchmarks/results/papers."""

import json

from inna_optax.experiments import claims

from .common import PAPERS, layout, measured, provenance


def of_networks() -> str:
    """The claims about training networks, each with its verdict."""
    return claims.table_of_networks(PAPERS)


def of_figures() -> str:
    """The claims about figures and Table 3.1, each with its verdict."""
    return claims.table_of_figures(PAPERS)


def compare_digits() -> str:
    """Five optimizers on the digits."""
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
    return measured(columns, rows, record)


def momentum_under_the_protocol() -> str:
    """INNA beside momentum on (e) and (f), with the thesis's grid and one between."""
    columns = (
        "problem | optimizer | chosen of 1e-4, ..., 1 | training loss | test accuracy"
        " | chosen of 3e-4, ..., 3 | training loss | test accuracy"
    )
    rows, origins = [], []
    for problem in "ef":
        records = [
            json.loads((PAPERS / f"compare-{problem}-{name}/summary.json").read_text())
            for name in ("momentum", "momentum-3")
        ]
        origins += map(provenance, records)
        for name, entry in records[0]["optimizers"].items():
            cells = [f"`{problem}`", entry["label"]]
            for record in records:
                found = record["optimizers"][name]
                loss = found["final_train_loss"]
                cells += [
                    f"{found['hyperparameters']['learning_rate']:g}",
                    f"{loss['mean']:.3f} ({loss['best']:.3f} to {loss['worst']:.3f})",
                    f"{found['final_test_accuracy']['mean']:.1%}",
                ]
            rows.append(" | ".join(cells))
    return "\n\n".join([layout(columns, rows), *origins])


def table_3_1() -> str:
    """Where the runs end, and how soon they escape."""
    record = json.loads((PAPERS / "figures" / "table-3.1.json").read_text())
    columns = (
        "start | algorithm | to (-√2, 0) | to (√2, 0) | to the saddle"
        " | iterations to escape | counted as in the thesis | printed there"
    )
    rows = []
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
        rows.append(" | ".join(cells))
    runs = len(record["rows"]) * record["runs"]
    seconds = (
        f"{runs:,} runs of {record['iterations']:,} iterations in"
        f" {record['seconds']:.1f} s, compilation included."
    )
    return "\n\n".join([layout(columns, rows), seconds, provenance(record)])
