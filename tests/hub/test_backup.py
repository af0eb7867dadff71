import json

import pytest

from stillwatch.hub.exchange import Exchange
from stillwatch.records.errors import InputError


@pytest.fixture
def filled(hub, anna, bert, parts):
    """A hub with objects of two members, signed and not, one of them erased."""
    by = anna.pseudonym()
    made = [parts.indicator(created_by_ref=by) for _ in range(5)]
    anna.post_signed(*made)
    bert.post(parts.sighting(made[0]["id"]))
    hub.delete(anna.member, anna.collection, made[1]["id"], parts.Query(limit=10))
    return hub


def same(one, other, provider):
    assert other.verify() is None
    assert other.checkpoint() == one.checkpoint()
    assert other.receipts(provider.member, 0, 1000) == one.receipts(provider.member, 0, 1000)
    basic = provider.credentials["basic"]
    assert other.member_by_basic(basic["username"], basic["password"]).member_id == provider.member.member_id


def test_a_backup_holds_all_of_it(filled, anna, tmp_path):
    filled.backup(tmp_path / "kept")
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    Exchange.restore(tmp_path / "other", tmp_path / "kept", None)
    with Exchange.open(tmp_path / "other") as other:
        same(filled, other, anna)
        assert other.rules_envelope() == filled.rules_envelope()


def test_a_restored_hub_goes_on(filled, anna, parts, tmp_path):
    filled.backup(tmp_path / "kept")
    Exchange.restore(tmp_path / "other", tmp_path / "kept", None)
    with Exchange.open(tmp_path / "other") as other:
        head = other.head()
        assert anna.post(parts.indicator(), hub=other).success_count == 1
        assert other.head() == head + 1
        assert other.verify() is None


def test_a_folder_that_has_a_hub_is_left_alone(filled, store, tmp_path):
    filled.backup(tmp_path / "kept")
    with pytest.raises(InputError):
        Exchange.restore(store.folder, tmp_path / "kept", None)


@pytest.mark.parametrize("data", [b"", b"no backup", b"\0" * 1000])
def test_what_is_no_backup_is_refused(tmp_path, data):
    (tmp_path / "kept").write_bytes(data)
    with pytest.raises(InputError):
        Exchange.restore(tmp_path / "other", tmp_path / "kept", None)
    assert not (tmp_path / "other" / "hub.json").exists()


def test_a_hub_moves_to_a_server(parts, postgres, tmp_path):
    store = parts.Store(tmp_path / "hub", None)
    hub = store.create()
    anna = parts.Provider(hub, "anna")
    anna.post(*(parts.indicator() for _ in range(7)))
    before = hub.receipts(anna.member, 0, 1000), hub.checkpoint()
    hub.close()
    url = postgres.new_database()
    with Exchange.open(store.folder, url) as moved:
        assert (moved.receipts(anna.member, 0, 1000), moved.checkpoint()) == before
        assert moved.verify() is None
    assert not (store.folder / "hub.sqlite").exists()
    settings = store.folder / "hub.json"
    assert json.loads(settings.read_text())["database"] == url
    assert settings.stat().st_mode & 0o077 == 0
    # The folder remembers it.
    with Exchange.open(store.folder) as again:
        assert again.head() == 7
    store.end()
