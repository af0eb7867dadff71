import sqlite3
import threading

import pytest

from stillwatch.hub.backup import TABLES, columns_of
from stillwatch.hub.exchange import Exchange
from stillwatch.hub.sqlite import Sqlite
from stillwatch.intelligence.rules import Rules
from stillwatch.records.errors import InputError


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request, tmp_path):
    """Where a backup is restored to: a folder, and perhaps an empty database."""
    database = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else None
    return tmp_path / "elsewhere", database


def test_whichever_store_it_was_made_of_either_can_be_made_of_it(hub, anna, bert, parts, tmp_path, elsewhere):
    pseudonym = anna.pseudonym()
    anna.post_signed(*(parts.indicator(created_by_ref=pseudonym) for _ in range(30)))
    item = parts.indicator()
    bert.post(item, parts.sighting(item["id"]))
    hub.delete(bert.member, bert.collection, item["id"], parts.Query())
    cursor = hub.objects(anna.member, anna.collection, parts.Query(limit=10)).next
    file = tmp_path / "hub.backup"
    hub.backup(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []
    rows, note = anna.all(), hub.checkpoint()
    anna.post(parts.indicator())

    folder, database = elsewhere
    Exchange.restore(folder, file, database)
    with Exchange.open(folder) as again:
        assert again.checkpoint() == note
        assert again.verify() is None
        member = again.member_by_basic(**anna.credentials["basic"])
        assert again.objects(member, anna.collection, parts.Query()).rows == rows
        assert len(again.objects(member, anna.collection, parts.Query(cursor=cursor)).rows) == 21
        assert again.epoch() == hub.epoch()
        assert again.rules_envelope() == hub.rules_envelope()
        assert anna.post(parts.indicator(), hub=again).success_count == 1
        assert again.database.query("SELECT hub_id FROM heads") == [(hub.settings.id,)]
    assert not (folder / "hub.sqlite").exists() if database else (folder / "hub.sqlite").exists()
    for refused in (folder, hub.folder):
        with pytest.raises(InputError, match="a hub already"):
            Exchange.restore(refused, file)


def test_it_is_of_one_moment_while_the_hub_serves(hub, anna, parts, tmp_path):
    stop = threading.Event()
    posted = []

    def post():
        while not stop.is_set():
            posted.append(anna.post(parts.indicator(), parts.indicator()))

    thread = threading.Thread(target=post)
    thread.start()
    try:
        while len(posted) < 3:
            pass
        for number in range(3):
            hub.backup(tmp_path / f"{number}.backup")
    finally:
        stop.set()
        thread.join()
    for number in range(3):
        Exchange.restore(tmp_path / str(number), tmp_path / f"{number}.backup")
        with Exchange.open(tmp_path / str(number)) as again:
            assert again.head() >= 6
            assert again.verify() is None
    assert hub.verify() is None


def test_a_database_with_a_hub_is_refused(hub, postgres, parts, tmp_path):
    url = postgres.new_database()
    Exchange.create(tmp_path / "other", parts.URL, url).close()
    hub.backup(tmp_path / "hub.backup")
    with pytest.raises(InputError, match="a hub already"):
        Exchange.restore(tmp_path / "again", tmp_path / "hub.backup", url)
    assert not (tmp_path / "again").exists()


def test_what_is_no_backup(tmp_path):
    (tmp_path / "text").write_text("no backup")
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE a (b)")
    for name in ("text", "other", "nothing"):
        with pytest.raises(InputError, match="no backup of a hub"):
            Exchange.restore(tmp_path / "hub", tmp_path / name)
    assert not (tmp_path / "hub").exists()


def test_where_it_can_not_be_written(hub, tmp_path):
    with pytest.raises(InputError):
        hub.backup(tmp_path / "nowhere" / "hub.backup")


def test_it_replaces_an_older_one(hub, anna, parts, tmp_path):
    hub.backup(tmp_path / "hub.backup")
    anna.post(parts.indicator())
    hub.backup(tmp_path / "hub.backup")
    Exchange.restore(tmp_path / "again", tmp_path / "hub.backup")
    with Exchange.open(tmp_path / "again") as again:
        assert again.head() == 1


def test_the_forum_s_own_rules_are_in_it(hub, tmp_path):
    own = Rules.default().text.replace(b"k: 5", b"k: 7", 1)
    (hub.folder / "rules.yaml").write_bytes(own)
    hub.backup(tmp_path / "hub.backup")
    Exchange.restore(tmp_path / "elsewhere", tmp_path / "hub.backup", None)
    with Exchange.open(tmp_path / "elsewhere") as again:
        assert (again.rules.k, again.rules.text) == (7, own)


def test_no_password_of_a_database_is_in_it(hub, tmp_path):
    hub.backup(tmp_path / "hub.backup")
    assert b"a-password" not in (tmp_path / "hub.backup").read_bytes()


def test_all_tables_are_named(tmp_path):
    database = Sqlite(tmp_path / "x")
    lines = database.query("SELECT name FROM sqlite_master WHERE type = 'table'")
    assert {name for (name,) in lines} == {*TABLES, "migrations"}
    assert all(columns_of(database).values())
    database.close()
