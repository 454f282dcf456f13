import hashlib
import os
import pathlib
import platform
import sysconfig

import numpy as np
import pytest

from inna_optax import data


def write(folder, **texts):
    """Files of these names, but for their ending."""
    for name, content in texts.items():
        (folder / f"{name}.txt").write_bytes(content)
    return folder


def refusal(*arguments):
    with pytest.raises(data.DataError) as caught:
        data.load_text(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def small(tmp_path):
    """Two windows to train and one to test, with bytes after them."""
    return write(tmp_path, a=b"abcabcab", b=b"abdx")


def test_windows_by_hand(small):
    text = data.load_text(small, 2)
    assert [bytes(window) for window in text.train] == [b"abc", b"abc"]
    assert [bytes(window) for window in text.test] == [b"abd"]
    assert text.train.dtype == text.test.dtype == np.uint8
    assert (text.train_files, text.test_files) == (("a.txt",), ("b.txt",))
    assert text.size == 12
    assert text.sha256 == hashlib.sha256(b"abcabcababdx").hexdigest()
    assert (text.name, text.python) == (small.name, None)


def test_bits_by_hand(small):
    text = data.load_text(small, 2)
    # To train b, c, b, c were predicted, to test b, d.
    by_hand = -(np.log2((2 + 1) / (4 + 256)) + np.log2(1 / (4 + 256))) / 2
    assert data.unigram_bits(text) == pytest.approx(by_hand, rel=1e-12)
    # After a there was b twice, after b never d.
    by_hand = -(np.log2((2 + 1) / (2 + 256)) + np.log2(1 / (2 + 256))) / 2
    assert data.bigram_bits(text) == pytest.approx(by_hand, rel=1e-12)


def test_bits_of_what_bytes_before_tell(tmp_path):
    """Where a and b alternate, a byte is worth a bit, and none after another."""
    text = data.load_text(write(tmp_path, a=b"ab" * 50_000, b=b"ab" * 100), 9)
    assert data.unigram_bits(text) == pytest.approx(1, abs=0.01)
    assert data.bigram_bits(text) == pytest.approx(0, abs=0.01)
    # Of all bytes alike often, none is told before.
    noise = np.random.default_rng(0).bytes(100_000)
    text = data.load_text(write(tmp_path, a=noise, b=noise[:1000]), 9)
    assert data.unigram_bits(text) == pytest.approx(8, abs=0.01)


def test_files_are_joined_before_they_are_cut(tmp_path):
    text = data.load_text(write(tmp_path, a=b"ab", b=b"xyz", c=b"cde"), 2)
    joined = b"".join((tmp_path / name).read_bytes() for name in text.train_files)
    windows = [joined[i : i + 3] for i in range(0, len(joined) - 2, 3)]
    assert sorted(map(bytes, text.train)) == sorted(windows)


def test_windows_come_in_a_fixed_random_order(tmp_path):
    content = np.arange(200, dtype=np.uint8)
    write(tmp_path, a=content.tobytes(), b=b"ab")
    first = data.load_text(tmp_path, 1).train[:, 0]
    assert sorted(first) == list(range(0, 200, 2))
    assert 60 < np.mean(first[:20]) < 140
    np.testing.assert_array_equal(data.load_text(tmp_path, 1).train[:, 0], first)


def test_any_bytes_are_text(tmp_path):
    content = bytes(range(256))
    text = data.load_text(write(tmp_path, a=content, b=content), 255)
    assert text.train.tobytes() == text.test.tobytes() == content


@pytest.mark.parametrize(("files", "held_out"), [(2, 1), (10, 1), (11, 2), (30, 3)])
def test_a_tenth_of_the_files_is_held_out(tmp_path, files, held_out):
    write(tmp_path, **{f"chapter_{i}": b"text" for i in range(files)})
    text = data.load_text(tmp_path, 3)
    assert len(text.test_files) == held_out
    everything = text.train_files + text.test_files
    assert sorted(everything) == sorted(path.name for path in tmp_path.iterdir())


def test_files_come_in_an_order_that_others_do_not_change(tmp_path):
    names = [f"chapter_{i:02}" for i in range(40)]
    write(tmp_path, **dict.fromkeys(names[::-1], b"text"))
    text = data.load_text(tmp_path, 3)
    order = text.train_files + text.test_files
    assert list(order) != sorted(order)
    (tmp_path / order[7]).unlink()
    fewer = data.load_text(tmp_path, 3)
    assert fewer.train_files + fewer.test_files == order[:7] + order[8:]


def test_which_files_are_read(small):
    inside = small / "part" / "chapter"
    inside.mkdir(parents=True)
    write(inside, c=b"text")
    (small / "notes.md").write_text("no text", encoding="utf-8")
    (small / "folder.txt").mkdir()
    os.mkfifo(small / "pipe.txt")
    (small / "broken.txt").symlink_to(small / "nothing")
    (small / "link.txt").symlink_to(small / "notes.md")
    (inside / "circle").symlink_to(small)
    text = data.load_text(small, 2)
    read = {"a.txt", "b.txt", "link.txt", "part/chapter/c.txt"}
    assert {*text.train_files, *text.test_files} == read
    assert len(text.train_files + text.test_files) == 4


def test_the_folder_may_be_relative(small, monkeypatch, home):
    expected = data.load_text(small, 2)
    monkeypatch.chdir(small)
    assert data.load_text(".", 2).name == small.name
    (home / "texts").symlink_to(small)
    assert data.load_text("~/texts", 2).sha256 == expected.sha256


@pytest.mark.parametrize("files", [0, 1])
def test_there_must_be_files_to_train_and_to_test(tmp_path, files):
    write(tmp_path, **dict.fromkeys("ab"[:files], b"text"))
    assert refusal(tmp_path, 2) == (
        f"{tmp_path} must hold at least 2 .txt files, one to train and one to test,"
        f" got {files}"
    )


@pytest.mark.parametrize(
    ("part", "sizes"), [("train", (128, 129)), ("test", (129, 128))]
)
def test_there_must_be_a_window_of_each_part(tmp_path, part, sizes):
    write(tmp_path, a=bytes(sizes[0]), b=bytes(sizes[1]))
    assert refusal(tmp_path) == (
        f"the files of {tmp_path} to {part} must hold at least context + 1 = 129 bytes,"
        " got 128"
    )


def refuse(path="", *_):
    raise PermissionError(13, "Permission denied", str(path))


def test_a_file_that_may_not_be_read_is_refused(small, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)
    assert refusal(small) == f"{small / 'a.txt'} cannot be read: Permission denied"


def test_a_folder_that_may_not_be_read_is_refused(small, monkeypatch):
    monkeypatch.setattr(os, "scandir", refuse)
    assert refusal(small) == f"{small} cannot be read: Permission denied"


def test_what_of_pythons_folder_is_source(tmp_path, monkeypatch):
    source = {"os.py", "json/decoder.py", "unittest/case.py", "config.py"}
    left_out = {
        "site-packages/flax/nnx.py",
        "dist-packages/apt.py",
        "test/test_os.py",
        "tkinter/test/support.py",
        "lib2to3/tests/pytree.py",
        "idlelib/idle_test/htest.py",
        "__pycache__/os.py",
        "config-3.11-x86_64-linux-gnu/python-config.py",
        "_sysconfigdata__linux_x86_64-linux-gnu.py",
        "LICENSE.txt",
    }
    for name in source | left_out:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import os\n", encoding="utf-8")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    text = data.load_text(context=2)
    assert {*text.train_files, *text.test_files} == source


def test_the_standard_library():
    text, again = data.load_text(), data.load_text(context=64)
    assert (text.name, text.python) == ("stdlib", platform.python_version())
    assert (text.sha256, text.size) == (again.sha256, again.size)
    assert (text.train.shape[1], again.train.shape[1]) == (129, 65)
    assert not {*text.train_files} & {*text.test_files}
    files = text.train_files + text.test_files
    assert {"os.py", "json/decoder.py"} <= {*files}
    # The parts are alike: a byte of the files held out is worth as much.
    share = text.test.size / (text.train.size + text.test.size)
    assert 0.05 < share < 0.2
    swapped = text._replace(train=text.test, test=text.train)
    for bits in (data.unigram_bits, data.bigram_bits):
        assert bits(swapped) == pytest.approx(bits(text), abs=0.3)
    assert 3 < data.bigram_bits(text) < 4 < data.unigram_bits(text) < 5
