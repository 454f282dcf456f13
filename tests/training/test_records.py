import json

import jax.numpy as jnp
import numpy as np
import pytest

from inna_optax.training import append_history, write_history, write_json


def test_json_is_strict_and_plain(tmp_path):
    path = tmp_path / "new" / "record.json"
    write_json(path, {"a": jnp.float32(0.5), "b": [np.int64(3), float("nan")], "c": {}})
    assert json.loads(path.read_text()) == {"a": 0.5, "b": [3, None], "c": {}}


def test_a_failed_write_leaves_the_old_record(tmp_path):
    path = tmp_path / "record.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_history_is_csv(tmp_path):
    write_history(
        tmp_path / "h.csv", [{"epoch": 0, "loss": 1.5}, {"epoch": 1, "loss": 1}]
    )
    assert (tmp_path / "h.csv").read_text() == "epoch,loss\n0,1.5\n1,1\n"


def test_rows_are_appended(tmp_path):
    path = tmp_path / "h.csv"
    write_history(path, [{"epoch": 0, "loss": 1.5}])
    append_history(path, [{"epoch": 1, "loss": float("nan")}, {"epoch": 2, "loss": 1}])
    assert path.read_text() == "epoch,loss\n0,1.5\n1,\n2,1\n"
