"""The command line, as a user meets it."""

import csv
import json
import pathlib
import re
import subprocess
import sys

import jax
import matplotlib.image
import numpy as np
import pytest

import inna_optax
from inna_optax.experiments.catalogue.contenders import CONTENDERS
from inna_optax.experiments.catalogue.figures import COMPARISONS, FIGURES, TABLES
from inna_optax.experiments.catalogue.problems import PROBLEMS
from inna_optax.experiments.catalogue.protocols import CHAPTER_4
from inna_optax.experiments.commands import command_line
from tests.experiments.shell import call, run, strict_json
from tests.marks import slow

COMPARED = CHAPTER_4.optimizers
RUN = ("train", "digits", "--optimizer", "step_tuned_sgd")

ROW = {
    "epoch",
    "gradient_evaluations",
    "train_loss",
    "train_data_loss",
    "test_loss",
    "test_data_loss",
    "test_accuracy",
    "seconds",
}


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "out"
    done = call("compare", "--epochs", 10, "--seeds", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    return out, done


def test_compare_writes_the_summary(comparison):
    out, _ = comparison
    summary = strict_json(out / "summary.json")
    assert summary["problem"] == "digits"
    assert tuple(summary["optimizers"]) == COMPARED
    for name, entry in summary["optimizers"].items():
        entries = len(entry["search"])
        assert entries == 5 * len(CHAPTER_4.search.get(name, [{}]))
        losses = [point["train_loss"] for point in entry["search"]]
        best = np.nanargmin(np.array(losses, float))
        assert entry["hyperparameters"] == entry["search"][best]["hyperparameters"]
        loss, accuracy = entry["final_train_loss"], entry["final_test_accuracy"]
        assert loss["best"] <= loss["mean"] <= loss["worst"]
        assert accuracy["worst"] <= accuracy["mean"] <= accuracy["best"]
        assert accuracy["mean"] > 0.8  # the networks did learn to read digits


def test_compare_says_who_is_ahead(comparison):
    _, done = comparison
    for metric in ("Test accuracy", "Training loss"):
        assert re.search(rf"^{metric}: .+ is best\.", done.stdout, re.MULTILINE)


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
        assert CONTENDERS[name].label in done.stdout
    for path in ("comparison.png", "summary.json"):
        assert str(out / path) in done.stdout
    assert "100%" in done.stderr  # progress goes beside the results


def test_compare_does_not_overwrite(comparison):
    out, _ = comparison
    before = (out / "summary.json").read_bytes()
    done = call("compare", "--out", out)
    assert done.returncode == 2
    assert "already holds results" in done.stderr
    assert (out / "summary.json").read_bytes() == before


def test_train_writes_record_history_and_checkpoint(tmp_path):
    out = tmp_path / "run"
    arguments = ("train", "digits", "--optimizer", "inna", "--epochs", 3, "--seed", 7)
    done = call(*arguments, "--beta", 0.2, "--out", out)
    assert done.returncode == 0, done.stderr
    record = strict_json(out / "results.json")
    assert record["problem"] == record["dataset"] == "digits"
    assert record["seed"] == 7
    assert record["hyperparameters"] == {
        "learning_rate": 0.1,
        "alpha": 0.5,
        "beta": 0.2,
        "initial_speed": 1.0,
    }
    assert [row["epoch"] for row in record["history"]] == [0, 1, 2, 3]
    assert all(set(row) == ROW for row in record["history"])
    rows = list(csv.DictReader((out / "history.csv").read_text().splitlines()))
    assert [float(row["train_loss"]) for row in rows] == [
        row["train_loss"] for row in record["history"]
    ]
    assert any((out / "checkpoints").iterdir())


@pytest.mark.parametrize("optimizer", ["inna", slow("step_tuned_sgd")])
def test_train_under_strict_promotion(optimizer, tmp_path):
    """A user may forbid jax to mix types, such as a bool and a float."""
    arguments = ("train", "digits", "--optimizer", optimizer, "--epochs", 1)
    with jax.numpy_dtype_promotion("strict"):
        done = call(*arguments, "--out", tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_scalars_for_tensorboard(tmp_path):
    out = tmp_path / "run"
    done = call(*RUN, "--epochs", 2, "--tensorboard", "--out", out)
    assert done.returncode == 0, done.stderr
    (events,) = (out / "tensorboard").iterdir()
    content = events.read_bytes()
    assert content.count(b"train_loss") == content.count(b"test_accuracy") == 3
    assert content.count(b"train_data_loss") == 3


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
        done = call(*arguments, "--epochs", 5, "--out", out, *resume)
        assert done.returncode == 1
        assert "the training loss is not finite after epoch 1" in done.stderr
        history = strict_json(out / "results.json")["history"]
        assert [row["epoch"] for row in history] == [0, 1]
        assert history[-1]["train_loss"] is None


def test_a_run_that_ends_far_above_its_start_says_so(tmp_path):
    done = call(
        *("train", "digits", "--optimizer", "nesterov", "--learning-rate", 1.5),
        *("--epochs", 1, "--train-examples", 320, "--out", tmp_path / "run"),
    )
    assert done.returncode == 1
    assert "the training loss rose from 2." in done.stderr


def test_without_a_command_there_is_help(capsys):
    assert command_line.main([]) == 0
    assert "usage: inna-optax" in capsys.readouterr().out


def test_list_has_a_line_for_each_name(capsys, monkeypatch):
    """Which can be copied from a terminal of 80 columns, figures in order."""
    monkeypatch.setenv("COLUMNS", "80")
    assert command_line.main(["list"]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    names = [line.split()[0] for line in printed.splitlines() if line[2:3].strip()]
    for name in (*PROBLEMS, *CONTENDERS, *FIGURES, *COMPARISONS, *TABLES):
        assert name in names
    shown = dict.fromkeys(name for name in names if name in {*FIGURES, *COMPARISONS})
    assert list(shown) == sorted(shown)


def test_list_for_programs_has_the_defaults(capsys):
    assert command_line.main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"].keys() == PROBLEMS.keys()
    for name, entry in found["optimizers"].items():
        assert entry["defaults"] == dict(CONTENDERS[name].defaults)
    assert found["figures"].keys() == {*FIGURES, *COMPARISONS}


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"inna-optax {inna_optax.__version__}\n"


@pytest.mark.parametrize(
    ("out", "folder"),
    [
        ("--out=~/runs", "home/runs"),
        ("--out=~/runs/", "home/runs"),
        ("--out=./~", "here/~"),
        ("--out=my runs/é", "here/my runs/é"),
        ("--out=~", "home"),
    ],
)
def test_a_tilde_is_the_home_in_every_form(tmp_path, monkeypatch, out, folder):
    for name in ("here", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    assert command_line.main(["table", "3.1", out]) == 0
    assert (tmp_path / folder / "table-3.1.json").exists()


def test_every_path_option_expands_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("USERPROFILE", "/home/someone")
    folders = {"--out": "out", "--data-dir": "data_dir"}
    for option, name in folders.items():
        for typed in ([f"{option}=~/x"], [option, "~/x"]):
            given = vars(command_line.make_parser().parse_args(["compare", *typed]))
            assert given[name] == pathlib.Path("/home/someone/x")
        given = vars(command_line.make_parser().parse_args(["compare", option, "./~"]))
        assert given[name] == pathlib.Path.cwd() / "~"


@pytest.mark.parametrize(
    "typed", [("table", "3.1"), (*RUN, "--epochs", 1)], ids=["table", "train"]
)
@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_without_a_device_one_line_says_so(tmp_path, typed, platform):
    if platform == "cuda" and jax.default_backend() != "cpu":
        pytest.skip("there is a device of that kind")
    done = run(*typed, "--out", tmp_path, JAX_PLATFORMS=platform)
    assert done.returncode == 1
    line = f"inna-optax: JAX finds no device (JAX_PLATFORMS={platform}): "
    assert done.stderr.splitlines()[-1].startswith(line)
    assert "Traceback" not in done.stderr


def test_scalars_without_their_package(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    out = tmp_path / "run"
    assert command_line.main([*RUN, "--out", str(out), "--tensorboard"]) == 2
    command = "pip install 'inna-optax[tensorboard] @ git+https://"
    assert command in capsys.readouterr().err
    assert not out.exists()


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
    assert "pip install 'inna-optax[experiments] @ git+https://" in done.stderr
