import json

import pytest

from stillwatch.hub import folder as folders
from stillwatch.records.errors import InputError
from stillwatch.transparency.notes import Verifier


@pytest.fixture
def settings(tmp_path):
    made = folders.make(tmp_path / "hub", "http://hub.example/")
    folders.write_settings(tmp_path / "hub", made)
    return made


def test_keys_are_for_their_owner_only(tmp_path, settings):
    keys = tmp_path / "hub" / "keys"
    assert keys.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in keys.iterdir()} == set(folders.KEY_FILES)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys.iterdir())
    assert (tmp_path / "hub" / "hub.json").stat().st_mode & 0o777 == 0o600


def test_keys_come_back(tmp_path, settings):
    keys = folders.read_keys(tmp_path / "hub")
    assert str(Verifier.of(f"stillwatch-rules/{settings.id}", keys.rules)) == keys.rules_vkey
    assert len(keys.cursor) == 32
    assert keys.log.public_key() != keys.rules.public_key()


def test_settings_come_back(tmp_path, settings):
    assert folders.read_settings(tmp_path / "hub") == settings
    assert settings.url == "http://hub.example"
    assert settings.origin == f"stillwatch-hub/{settings.id}"
    changed = folders.with_database(tmp_path / "hub", settings, "postgresql://u:p@h/d")
    assert folders.read_settings(tmp_path / "hub") == changed
    assert [path.name for path in (tmp_path / "hub").iterdir() if path.name.startswith(".")] == []


def test_a_second_hub_is_refused(tmp_path, settings):
    with pytest.raises(InputError, match="a hub already"):
        folders.make(tmp_path / "hub", "http://hub.example")


def test_no_hub(tmp_path):
    with pytest.raises(InputError, match="there is no hub"):
        folders.read_settings(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot write"):
        folders.make(tmp_path / "file" / "hub", "http://hub.example")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "{", json.dumps({"id": "x", "url": "u", "collection": "c"})]
)
def test_damaged_settings(tmp_path, text):
    (tmp_path / "hub.json").write_text(text)
    with pytest.raises(InputError, match=r"hub\.json can't be read"):
        folders.read_settings(tmp_path)


def test_damaged_keys(tmp_path, settings):
    (tmp_path / "hub" / "keys" / "log.key").write_text("x")
    with pytest.raises(InputError, match="keys can't be read"):
        folders.read_keys(tmp_path / "hub")
    (tmp_path / "hub" / "keys" / "log.key").unlink()
    with pytest.raises(InputError, match="keys can't be read"):
        folders.read_keys(tmp_path / "hub")
