"""The command line, as a user meets it."""

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import matplotlib.image
import numpy as np
import orbax.checkpoint as ocp
import pytest

from inna_optax.experiments import command_line
from inna_optax.experiments.figures.registry import COMPARISONS, FIGURES
from inna_optax.experiments.optimizers import OPTIMIZERS
from inna_optax.experiments.problems import PROBLEMS
from inna_optax.experiments.protocols import CHAPTER_4

COMPARED = CHAPTER_4.optimizers

ROW = {
    "epoch",
    "gradient_evaluations",
    "train_loss",
    "test_loss",
    "test_accuracy",
    "seconds",
}


# The tests' eight host devices are not the user's.
SHELL = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}


def run(*arguments):
    """In a process of its own, as from a shell."""
    return subprocess.run(
        [sys.executable, "-m", "inna_optax", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=SHELL,
    )


def strict_json(path):
    def refuse(constant):
        raise AssertionError(f"{constant} in {path}")

    return json.loads(path.read_text(), parse_constant=refuse)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "out"
    done = run("compare", "--epochs", 10, "--seeds", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done


def test_compare_writes_the_summary(comparison):
    out, _ = comparison
    summary = strict_json(out / "summary.json")
    assert summary["problem"] == "digits"
    assert tuple(summary["optimizers"]) == COMPARED
    for name, entry in summary["optimizers"].items():
        entries = len(entry["search"])
        searched = CHAPTER_4.search.get(name, {})
        assert entries == 5 * math.prod(map(len, searched.values()))
        losses = [point["train_loss"] for point in entry["search"]]
        best = np.nanargmin(np.array(losses, float))
        assert entry["hyperparameters"] == entry["search"][best]["hyperparameters"]
        loss, accuracy = entry["final_train_loss"], entry["final_test_accuracy"]
        assert loss["best"] <= loss["mean"] <= loss["worst"]
        assert accuracy["worst"] <= accuracy["mean"] <= accuracy["best"]
        assert accuracy["mean"] > 0.8  # the networks did learn to read digits


def test_compare_writes_each_run(comparison):
    out, _ = comparison
    summary = strict_json(out / "summary.json")["optimizers"]
    records = [strict_json(path) for path in (out / "runs").iterdir()]
    assert len(records) == 2 * len(COMPARED)
    budgets = {r["final"]["gradient_evaluations"] for r in records}
    assert len(budgets) == 1  # equal for all, whatever use they make of a batch
    for record in records:
        assert set(record["final"]) == ROW
        assert record["final"] == record["history"][-1]
        assert record["history"][0]["gradient_evaluations"] == 0
        chosen = summary[record["optimizer"]]["hyperparameters"]
        assert record["hyperparameters"] == chosen
        assert {"jax", "optax", "inna-optax"} <= set(record["versions"])
    finals = [
        r["final"]["train_loss"] for r in records if r["optimizer"] == "step_tuned_sgd"
    ]
    assert np.mean(finals) == pytest.approx(
        summary["step_tuned_sgd"]["final_train_loss"]["mean"]
    )


def test_compare_draws_every_optimizer(comparison):
    out, _ = comparison
    pixels = matplotlib.image.imread(out / "comparison.png")[..., :3]
    from matplotlib.colors import to_rgb

    from inna_optax.experiments.figures.comparison import STYLES

    for name in COMPARED:
        near = np.abs(pixels - to_rgb(STYLES[name][0])).max(axis=-1) < 0.02
        assert near.sum() > 100, name


def test_compare_prints_a_table_and_says_where_the_results_are(comparison):
    out, done = comparison
    for name in COMPARED:
        assert OPTIMIZERS[name].label in done.stdout
    for path in ("comparison.png", "summary.json"):
        assert str(out / path) in done.stdout
    assert "100%" in done.stderr  # progress goes beside the results


def test_compare_does_not_overwrite(comparison):
    out, _ = comparison
    before = (out / "summary.json").read_bytes()
    done = run("compare", "--out", out)
    assert done.returncode == 2
    assert "already holds results" in done.stderr
    assert (out / "summary.json").read_bytes() == before


def test_train_writes_record_history_and_checkpoint(tmp_path):
    out = tmp_path / "run"
    arguments = ("train", "digits", "--optimizer", "inna", "--epochs", 3, "--seed", 7)
    done = run(*arguments, "--beta", 0.2, "--out", out)
    assert done.returncode == 0, done.stderr
    record = strict_json(out / "results.json")
    assert record["problem"] == record["dataset"] == "digits"
    assert record["seed"] == 7
    assert record["hyperparameters"] == {
        "learning_rate": 0.1,
        "alpha": 0.5,
        "beta": 0.2,
    }
    assert [row["epoch"] for row in record["history"]] == [0, 1, 2, 3]
    assert all(set(row) == ROW for row in record["history"])
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    assert [float(row["train_loss"]) for row in rows] == [
        row["train_loss"] for row in record["history"]
    ]
    assert any((out / "checkpoints").iterdir())


def start(*arguments):
    """The same, not waited for."""
    return subprocess.Popen(
        [sys.executable, "-m", "inna_optax", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=SHELL,
    )


def progress_of(out):
    """The last epoch in a run's record, 0 if there is none."""
    path = out / "results.json"
    history = strict_json(path)["history"] if path.exists() else []
    return history[-1]["epoch"] if history else 0


def wait_for(process, condition):
    """Waits until it holds, while the process runs."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def results_of(out):
    """A run's record without times, and the arrays of its last checkpoint."""
    record = strict_json(out / "results.json")
    for row in [*record["history"], record["final"]]:
        del row["seconds"]
    checkpoints = ocp.CheckpointManager(out / "checkpoints")
    last = checkpoints.latest_step()
    arrays = checkpoints.restore(last, args=ocp.args.StandardRestore())
    checkpoints.close()
    return record, last, arrays


def assert_same_run(one, other):
    record, last, arrays = results_of(one)
    other_record, other_last, other_arrays = results_of(other)
    assert (record, last) == (other_record, other_last)
    assert arrays.keys() == other_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, other_arrays[name])


EPOCHS = 100
RUN = ("train", "digits", "--optimizer", "step_tuned_sgd", "--epochs", EPOCHS, "--out")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run(*RUN, out).returncode == 0
    return out


def test_a_run_killed_ten_times_goes_on_to_the_same_bits(tmp_path, whole):
    out, rng = tmp_path / "run", np.random.default_rng(0)
    for kill in range(10):
        before = progress_of(out)
        process = start(*RUN, out, *(["--resume"] if kill else []))
        # Half of them while it trains and writes; the others while it starts,
        # restores or compiles (the first after it has begun a record).
        wait_for(
            process,
            (lambda before=before: progress_of(out) > before)
            if kill % 2
            else (out / "results.json").exists,
        )
        time.sleep(rng.uniform(0, 0.3 if kill % 2 else 4.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert 5 <= progress_of(out) < EPOCHS
    resumed = run(*RUN, out, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(whole, out)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves(tmp_path, whole, signum):
    out = tmp_path / "run"
    process = start(*RUN, out)
    wait_for(process, lambda: progress_of(out) >= 1)
    process.send_signal(signum)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    assert printed.splitlines()[-1] == (
        f"inna-optax: stopped by {signum.name}; go on with --out {out} --resume"
    )
    assert "Traceback" not in printed
    assert progress_of(out) < EPOCHS
    assert run(*RUN, out, "--resume").returncode == 0
    assert_same_run(whole, out)


def test_a_row_that_the_checkpoint_is_ahead_of_is_measured_again(tmp_path, whole):
    out = shutil.copytree(whole, tmp_path / "run")
    record = strict_json(out / "results.json")
    record["history"].pop()
    record["final"] = record["history"][-1]
    (out / "results.json").write_text(json.dumps(record))
    assert run(*RUN, out, "--resume").returncode == 0
    assert_same_run(whole, out)


def test_a_finished_run_resumed_is_left_as_it_is(whole):
    before = results_of(whole)
    done = run(*RUN, whole, "--resume")
    assert done.returncode == 0, done.stderr
    assert results_of(whole)[:2] == before[:2]


def test_an_interrupted_comparison_goes_on(tmp_path):
    arguments = ("compare", "--optimizers", "inna,sgd", "--epochs", 10, "--seeds", 2)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(*arguments, "--out", whole).returncode == 0
    process = start(*arguments, "--out", killed)
    wait_for(process, (killed / "runs" / "inna-1.json").exists)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in printed.splitlines()[-1]
    kept = {path: path.stat().st_mtime_ns for path in killed.rglob("inna-*.json")}
    assert len(kept) == 7
    refused = run(*arguments, "--out", killed)
    assert refused.returncode == 2
    assert "already holds results" in refused.stderr
    done = run(*arguments, "--out", killed, "--resume")
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    summaries = [strict_json(out / "summary.json") for out in (whole, killed)]
    for summary in summaries:
        del summary["command"]
        for entry in summary["optimizers"].values():
            del entry["seconds"]
    assert summaries[0] == summaries[1]
    other = run(*arguments, "--out", killed, "--resume", "--batch-size", 64)
    assert other.returncode == 2
    assert "has batch_size 32, the command says 64" in other.stderr


def test_scalars_for_tensorboard(tmp_path):
    out = tmp_path / "run"
    done = run(*RUN[:-1], "--epochs", 2, "--tensorboard", "--out", out)
    assert done.returncode == 0, done.stderr
    (events,) = (out / "tensorboard").iterdir()
    content = events.read_bytes()
    assert content.count(b"train_loss") == content.count(b"test_accuracy") == 3


def test_resume_refuses_another_run(tmp_path, capsys):
    out = str(tmp_path / "run")
    arguments = ["train", "digits", "--optimizer", "sgd", "--epochs", "1", "--out", out]
    assert command_line.main(arguments) == 0
    other = [*arguments, "--resume", "--learning-rate", "0.5"]
    assert command_line.main(other) == 2
    assert "has hyperparameters {'learning_rate': 0.1}" in capsys.readouterr().err
    assert command_line.main(arguments) == 2
    assert "already holds results" in capsys.readouterr().err


def test_a_diverging_run_stops_and_keeps_its_record(tmp_path):
    out = tmp_path / "run"
    arguments = ("train", "digits", "--optimizer", "sgd", "--learning-rate", 1e20)
    for resume in ((), ("--resume",)):
        done = run(*arguments, "--epochs", 5, "--out", out, *resume)
        assert done.returncode == 1
        assert "the training loss is not finite after epoch 1" in done.stderr
        history = strict_json(out / "results.json")["history"]
        assert [row["epoch"] for row in history] == [0, 1]
        assert history[-1]["train_loss"] is None


def test_list_names_everything(capsys):
    assert command_line.main(["list"]) == 0
    printed = capsys.readouterr().out
    for name in (*PROBLEMS, *OPTIMIZERS, *FIGURES, *COMPARISONS):
        assert name in printed


def test_scalars_without_their_package(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    out = tmp_path / "run"
    assert command_line.main([*map(str, RUN), str(out), "--tensorboard"]) == 2
    assert "pip install 'inna-optax[tensorboard]'" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("", "COMMAND"),
        ("lits", "invalid choice: 'lits'"),
        ("train", "PROBLEM, --optimizer"),
        ("train digits", "--optimizer"),
        ("train digit --optimizer inna", "did you mean 'digits'?"),
        ("train digits --optimizer adm", "must be one of inna, "),
        ("train digits --optimizer adm", "did you mean 'adam'?"),
        ("train digits --optimizer sgd --nu 1", "--nu is not a hyperparameter of sgd"),
        ("train digits --optimizer inna --alpha x", "invalid float value: 'x'"),
        (
            "train digits --optimizer inna --alpha -1",
            "alpha must be in [0, inf), got -1",
        ),
        (
            "train digits --optimizer inna --learning-rate 2",
            "use a learning_rate below 2",
        ),
        (
            "train digits --optimizer adam --learning-rate -1",
            "learning_rate must be in",
        ),
        (
            "train digits --optimizer adam --learning-rate nan",
            "learning_rate must be in",
        ),
        ("train digits --optimizer inna --epochs 0", "integer in [1, inf), got '0'"),
        (
            "train digits --optimizer inna --batch-size 9999",
            "--batch-size must be in [1, 1437], the number of training examples, got",
        ),
        ("train digits --optimizer inna --seed x", "got 'x'"),
        ("train digits --optimizer inna --seed -1", "integer in [0, 4294967295], got"),
        ("train digits --optimizer inna --resume", "--resume needs --out"),
        ("compare --optimizers inna,sgdd", "did you mean 'sgd'?"),
        ("compare --seeds 0", "integer in [1, inf), got '0'"),
        ("compare --epoch 3", "--epoch"),
        ("figure 9.9", "must be one of 1.7, 2.1"),
        ("table 4.1", "must be one of 3.1"),
        ("figure 2.1 --scale lab", "invalid choice: 'lab'"),
        ("compare --out /dev/null/x", "--out /dev/null/x cannot be made"),
        ("compare --resume", "--resume needs --out"),
        ("compare --resume --out nowhere", "--resume needs --out with the folder"),
        ("compare d --data-dir nowhere", "data_dir must name a folder, got 'nowhere'"),
        ("compare d --data-dir .", "mnist was not found in"),
        ("compare d --dataset fashion", "did you mean 'fashion_mnist'?"),
        ("compare --train-examples 0", "integer in [1, inf), got '0'"),
        (
            "compare --train-examples 2000",
            "--train-examples must be in [1, 1437] for digits, got 2000",
        ),
        (
            "train digits --optimizer inna --mesh data=4,rows=2",
            "must be like data=4,model=2, either axis once, got 'data=4,rows=2'",
        ),
        (
            "train digits --optimizer inna --mesh data=9",
            "--mesh: data=9 takes 9 devices, and there are 8",
        ),
        (
            "train digits --optimizer inna --mesh data=8 --batch-size 30",
            "--batch-size must be a multiple of the 8 parts that --mesh makes of it",
        ),
        (
            "train digits --optimizer inna --distributed localhost:1,2",
            "must be like 10.0.0.1:1234,2,0, got 'localhost:1,2'",
        ),
        (
            "train digits --optimizer inna --distributed localhost:1,2,2",
            "the process must be in [0, 2), got 2",
        ),
        (
            "train digits --optimizer inna --distributed localhost:1,2,0",
            "--distributed needs --out with a folder that all see",
        ),
        ("figure 4.6 --problems e,g", "figure 4.6: problem 'g' is unknown"),
        ("figure 4.6 --data-dir .", "cifar10 was not found in"),
        ("figure 2.1 --problems e", "--problems is for figures that train networks"),
    ],
)
def test_mistakes_get_one_line_and_status_2(
    arguments, answer, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    try:
        status = command_line.main(arguments.split())
    except SystemExit as stopped:
        status = stopped.code
    printed = capsys.readouterr()
    assert status == 2
    assert answer in printed.err
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err
    assert not list(tmp_path.iterdir())


def test_without_its_extra_the_command_says_what_to_install():
    code = (
        "import sys; sys.modules['rich'] = None; sys.modules['rich.console'] = None;"
        "sys.argv = ['inna-optax', 'list'];"
        "from inna_optax.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'inna-optax[experiments]'" in done.stderr
