"""Runs that are killed or stopped, at any moment, and resumed: nothing is lost."""

import json
import shlex
import shutil
import signal
import sys
import time

import numpy as np
import pytest

from tests.experiments import audited
from tests.experiments.shell import (
    assert_same_run,
    progress_of,
    results_of,
    run,
    start,
    stored_in,
    strict_json,
    wait_for,
)

EPOCHS = 1000
UPDATES = 88 * EPOCHS
RUN = ("train", "digits", "--optimizer", "step_tuned_sgd", "--epochs", EPOCHS, "--out")
# As often as can be: after each part of an epoch, while the next is trained.
OFTEN = ("--checkpoint-every", 0)
COMPARISON = ("compare", "--optimizers", "inna,sgd", "--epochs", 10, "--seeds", 2)
COMPARED = 24  # runs: two searches of 5 rates and 2 seeds each, and two of each best
KILLED = (sys.executable, audited.__file__, "kill")
CHECKPOINT_CHANGES = 30  # that Python makes to the disk
RECORD_CHANGES = 5  # of a run of a comparison


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run(*RUN, out).returncode == 0
    return out


@pytest.fixture
def compiled(tmp_path):
    """Keeps what was compiled, for the next process: most of the time it would take."""
    return {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled")}


def kill_at_a_change(rng, out, arguments, environment, most=2 * CHECKPOINT_CHANGES):
    """While a record or a checkpoint is written, or between two."""
    changes = int(rng.integers(1, most + 1))
    process = start(changes, out, *arguments, command=KILLED, **environment)
    _, printed = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, printed


def kill_at_a_time(rng, out, arguments, environment):
    """While it starts, restores, compiles or trains: within some checkpoints."""
    process = start(*arguments, **environment)
    wait_for(process, (out / "results.json").exists)
    # On a fast machine it would else be done before the twentieth time.
    enough, deadline = (
        stored_in(out) + UPDATES // 40,
        time.monotonic() + rng.uniform(0, 2),
    )
    while stored_in(out) < enough and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def assert_tidy(out):
    """Nothing half-written is left, and what is there can be read."""
    names = [path.name for path in out.rglob("*")]
    assert not [name for name in names if "partial" in name or "tmp" in name]
    for path in out.rglob("*.json"):
        strict_json(path)


@pytest.mark.slow
def test_a_run_killed_twenty_times_goes_on_to_the_same_bits(tmp_path, whole, compiled):
    out, rng, stored = tmp_path / "run", np.random.default_rng(0), [0]
    for count in range(20):
        begun = (out / "results.json").exists()
        arguments = (*RUN, out, *OFTEN, *(["--resume"] if begun else []))
        kill = kill_at_a_time if count % 2 else kill_at_a_change
        kill(rng, out, arguments, compiled)
        stored.append(stored_in(out))
    assert stored == sorted(stored)  # no checkpoint is lost
    assert 0 < stored[-1] < UPDATES  # it was killed on its way
    resumed = run(*RUN, out, "--resume", **compiled)
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(whole, out)
    assert_tidy(out)


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves(tmp_path, whole, signum):
    out = tmp_path / "run"
    process = start(*RUN, out)
    wait_for(process, lambda: progress_of(out) > 0)
    process.send_signal(signum)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    command = shlex.join(["inna-optax", *map(str, (*RUN, out)), "--resume"])
    assert printed.splitlines()[-1] == (
        f"inna-optax: stopped by {signum.name}; go on with {command}"
    )
    assert "Traceback" not in printed
    assert 0 < stored_in(out) < UPDATES
    assert strict_json(out / "results.json")["history"]
    assert run(*RUN, out, "--resume").returncode == 0
    assert_same_run(whole, out)


def test_an_interrupt_while_modules_are_imported():
    code = (
        "import sys; sys.argv = ['inna-optax', 'list'];"
        "from inna_optax.__main__ import main;"
        "sys.meta_path.insert(0, type('Finder', (), {'find_spec': staticmethod("
        "lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))}));"
        "sys.exit(main())"
    )
    process = start("-c", code, command=(sys.executable,))
    _, printed = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "inna-optax: interrupted\n")


@pytest.mark.slow
def test_the_history_is_that_of_the_checkpoint(tmp_path, whole):
    """Rows that a killed process wrote beyond its last checkpoint are made again."""
    out = shutil.copytree(whole, tmp_path / "run")
    with (out / "history.csv").open("a") as file:
        file.write("1001,88088,0.1,0.1,0.1")
    record = strict_json(out / "results.json")
    record["history"] = record["history"][:3]
    (out / "results.json").write_text(json.dumps(record))
    assert run(*RUN, out, "--resume").returncode == 0
    assert_same_run(whole, out)
    expected = (whole / "history.csv").read_text()
    assert (out / "history.csv").read_text() == expected


@pytest.mark.slow
def test_a_finished_run_resumed_is_left_as_it_is(whole):
    before = results_of(whole)
    done = run(*RUN, whole, "--resume")
    assert done.returncode == 0, done.stderr
    assert results_of(whole)[:2] == before[:2]


@pytest.fixture(scope="module")
def whole_comparison(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "comparison"
    assert run(*COMPARISON, "--out", out).returncode == 0
    return summary_of(out)


def summary_of(out):
    """Without what differs from one run to the next."""
    summary = strict_json(out / "summary.json")
    del summary["command"]
    for entry in summary["optimizers"].values():
        del entry["seconds"]
    return summary


def times_of(out):
    """When each finished run was written."""
    return {path: path.stat().st_mtime_ns for path in out.rglob("*/*.json")}


@pytest.mark.slow
def test_an_interrupted_comparison_goes_on(tmp_path, whole_comparison):
    out = tmp_path / "out"
    process = start(*COMPARISON, "--out", out)
    wait_for(process, (out / "runs" / "inna-1.json").exists)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in printed.splitlines()[-1]
    kept = times_of(out)
    assert len([path for path in kept if path.name.startswith("inna-")]) == 12
    refused = run(*COMPARISON, "--out", out)
    assert refused.returncode == 2
    assert "already holds results" in refused.stderr
    done = run(*COMPARISON, "--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert times_of(out).items() >= kept.items()
    assert summary_of(out) == whole_comparison
    other = run(*COMPARISON, "--out", out, "--resume", "--batch-size", 64)
    assert other.returncode == 2
    assert "has batch_size 32, the command says 64" in other.stderr


@pytest.mark.slow
def test_a_comparison_killed_three_times_goes_on(tmp_path, whole_comparison, compiled):
    out, rng, kept = tmp_path / "out", np.random.default_rng(0), {}
    for count in range(3):
        arguments = (*COMPARISON, "--out", out, *(["--resume"] if count else []))
        kill_at_a_change(rng, out, arguments, compiled, most=3 * RECORD_CHANGES)
        assert times_of(out).items() >= kept.items()  # no finished run is made again
        kept = times_of(out)
    assert 0 < len(kept) < COMPARED
    done = run(*COMPARISON, "--out", out, "--resume", **compiled)
    assert done.returncode == 0, done.stderr
    assert summary_of(out) == whole_comparison
    assert_tidy(out)
