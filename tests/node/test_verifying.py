"""The audit of a whole node, of what is kept and of what a hub gives."""

import sqlite3
import uuid

import pytest

from stillwatch.node.folder import Folder
from stillwatch.node.node import FaultError, Node


@pytest.fixture
def filled(forum, indicator, tmp_path):
    """A node that published three objects and verified them; the ids."""
    folder = Folder.create(tmp_path / "filled", forum.url, forum.member(f"filled {uuid.uuid4()}"))
    items = [indicator() for _ in range(3)]
    with Node(folder.path) as node:
        assert not node.say(items).problem
        node.sync()
        yield node, [item["id"] for item in items]


def change(node, sql, *values):
    with sqlite3.connect(node.folder.path / "node.sqlite") as db:
        assert db.execute(sql, values).rowcount == 1


def test_all_holds(filled):
    node, _ = filled
    found = node.verify()
    assert (found.bad, found.problem) == (None, None)
    assert found.entries == node.auditor.follower().size
    # Nothing is left of the second reading.
    assert not list(node.folder.path.glob(".verifying-*"))


def test_a_new_node_has_nothing_to_doubt(forum, tmp_path):
    folder = Folder.create(tmp_path / "new", forum.url, forum.member(f"new {uuid.uuid4()}"))
    with Node(folder.path) as node:
        assert node.verify().bad is None


CHANGES = {
    "body": (
        "UPDATE received SET body = CAST(replace(body, '203.0.113.7', '203.0.113.8') AS BLOB) WHERE stix_id = ?",
        "logged",
    ),
    "salt": ("UPDATE received SET salt = zeroblob(32) WHERE stix_id = ?", "logged"),
    "collection": (
        "UPDATE received SET collection = '00000000-0000-4000-8000-000000000000' WHERE stix_id = ?",
        "logged",
    ),
    "proof": ("UPDATE received SET proof = zeroblob(64) WHERE stix_id = ?", "signed"),
    "place": ("UPDATE received SET batch_index = batch_index + 1 WHERE stix_id = ?", "signed"),
    "entry": ("UPDATE received SET log_index = log_index - 1 WHERE stix_id = ?", "not that entry's"),
    "erased": ("UPDATE received SET erased = 1, body = NULL WHERE stix_id = ?", "no erasure"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_altered_here_is_named(filled, name):
    node, ids = filled
    sql, said = CHANGES[name]
    index = node.store.number("SELECT log_index FROM received WHERE stix_id = ?", (ids[1],))
    change(node, sql, ids[1])
    found = node.verify(ask=False)
    assert found.bad.entry == (index - 1 if name == "entry" else index)
    assert said in found.bad.what
    assert str(found.bad).startswith("entry ")


def test_certificates_that_were_not_logged(filled):
    node, ids = filled
    change(
        node,
        "DELETE FROM logged_pseudonyms WHERE id = (SELECT pseudonym FROM received WHERE stix_id = ?)",
        ids[0],
    )
    assert "not what its author signed" in node.verify(ask=False).bad.what


def test_entries_that_are_altered_here(filled):
    node, ids = filled
    index = node.store.number("SELECT log_index FROM received WHERE stix_id = ?", (ids[0],))
    change(node, "UPDATE entries SET commitment = zeroblob(32) WHERE log_index = ?", index)
    assert node.verify(ask=False).bad.entry == index
    change(node, "UPDATE entries SET data = CAST('{}' AS BLOB), seq = NULL WHERE log_index = ?", index)
    assert node.verify(ask=False).bad is not None
    change(node, "DELETE FROM entries WHERE log_index = ?", index)
    assert node.verify(ask=False).bad.entry == index


def test_the_first_bad_entry_is_named(filled):
    node, ids = filled
    first = node.store.number("SELECT MIN(log_index) FROM received WHERE stix_id IN (?, ?)", (ids[0], ids[2]))
    for stix_id in (ids[2], ids[0]):
        change(node, "UPDATE received SET salt = zeroblob(32) WHERE stix_id = ?", stix_id)
    assert node.verify(ask=False).bad.entry == first


def test_a_hub_that_gives_something_else_than_before(forum, filled):
    """As seen from here it is the same whether the hub or what is kept changed: signed notes tell which it was."""
    node, ids = filled
    seq = node.store.number("SELECT seq FROM received WHERE stix_id = ?", (ids[1],))
    with forum.database() as db:
        changed = db.execute(
            "UPDATE contents SET body = CAST(replace(body, '203.0.113.7', '203.0.113.8') AS BLOB) WHERE seq = ?",
            (seq,),
        ).rowcount
    assert changed == 1
    try:
        with pytest.raises(FaultError, match="ALTERED") as fault:
            node.verify()
        assert fault.value.file.exists()
    finally:
        with forum.database() as db:
            db.execute(
                "UPDATE contents SET body = CAST(replace(body, '203.0.113.8', '203.0.113.7') AS BLOB) WHERE seq = ?",
                (seq,),
            )
    node.faults.clear(fault.value.fault.id)
    assert node.verify().bad is None


def test_a_hub_out_of_reach_is_said(forum, filled):
    node, _ = filled
    forum.stop()
    try:
        found = node.verify()
    finally:
        forum.start()
    assert found.bad is None
    assert found.problem
