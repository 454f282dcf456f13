"""What goes wrong in a run: one clear line, an exit status, and nothing lost."""

import shutil
import subprocess
import sys

import filelock
import jax
import pytest

from inna_optax.experiments import command_line

TRAIN = ["train", "digits", "--optimizer", "inna", "--train-examples", "96"]


def command(capsys, *arguments):
    """The exit status, and the last line on stderr, which must not be a traceback's."""
    status = command_line.main([str(argument) for argument in arguments])
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    return status, printed.splitlines()[-1] if printed else ""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "out"
    assert command_line.main([*TRAIN, "--epochs", "3", "--out", str(out)]) == 0
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
    assert line.endswith("; without it --resume can go on from 6 updates")
    shutil.rmtree(out / "checkpoints" / "9")
    assert command(capsys, *again)[0] == 0


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


def test_a_full_disk_keeps_what_was_stored(mounted, tmp_path):
    """In a process of its own: orbax's threads, cut short, leave loops open."""
    disk = mounted("size=220k")
    shell = [sys.executable, "-m", "inna_optax", *TRAIN, "--epochs", "9"]
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
    jax.config.update("jax_enable_x64", False)  # which figures set, for their process
    assert status == 1
    assert str(disk) in line
    assert line.endswith("Read-only file system")


def test_two_runs_in_one_folder(finished, capsys):
    with filelock.FileLock(finished / ".lock"):
        again = (*TRAIN, "--epochs", "4", "--out", finished, "--resume")
        status, line = command(capsys, *again)
    assert status == 2
    assert line == f"inna-optax: --out {finished} is in use by another run."


def test_out_of_memory(monkeypatch, capsys, tmp_path):
    def exhausted(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\nmore")

    monkeypatch.setattr("inna_optax.experiments.train.fit", exhausted)
    status, line = command(capsys, *TRAIN, "--epochs", "1", "--out", tmp_path / "out")
    assert status == 1
    assert line == (
        "inna-optax: out of memory (RESOURCE_EXHAUSTED: Out of memory): a smaller"
        " --batch-size takes less"
    )


def test_an_error_of_ours_is_not_hidden(monkeypatch, tmp_path):
    def wrong(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("inna_optax.experiments.train.fit", wrong)
    with pytest.raises(ZeroDivisionError):
        command_line.main([*TRAIN, "--epochs", "1", "--out", str(tmp_path / "out")])
