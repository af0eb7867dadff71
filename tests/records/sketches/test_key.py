"""The local key: made once, readable by its owner only, never shown."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from stillwatch.records.errors import InputError
from stillwatch.records.sketches import Key


def test_made_once_and_kept(tmp_path):
    path = tmp_path / "deep" / "sketch.key"
    key = Key.load_or_create(path)
    assert Key.load_or_create(path) == key == Key.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["sketch.key"]


def test_those_who_start_at_once_have_the_same_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: Key.load_or_create(tmp_path / "k"), range(16)))
    assert len(set(keys)) == 1


def test_default_path(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Key.default_path() == tmp_path / "stillwatch" / "sketch.key"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Key.default_path() == tmp_path / ".config" / "stillwatch" / "sketch.key"
    assert Key.load_or_create() == Key.load(Key.default_path())


@pytest.mark.parametrize("content", [b"", b"x" * 15, b"x" * 17])
def test_a_file_that_is_no_key(tmp_path, content):
    path = tmp_path / "k"
    path.write_bytes(content)
    for load in (Key.load, Key.load_or_create):
        with pytest.raises(InputError, match="no sketch key"):
            load(path)


def test_no_file_and_no_way_to_make_one(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        Key.load(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot make"):
        Key.load_or_create(tmp_path / "file" / "k")


def test_neither_id_nor_repr_tells_the_secret():
    key = Key(bytes(range(16)))
    assert key.id == Key(bytes(range(16))).id != Key(bytes(16)).id
    assert key.secret.hex() not in key.id
    assert "\\x01" not in repr(key)
