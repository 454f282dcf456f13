import pathlib
import threading

import pytest

from inna_optax.experiments.errors import UserError
from inna_optax.experiments.running.folders import output_folder


def test_without_out_each_command_gets_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = []
    for _ in range(3):
        with output_folder(None, "train-digits-inna", "results.json") as folder:
            folders.append(folder)
    assert [folder.name for folder in folders] == [
        "train-digits-inna",
        "train-digits-inna-2",
        "train-digits-inna-3",
    ]
    for folder in folders:
        assert folder.is_dir()
        assert folder.parent == pathlib.Path("inna-optax-runs")


def test_commands_that_start_together_get_different_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    together, folders = threading.Barrier(8), []

    def start():
        together.wait()
        with output_folder(None, "table-3.1", "table-3.1.json") as folder:
            folders.append(folder)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 8


def test_a_folder_is_held_while_it_is_in_use(tmp_path):
    with (
        output_folder(tmp_path, "name", "results.json"),
        pytest.raises(UserError, match="is in use by another run"),
    ):
        output_folder(tmp_path, "name", "results.json").__enter__()
    with output_folder(tmp_path, "name", "results.json") as folder:
        assert folder == tmp_path


def test_results_are_found_even_if_they_came_while_the_folder_was_awaited(tmp_path):
    with output_folder(tmp_path, "name", "results.json"):
        (tmp_path / "results.json").touch()
    with pytest.raises(UserError, match=r"already holds results \(results.json\)"):
        output_folder(tmp_path, "name", "results.json").__enter__()
    with output_folder(tmp_path, "name", "results.json", resume=True) as folder:
        assert folder == tmp_path
