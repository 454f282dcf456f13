"""What goes wrong in a run: one clear line, an exit status, and nothing lost."""

import json
import re
import resource
import shutil
import subprocess
import sys

import filelock
import jax
import pytest

from inna_optax.experiments.commands import command_line

TRAIN = ["train", "digits", "--optimizer", "inna", "--train-examples", "96"]
OFTEN = ["--checkpoint-every", "0"]  # after each part of an epoch


def command(capsys, *arguments):
    """The exit status, and the last line on stderr, which must not be a traceback's."""
    status = command_line.main([str(argument) for argument in arguments])
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    return status, printed.splitlines()[-1] if printed else ""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "out"
    assert command_line.main([*TRAIN, *OFTEN, "--epochs", "3", "--out", str(out)]) == 0
    return out


def files_of(checkpoint):
    """The files with content of some size, the numbers' among them."""
    return [p for p in checkpoint.rglob("*") if p.is_file() and p.stat().st_size > 500]


def truncate(checkpoint):
    for path in files_of(checkpoint):
        path.write_bytes(path.read_bytes()[:100])


def corrupt(checkpoint):
    for path in files_of(checkpoint):
        content = bytearray(path.read_bytes())
        content[200:400] = bytes(255 - x for x in content[200:400])
        path.write_bytes(content)


def empty(checkpoint):
    shutil.rmtree(checkpoint / "default")


def make_foreign(checkpoint):
    """That of another network, which the record does not tell."""
    import orbax.checkpoint as ocp

    shutil.rmtree(checkpoint)
    with ocp.CheckpointManager(checkpoint.parent.absolute()) as manager:
        manager.save(int(checkpoint.name), args=ocp.args.StandardSave({"w": 1.0}))


@pytest.mark.parametrize("damage", [truncate, corrupt, empty, make_foreign])
def test_a_checkpoint_that_cannot_be_read(damage, finished, tmp_path, capsys):
    out = shutil.copytree(finished, tmp_path / "out")
    damage(out / "checkpoints" / "9")
    again = (*TRAIN, "--epochs", "4", "--out", out, "--resume")
    status, line = command(capsys, *again)
    assert status == 2
    assert line.startswith(f"inna-optax: --resume: {out}/checkpoints/9 cannot be read:")
    assert re.search(r"; without it --resume can go on from \d updates$", line)
    shutil.rmtree(out / "checkpoints" / "9")
    assert command(capsys, *again)[0] == 0


def test_a_checkpoint_of_other_hyperparameters(finished, tmp_path, capsys):
    out = shutil.copytree(finished, tmp_path / "out")
    other = (*TRAIN, "--learning-rate", "0.2", "--epochs", "3", "--out", tmp_path / "o")
    assert command(capsys, *other)[0] == 0
    shutil.rmtree(out / "checkpoints")
    shutil.copytree(tmp_path / "o" / "checkpoints", out / "checkpoints")
    status, line = command(capsys, *TRAIN, "--epochs", "4", "--out", out, "--resume")
    assert status == 2
    assert f"{out}/checkpoints/9 is of another run: it has hyperparameters" in line
    assert "'learning_rate': 0.2" in line


@pytest.fixture
def mounted(tmp_path):
    """Mounts file systems of the memory's, with their options."""
    folders = []

    def mount(options):
        folder = tmp_path / "mounted"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"only root can mount: {done.stderr}")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", folder], check=True)


def space(folder):
    """Bytes that its files take in the memory's file system, in whole pages."""
    page = resource.getpagesize()
    sizes = (path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return sum(-(-size // page) * page for size in sizes)


@pytest.mark.slow
def test_a_full_disk_keeps_what_was_stored(mounted, finished, tmp_path):
    """In a process of its own: orbax's threads, cut short, leave loops open."""
    # Two checkpoints find room, with the records and a half of the third.
    checkpoints = finished / "checkpoints"
    third = space(checkpoints / "9") // 2
    disk = mounted(f"size={space(finished) - space(checkpoints) + 5 * third}")
    shell = [sys.executable, "-m", "inna_optax", *TRAIN, *OFTEN, "--epochs", "9"]
    full = subprocess.run(
        [*shell, "--out", disk / "out"], capture_output=True, text=True, check=False
    )
    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    line = full.stderr.splitlines()[-1]
    assert line.startswith(f"inna-optax: {disk}/out")
    assert "No space left on device" in line
    # Elsewhere, it goes on from the last epoch stored there.
    roomy = shutil.copytree(disk / "out", tmp_path / "roomy")
    assert any(path.name.isdigit() for path in (roomy / "checkpoints").iterdir())
    subprocess.run([*shell, "--out", roomy, "--resume"], check=True)


@pytest.mark.parametrize(
    "arguments", [[*TRAIN, "--epochs", "1"], ["figure", "3.1"]], ids=lambda a: a[0]
)
def test_a_folder_that_cannot_be_written(arguments, mounted, capsys):
    disk = mounted("size=1m,ro")
    status, line = command(capsys, *arguments, "--out", disk)
    assert status == 1
    assert str(disk) in line
    assert line.endswith("Read-only file system")


@pytest.mark.parametrize(
    "arguments",
    [
        [*TRAIN, "--epochs", "4", "--resume"],
        ["compare", "--optimizers", "sgd", "--resume"],
        ["figure", "3.1"],
        ["table", "3.1"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_two_runs_in_one_folder(arguments, finished, capsys):
    before = sorted(finished.rglob("*"))
    with filelock.FileLock(finished / ".lock"):
        status, line = command(capsys, *arguments, "--out", finished)
    assert status == 2
    assert line == (
        f"inna-optax: --out {finished} is in use by another run (if there is none,"
        f" remove {finished}/.lock)"
    )
    assert sorted(finished.rglob("*")) == before


def cut(record):
    record.write_text(record.read_text()[:-20])


def fill_with_bytes(record):
    record.write_bytes(bytes(range(256)))


def change(**entries):
    def damage(record):
        record.write_text(json.dumps(json.loads(record.read_text()) | entries))

    return damage


NO_RECORD = "is not a record of a run."


@pytest.mark.parametrize(
    ("damage", "answer"),
    [
        (cut, NO_RECORD),
        (fill_with_bytes, NO_RECORD),
        (change(history=[{"epoch": 0}]), NO_RECORD),
        (change(history=7), NO_RECORD),
        (change(problem="d"), "has problem 'd', the command says 'digits'"),
        (change(seed=1), "has seed 1, the command says 0"),
        (change(format=0), "has format 0, and this version continues format 1 only"),
        (change(format=2), "has format 2, and this version continues format 1 only"),
    ],
)
def test_a_record_that_is_not_the_runs(damage, answer, finished, tmp_path, capsys):
    out = shutil.copytree(finished, tmp_path / "out")
    damage(out / "results.json")
    before = (out / "results.json").read_bytes()
    status, line = command(capsys, *TRAIN, "--epochs", "4", "--out", out, "--resume")
    assert status == 2
    assert str(out / "results.json") in line
    assert line.endswith(answer)
    assert (out / "results.json").read_bytes() == before


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\nmore"),
            "out of memory (RESOURCE_EXHAUSTED: Out of memory): a smaller --batch-size"
            " takes less",
        ),
        (
            MemoryError("Unable to allocate 6.00 TiB"),
            "out of memory: Unable to allocate 6.00 TiB",
        ),
        (MemoryError(), "out of memory: the machine has no more"),
    ],
)
def test_out_of_memory(error, answer, monkeypatch, capsys, tmp_path):
    def exhausted(*_, **__):
        raise error

    monkeypatch.setattr("inna_optax.experiments.running.unit.fit", exhausted)
    status, line = command(capsys, *TRAIN, "--epochs", "1", "--out", tmp_path / "out")
    assert (status, line) == (1, f"inna-optax: {answer}")


@pytest.mark.slow
def test_a_full_disk_keeps_the_finished_runs_of_a_comparison(mounted, tmp_path, capsys):
    compare = ["compare", "--optimizers", "sgd", "--train-examples", "96"]
    compare += ["--epochs", "2", "--seeds", "2"]
    assert command(capsys, *compare, "--out", tmp_path / "whole")[0] == 0
    disk = mounted(f"size={space(tmp_path / 'whole' / 'runs') // 2}")
    status, line = command(capsys, *compare, "--out", disk / "out")
    assert status == 1
    assert line.startswith(f"inna-optax: {disk}/out/")
    assert line.endswith("No space left on device")
    roomy = shutil.copytree(disk / "out", tmp_path / "roomy")
    kept = {path: path.stat().st_mtime_ns for path in roomy.rglob("*.json")}
    assert kept
    assert command(capsys, *compare, "--out", roomy, "--resume")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_an_error_of_ours_is_not_hidden(monkeypatch, tmp_path):
    def wrong(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("inna_optax.experiments.running.unit.fit", wrong)
    with pytest.raises(ZeroDivisionError):
        command_line.main([*TRAIN, "--epochs", "1", "--out", str(tmp_path / "out")])
