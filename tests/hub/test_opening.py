import shutil

import pytest

from stillwatch.hub.exchange import Exchange
from stillwatch.records.errors import InputError


def test_a_hub_is_there_again(hub, store, anna, parts):
    anna.post(parts.indicator())
    hub.close()
    again = store.open()
    assert again.head() == 1
    assert again.member_by_basic(**anna.credentials["basic"]) == anna.member
    assert again.verify() is None


def test_a_second_hub_in_the_folder_or_the_database_is_refused(hub, store, tmp_path, parts):
    with pytest.raises(InputError, match="a hub already"):
        store.create()
    if store.database is not None:
        with pytest.raises(InputError, match="has a hub already"):
            Exchange.create(tmp_path / "other", parts.URL, store.database)
        assert not (tmp_path / "other" / "keys").exists()


def test_a_hub_that_could_not_be_made_leaves_nothing(tmp_path, parts, monkeypatch):
    monkeypatch.setattr("stillwatch.hub.epochs.Epochs.begin", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        Exchange.create(tmp_path / "hub", parts.URL)
    assert list((tmp_path / "hub").iterdir()) == []
    monkeypatch.undo()
    Exchange.create(tmp_path / "hub", parts.URL).close()


def test_no_hub(tmp_path):
    with pytest.raises(InputError, match="no hub"):
        Exchange.open(tmp_path / "hub")


@pytest.fixture
def local(tmp_path, parts):
    """A hub on SQLite with something in it, closed."""
    store = parts.Store(tmp_path / "local", None)
    hub = store.create()
    anna = parts.Provider(hub, "anna")
    pseudonym = anna.pseudonym()
    anna.post_signed(*(parts.indicator(created_by_ref=pseudonym) for _ in range(300)))
    gone = parts.indicator()
    anna.post(gone, parts.sighting(gone["id"]))
    hub.delete(anna.member, anna.collection, gone["id"], parts.Query())
    store.rows, store.note, store.anna = anna.all(), hub.checkpoint(), anna
    hub.close()
    return store


def test_a_hub_moves_to_an_empty_server(local, postgres, parts):
    url = postgres.new_database()
    with Exchange.open(local.folder, url) as hub:
        assert hub.checkpoint() == local.note
        assert hub.verify() is None
        member = hub.member_by_basic(**local.anna.credentials["basic"])
        assert hub.objects(member, local.anna.collection, parts.Query()).rows == local.rows
    assert "a-password" in (local.folder / "hub.json").read_text()
    assert (local.folder / "hub.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in local.folder.iterdir() if "sqlite" in path.name] == []
    with Exchange.open(local.folder) as hub:
        assert hub.database.kind == "postgresql"
        assert local.anna.post(parts.indicator(), hub=hub).success_count == 1
    with Exchange.open(local.folder, url) as hub:
        assert hub.head() == 303


def test_a_move_that_fails_changes_nothing(local, postgres, monkeypatch):
    url = postgres.new_database()
    monkeypatch.setattr("stillwatch.hub.backup.TABLES", ("heads", "members", "nothing"))
    with pytest.raises(Exception, match="FROM"):
        Exchange.open(local.folder, url)
    monkeypatch.undo()
    with Exchange.open(local.folder) as hub:
        assert hub.database.kind == "sqlite"
    with Exchange.open(local.folder, url) as hub:
        assert hub.verify() is None


def test_a_move_that_was_cut_off_before_it_was_recorded_is_finished(local, postgres, parts, tmp_path):
    url = postgres.new_database()
    shutil.copytree(local.folder, tmp_path / "copy")
    Exchange.open(local.folder, url).close()
    with Exchange.open(tmp_path / "copy", url) as hub:
        assert hub.checkpoint() == local.note
    assert not (tmp_path / "copy" / "hub.sqlite").exists()


def test_a_server_with_an_older_state_is_refused(local, postgres, parts, tmp_path):
    url = postgres.new_database()
    shutil.copytree(local.folder, tmp_path / "copy")
    Exchange.open(local.folder, url).close()
    with Exchange.open(tmp_path / "copy") as hub:
        local.anna.post(parts.indicator(), hub=hub)
    with pytest.raises(InputError, match="older state"):
        Exchange.open(tmp_path / "copy", url)
    assert (tmp_path / "copy" / "hub.sqlite").exists()


def test_a_server_of_another_hub_is_refused(local, postgres, parts, tmp_path):
    url = postgres.new_database()
    Exchange.create(tmp_path / "other", parts.URL, url).close()
    with pytest.raises(InputError, match="another hub") as error:
        Exchange.open(local.folder, url)
    assert "a-password" not in str(error.value)
    assert "\n" not in str(error.value)


def test_an_empty_server_without_anything_to_fill_it(postgres, parts, tmp_path):
    Exchange.create(tmp_path / "hub", parts.URL, postgres.new_database()).close()
    with pytest.raises(InputError, match="nothing to fill it"):
        Exchange.open(tmp_path / "hub", postgres.new_database())


def test_a_folder_without_its_database(local):
    (local.folder / "hub.sqlite").unlink()
    with pytest.raises(InputError, match="no database"):
        Exchange.open(local.folder)
