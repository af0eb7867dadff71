"""The log that a hub shows: another key, another history, an older one, entries that are not those that were signed."""

import json
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.node.client import TAXII
from stillwatch.node.faults import KEY, MISSING
from stillwatch.node.folder import Folder
from stillwatch.node.node import FaultError, Node
from stillwatch.records.errors import InputError
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency.follower import ENTRIES, FORK, ROLLBACK
from stillwatch.transparency.notes import Note


def received(node):
    rows = node.store.all(
        "SELECT stix_id FROM received WHERE settled = 1 AND own = 0 AND erased = 0 ORDER BY seq"
    )
    return [row[0] for row in rows]


def post(node, item):
    """Send an object as any tool does, unsigned."""
    path = f"/taxii2/api/collections/{node.sender.collection}/objects/"
    raw = json.dumps({"objects": [item]}).encode()
    node.client.ask("POST", path, raw=raw, headers={"Content-Type": TAXII, "Accept": TAXII})


def faulty(node):
    """The kind of the fault that a look at the hub finds; its evidence holds the checkpoint now."""
    with pytest.raises(FaultError) as caught:
        node.sync()
    fault = caught.value.fault
    assert node.faults.evidence(fault.id)["evidence"]["now"]
    return fault.kind


def test_a_checkpoint_of_another_key_is_refused(between, open_node):
    node = open_node(between.url)
    node.sync()

    def other(method, path, body):
        if path != "/log/checkpoint":
            return body
        parsed = Note.parse(body.decode())
        said = checkpoints.opened(parsed, node.auditor.verifier())
        return str(said.signed(Ed25519PrivateKey.generate())).encode()

    between.change = other
    assert faulty(node) == KEY


def test_an_older_checkpoint_is_a_rollback(between, open_node, indicator):
    node, author = open_node(between.url), open_node()
    old = node.client.ask("GET", "/log/checkpoint").content
    assert not author.say([indicator()]).problem
    node.sync()
    size = node.auditor.follower().size
    between.change = lambda method, path, body: old if path == "/log/checkpoint" else body
    assert faulty(node) == ROLLBACK
    # What was read before stays as it was.
    assert node.auditor.follower().size == size


def test_an_older_checkpoint_of_a_cache_is_asked_for_anew(between, open_node, indicator):
    """Caches may stand between; only what the hub itself says is its fault."""
    node, author = open_node(between.url), open_node()
    old = node.client.ask("GET", "/log/checkpoint").content
    assert not author.say([indicator()]).problem
    node.sync()
    given = []

    def cached(method, path, body):
        if path == "/log/checkpoint" and not given:
            given.append(path)
            return old
        return body

    between.change = cached
    node.sync()
    assert given
    assert node.faults.all() == []


def test_entries_that_are_not_those_that_were_signed_are_refused(between, open_node, indicator):
    node, author = open_node(between.url), open_node()
    node.sync()
    assert not author.say([indicator()]).problem
    between.change = lambda method, path, body: (
        body[:-1] + bytes([body[-1] ^ 1]) if path.startswith("/log/tile/entries/") else body
    )
    assert faulty(node) == ENTRIES
    between.change = None
    (fault,) = node.faults.all()
    node.faults.clear(fault.id)
    node.sync()
    assert node.verify().bad is None


def test_an_answer_that_is_no_checkpoint_is_no_fault(between, open_node):
    node = open_node(between.url)
    between.change = lambda method, path, body: b"<html>" if path == "/log/checkpoint" else body
    with pytest.raises(InputError, match="no checkpoint"):
        node.sync()
    assert node.faults.all() == []


def test_an_object_that_the_hub_took_and_did_not_log_is_missed(between, open_node, indicator):
    node = open_node(between.url)
    node.sync()
    item = indicator()
    taken = []

    def swallow(method, path, body):
        if method == "POST" and path.endswith("/objects/"):
            taken.append(path)
            count = body.count(b'"spec_version"')
            return json.dumps({"id": "1", "status": "complete", "total_count": count, "failure_count": 0})
        return body

    between.ask = swallow
    assert not node.say([item]).problem
    assert taken
    between.ask = None
    with pytest.raises(FaultError) as caught:
        node.sync()
    assert caught.value.fault.kind == MISSING
    assert item["id"] in str(caught.value)
    # Once a person has decided so, it is sent again, and is there once.
    node.faults.clear(caught.value.fault.id)
    node.sync()
    node.sync()
    reader = open_node()
    reader.sync()
    assert received(reader).count(item["id"]) == 1


@pytest.fixture
def histories(forum, tmp_path, open_node, indicator):
    """A hub that was copied, with its keys, before it went on: two histories of one log, and how to serve each of them."""
    forum_class = type(forum)
    first = forum_class(tmp_path / "first")
    first.start()
    nodes = []

    def node_of(name):
        node = Node(Folder.create(tmp_path / name, first.url, first.member(name)).path)
        nodes.append(node)
        return node

    author = node_of("author")
    assert not author.say([indicator()]).problem
    victim = node_of("victim")
    victim.sync()
    author.sync()
    first.stop()
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    yield first, author, victim, tmp_path
    for node in nodes:
        node.close()
    first.stop()


def swap(tmp_path):
    """Serve the other copy from now on, in the same place."""
    (tmp_path / "first").rename(tmp_path / "aside")
    (tmp_path / "second").rename(tmp_path / "first")


def test_another_history_under_the_same_key_is_a_fork(histories, indicator):
    hub, author, victim, tmp_path = histories
    hub.start()
    for _ in range(3):
        assert not author.say([indicator()]).problem
    victim.sync()
    seen = victim.auditor.follower().size
    hub.stop()
    swap(tmp_path)
    hub.start()
    # The other history grows past what the victim saw, so that its size tells nothing. Its author has lost nothing there.
    other = Node(shutil.copytree(author.folder.path, tmp_path / "other"))
    other.store.run("DELETE FROM faults")
    for _ in range(6):
        post(other, indicator("198.51.100.9"))
    other.close()
    with pytest.raises(FaultError) as caught:
        victim.sync()
    fault = caught.value.fault
    assert fault.kind == FORK
    # Both signed checkpoints are kept: anybody can see that the hub signed two trees.
    evidence = victim.faults.evidence(fault.id)["evidence"]
    log = victim.auditor.verifier()
    before, now = (checkpoints.opened(Note.parse(evidence[name]), log) for name in ("before", "now"))
    assert before.size == seen <= now.size
    assert evidence["root_now"] != before.root


def test_a_hub_put_back_is_a_rollback_and_gets_back_what_it_lost(histories, indicator):
    hub, author, victim, tmp_path = histories
    hub.start()
    lost = indicator()
    assert not author.say([lost]).problem
    author.sync()
    victim.sync()
    hub.stop()
    swap(tmp_path)
    hub.start()
    for node in (victim, author):
        assert faulty(node) == ROLLBACK
        (fault,) = node.faults.all()
        node.faults.clear(fault.id)
    author.sync()
    author.sync()
    victim.sync()
    assert received(victim).count(lost["id"]) == 1
    assert len(received(victim)) == len(set(received(victim)))
    assert (author.verify().bad, victim.verify().bad) == (None, None)
    assert author.queue.waiting() == 0


def test_a_hub_that_altered_its_own_rows_is_found_out(forum, open_node, indicator):
    """Whoever has the hub's disk, but signs nothing new, can't have an object read otherwise than it was logged."""
    author, reader = open_node(), open_node()
    item = indicator("192.0.2.10")
    post(author, item)
    reader.sync()
    assert item["id"] in received(reader)
    with forum.database() as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {t: [row[1] for row in db.execute(f"PRAGMA table_info({t})")] for t in tables}
        table = next(t for t, names in columns.items() if "body" in names)
        changed = db.execute(
            f"UPDATE {table} SET body = CAST(replace(CAST(body AS TEXT), '192.0.2.10', '192.0.2.11') AS BLOB)"
            " WHERE CAST(body AS TEXT) LIKE '%192.0.2.10%'"
        ).rowcount
        assert changed == 1
    later = open_node()
    with pytest.raises(FaultError) as caught:
        later.sync()
    assert caught.value.fault.kind == "altered"
    # Mended, so that the hub may serve other tests.
    with forum.database() as db:
        db.execute(
            f"UPDATE {table} SET body = CAST(replace(CAST(body AS TEXT), '192.0.2.11', '192.0.2.10') AS BLOB)"
            " WHERE CAST(body AS TEXT) LIKE '%192.0.2.11%'"
        )
