"""How each problem starts and runs: problems.json."""

from .common import measured, read


def problems() -> str:
    record = read("problems")
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
    return measured(columns, rows, record)
