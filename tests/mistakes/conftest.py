import pytest


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Where a mistake must leave nothing."""
    monkeypatch.chdir(tmp_path)
