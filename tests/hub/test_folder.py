import pytest

from stillwatch.hub import folder
from stillwatch.records.errors import InputError

URL = "http://127.0.0.1:8600"


def test_a_folder_is_its_owner_s_alone(tmp_path):
    folder.make(tmp_path / "hub", URL)
    for path in (tmp_path / "hub" / "keys").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "hub" / "keys").stat().st_mode & 0o077 == 0


def test_what_was_made_is_read_again(tmp_path):
    made = folder.make(tmp_path / "hub", URL)
    # Written last, by who has made the store as well.
    folder.write_settings(tmp_path / "hub", made)
    assert folder.has_hub(tmp_path / "hub")
    assert folder.read_settings(tmp_path / "hub") == made
    assert made.origin == f"stillwatch-hub/{made.id}"
    moved = folder.with_database(tmp_path / "hub", made, "postgresql://x/y")
    assert folder.read_settings(tmp_path / "hub") == moved
    assert moved.database == "postgresql://x/y"


def test_keys_go_to_another_folder(tmp_path):
    folder.make(tmp_path / "one", URL)
    (tmp_path / "two").mkdir()
    folder.write_keys(tmp_path / "two", folder.key_files(tmp_path / "one"))
    one, two = (folder.read_keys(tmp_path / name) for name in ("one", "two"))
    assert one.log.private_bytes_raw() == two.log.private_bytes_raw()


def test_what_is_broken_is_one_line(tmp_path):
    with pytest.raises(InputError):
        folder.read_settings(tmp_path)
    folder.make(tmp_path / "hub", URL)
    for path in (tmp_path / "hub" / "keys").iterdir():
        path.write_text("broken")
    with pytest.raises(InputError):
        folder.read_keys(tmp_path / "hub")
    (tmp_path / "hub" / "hub.json").write_text("{")
    with pytest.raises(InputError):
        folder.read_settings(tmp_path / "hub")
