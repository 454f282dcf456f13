import pathlib

from inna_optax.experiments.folders import new_folder


def test_without_out_each_command_gets_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [new_folder(None, "train-digits-inna", "results.json") for _ in range(3)]
    assert [folder.name for folder in folders] == [
        "train-digits-inna",
        "train-digits-inna-2",
        "train-digits-inna-3",
    ]
    for folder in folders:
        assert folder.is_dir()
        assert folder.parent == pathlib.Path("inna-optax-runs")
