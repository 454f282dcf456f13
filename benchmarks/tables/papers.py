"""What the papers claim and show: the records in benchmarks/results/papers."""

from inna_optax.experiments import claims

from .common import PAPERS, layout, measured, provenance, read


def of_networks() -> str:
    """The claims about training networks, each with its verdict."""
    return claims.table_of_networks(PAPERS)


def of_figures() -> str:
    """The claims about figures and Table 3.1, each with its verdict."""
    return claims.table_of_figures(PAPERS)


def compare_digits() -> str:
    """Five optimizers on the digits."""
    record = read("papers/compare-digits/summary")
    columns = (
        "optimizer | chosen | final training loss (best to worst)"
        " | test accuracy (best to worst)"
    )
    rows = []
    for entry in record["optimizers"].values():
        chosen = ", ".join(
            f"`{name}={entry['hyperparameters'][name]:g}`" for name in entry["searched"]
        )
        cells = [
            entry["label"],
            chosen,
            _best_to_worst(entry["final_train_loss"], ".4f"),
            _best_to_worst(entry["final_test_accuracy"], ".1%"),
        ]
        rows.append(" | ".join(cells))
    return measured(columns, rows, record)


def _best_to_worst(spread: dict, form: str) -> str:
    """A mean over the seeds, with the best and the worst of them."""
    best, worst = f"{spread['best']:{form}}", f"{spread['worst']:{form}}"
    return f"{spread['mean']:{form}} ({best} to {worst})"


def momentum_under_the_protocol() -> str:
    """INNA beside momentum on (e) and (f), with the thesis's grid and one between."""
    columns = (
        "problem | optimizer | chosen of 1e-4, ..., 1 | training loss | test accuracy"
        " | chosen of 3e-4, ..., 3 | training loss | test accuracy"
    )
    rows, origins = [], []
    for problem in "ef":
        records = [
            read(f"papers/compare-{problem}-{name}/summary")
            for name in ("momentum", "momentum-3")
        ]
        origins += map(provenance, records)
        for name, entry in records[0]["optimizers"].items():
            cells = [f"`{problem}`", entry["label"]]
            for record in records:
                found = record["optimizers"][name]
                cells += [
                    f"{found['hyperparameters']['learning_rate']:g}",
                    _best_to_worst(found["final_train_loss"], ".3f"),
                    f"{found['final_test_accuracy']['mean']:.1%}",
                ]
            rows.append(" | ".join(cells))
    return "\n\n".join([layout(columns, rows), *origins])


def table_3_1() -> str:
    """Where the runs end, and how soon they escape."""
    record = read("papers/figures/table-3.1")
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
