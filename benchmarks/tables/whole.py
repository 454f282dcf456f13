"""What whole experiments take: whole.json."""

from .common import measured, read, spread


def whole() -> str:
    record = read("whole")
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
        f" | over the same by compiled steps {spread(row['whole_over_by_steps'])};"
        f" losses differ by {row['relative_difference_of_losses']:.0e}"
        for row in record["epochs"]
    ]
    if "train_command" in record:
        row = record["train_command"]
        rows.append(
            f"`inna-optax train digits`, {row['epochs']} epochs, after its start"
            f" | | over a bare loop of them {spread(row['command_over_loop'])}"
        )
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
    return measured("what | takes | beside", rows, record)
