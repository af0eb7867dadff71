"""Whoever changes a hub's store behind its back is found out, with the entry at which it shows."""

import pytest

from stillwatch.hub.model import Query


@pytest.fixture
def full(hub, anna, bert, parts):
    """A hub with some of everything: entry 0 is the epoch, 1 a pseudonym, 2 to 11 objects, 12 an erasure."""
    pseudonym = anna.pseudonym()
    anna.post_signed(*(parts.indicator(created_by_ref=pseudonym) for _ in range(5)))
    items = [parts.indicator() for _ in range(5)]
    bert.post(*items)
    hub.delete(bert.member, bert.collection, items[0]["id"], Query())
    assert hub.verify() is None
    return hub


CHANGES = {
    "content": ("UPDATE contents SET body = ? WHERE seq = 3", (b"{}",), 4),
    "salt": ("UPDATE contents SET salt = ? WHERE seq = 4", (b"s" * 32,), 5),
    "content gone": ("DELETE FROM contents WHERE seq = 2", (), 3),
    "row gone": ("DELETE FROM objects WHERE seq = 7", (), 8),
    "last row gone": ("DELETE FROM objects WHERE seq = 10", (), 11),
    "date": ("UPDATE objects SET date_added = 7 WHERE seq = 5", (), 6),
    "moved": ("UPDATE objects SET log_index = 3 WHERE seq = 1", (), 2),
    "collection": ("UPDATE objects SET collection = 99 WHERE seq = 8", (), 9),
    "erasure not logged": ("UPDATE objects SET erasure = 12 WHERE seq = 9", (), 10),
    "erasure elsewhere": ("UPDATE objects SET erasure = 11 WHERE seq = 6", (), 12),
    "batch index": ("UPDATE objects SET batch_index = 0 WHERE seq = 2", (), 3),
    "batch gone": ("DELETE FROM batches", (), 2),
    "batch leaves": ("UPDATE batches SET leaves = ?", (b"l" * 160,), 2),
    "batch envelope": ("UPDATE batches SET envelope = ?", (b"{}",), 2),
    "batch of another member": ("UPDATE objects SET member = 2 WHERE seq = 1", (), 2),
    "pseudonym": ("UPDATE pseudonyms SET public_key = ?", (b"k" * 32,), 1),
    "pseudonym gone": ("DELETE FROM pseudonyms", (), 1),
    "certificate": ("UPDATE pseudonyms SET certificate = ?", (b"{}",), 1),
    "epoch": ("UPDATE epochs SET template_key = ?", (b"k" * 16,), 0),
    "bundle gone": ("DELETE FROM bundles", (), 0),
    "bundle broken": ("UPDATE bundles SET entries = ?", (b"\0\5abc",), 0),
    "bundle longer": ("UPDATE bundles SET entries = ?", (b"\0\1a" * 14,), 13),
    "entries": ("UPDATE bundles SET entries = ?", (b"\0\1a" * 13,), 0),
    "tile": ("UPDATE tiles SET hashes = ? WHERE level = 0", (b"h" * 416,), 0),
    "tile longer": ("UPDATE tiles SET hashes = hashes || hashes", (), None),
    "log shorter": ("UPDATE heads SET log_size = 12", (), 12),
    "checkpoint": ("UPDATE heads SET checkpoint = 'x'", (), None),
    "head": ("UPDATE heads SET seq = 11", (), None),
    "time of head": ("UPDATE heads SET date_added = 7", (), None),
    "unlogged row": (
        "INSERT INTO objects (seq, date_added, collection, id_key, stix_id, type, version, spec_version, revoked,"
        " is_first, is_last, log_index) VALUES (11, 9000000000000000, 1, 1, 'x', 'x', 1, '2.1', 0, 1, 1, 13)",
        (),
        None,
    ),
    "unlogged epoch": (
        "INSERT INTO epochs (number, template_key, began, rules, log_index) VALUES (2, ?, 1, 'x', 13)",
        (b"k" * 16,),
        None,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_found(full, name):
    sql, values, entry = CHANGES[name]
    if name == "tile longer" and full.database.kind == "sqlite":
        # Joined blobs are a text in SQLite.
        (hashes,) = full.database.one("SELECT hashes FROM tiles WHERE level = 0")
        sql, values = "UPDATE tiles SET hashes = ?", (hashes * 2,)
    with full.database.write() as tx:
        assert tx.execute(sql, values) > 0
    fault = full.verify()
    assert fault is not None
    assert fault.entry == entry, str(fault)
    assert str(fault)


def test_a_checkpoint_of_another_log_is_found(full):
    from stillwatch.transparency.checkpoint import Checkpoint

    note = str(Checkpoint(full.settings.origin, 13, b"r" * 32).signed(full._keys.log))
    with full.database.write() as tx:
        tx.execute("UPDATE heads SET checkpoint = ?", (note,))
    assert "checkpoint" in str(full.verify())


def test_more_than_one_tile(hub, anna, parts):
    for _ in range(3):
        anna.post(*(parts.indicator() for _ in range(300)))
    assert hub.verify() is None
    with hub.database.write() as tx:
        tx.execute("UPDATE tiles SET hashes = ? WHERE level = 1", (b"h" * 96,))
    assert "level 1" in str(hub.verify())


def test_an_empty_hub(hub):
    assert hub.verify() is None
