"""A whole node beside a real hub: what one step at a time does together."""

import json
import signal
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime

import pytest

from stillwatch.intelligence import objects
from stillwatch.node.client import TAXII, UnreachableError
from stillwatch.node.faults import MISSING
from stillwatch.node.folder import Folder
from stillwatch.node.node import FaultError, Node
from stillwatch.node.publishing import handling
from stillwatch.records.errors import InputError
from stillwatch.transparency import cosignature
from stillwatch.transparency.notes import COSIGNATURE, Note, Verifier


def received(node):
    rows = node.store.all(
        "SELECT stix_id FROM received WHERE settled = 1 AND own = 0 AND erased = 0 ORDER BY seq"
    )
    return [row[0] for row in rows]


def test_what_one_says_others_have_after_a_sync(open_node, indicator):
    nodes = [open_node() for _ in range(3)]
    items = {}
    for node in nodes:
        item = indicator()
        items[node] = item["id"]
        done = node.say([item])
        assert [state["state"] for state in done.states] == ["sent"]
    for node in nodes:
        done = node.sync()
        assert set(items.values()) - {items[node]} <= set(received(node))
        assert items[node] not in received(node)
        assert done.log_size == node.auditor.follower().size
        assert done.received >= 3
        # Its own is confirmed by the log, not by the hub's word alone.
        row = node.store.one("SELECT state, seq FROM outbox WHERE stix_id = ?", (items[node],))
        assert row["state"] == "confirmed"
        assert row["seq"] is not None
    again = nodes[0].sync()
    assert again.received == 0


def test_a_bundle_goes_whole_or_not_at_all(open_node, indicator):
    node = open_node()
    good, bad = indicator(), indicator(name="Acme Corp")
    done = node.publish({"type": "bundle", "objects": [good, bad]})
    assert {refusal.object_id for refusal in done.explained.refusals} == {bad["id"]}
    assert (done.numbers, node.queue.waiting()) == ([], 0)
    assert node.store.one("SELECT 1 FROM outbox WHERE stix_id = ?", (good["id"],)) is None


def test_explaining_asks_nobody(open_node, between, indicator):
    node = open_node(between.url)
    assert not node.explain({"type": "bundle", "objects": [indicator()]}).refusals
    assert between.asked == []


def test_without_a_hub_it_is_queued_and_explained(forum, tmp_path, indicator):
    folder = Folder.create(tmp_path / "off", "http://127.0.0.1:9", forum.member("off line node"))
    with Node(folder.path) as node:
        node.client.wait = lambda seconds: None
        done = node.say([indicator()])
        assert "127.0.0.1:9" in done.problem
        assert [state["state"] for state in done.states] == ["queued"]
        with pytest.raises(UnreachableError):
            node.sync()
        refused = node.say([indicator(name="Acme Corp")])
        assert refused.explained.refusals
        said = node.verify()
        assert (said.bad, bool(said.problem)) == (None, True)


def test_the_newest_checkpoint_is_cosigned_and_the_hub_tells_it(open_node, indicator):
    node, other = open_node(), open_node()
    assert node.sync().cosigned
    assert not other.say([indicator()]).problem
    assert node.sync().cosigned
    assert other.sync().cosigned
    note = Note.parse(node.client.ask("GET", "/log/checkpoint", cosignatures=2).text)
    names = {node.store.get("witness"), other.store.get("witness")}
    assert names <= {signature.name for signature in note.signatures}
    for each in (node, other):
        name = each.store.get("witness")
        verifier = Verifier.of(name, each.folder.key("witness"), COSIGNATURE)
        assert cosignature.time_of(note, verifier) is not None
        # The name tells nothing of the member.
        assert each.folder.member_id not in name


def test_a_witness_that_is_not_heard_stops_nothing(open_node, between, indicator):
    node = open_node(between.url)
    node.client.wait = lambda seconds: None
    between.change = lambda method, path, body: None if path == "/log/cosignatures" else body
    assert not node.sync().cosigned
    between.change = None
    assert node.sync().cosigned


def test_corroboration_is_asked_for_what_was_seen(open_node, indicator):
    author, seer, reader = (open_node() for _ in range(3))
    item = indicator()
    assert not author.say([item]).problem
    reader.sync()
    assert reader.store.one("SELECT 1 FROM corroboration WHERE id = ?", (item["id"],)) is None
    assert not seer.say([objects.sighting(item["id"], handling(datetime.now(UTC)))]).problem
    reader.sync()
    row = reader.store.one("SELECT sightings, false_positives FROM corroboration WHERE id = ?", (item["id"],))
    # A number in words: not even its members are named.
    assert tuple(row) == ("1", "0")
    assert reader.store.number("SELECT COUNT(*) FROM stale") == 0


def swallowing(between):
    """The hub says that it took a batch, and never sees it."""

    def ask(method, path, body):
        if method == "POST" and path.endswith("/objects/"):
            return json.dumps({"id": "1", "status": "complete", "failure_count": 0})
        return body

    between.ask = ask


def test_what_was_erased_excuses_nothing_else(open_node, between, indicator):
    """The hub took two objects, erased one of them before it was read, and never logged the other."""
    node = open_node(between.url)
    node.sync()
    first, second = indicator(), indicator()
    assert not node.say([first]).problem
    path = f"/taxii2/api/collections/{node.sender.collection}/objects/{first['id']}/"
    node.client.ask("DELETE", path, headers={"Accept": TAXII})
    # Excused: one object was erased, and one is looked for.
    node.sync()
    swallowing(between)
    assert not node.say([second]).problem
    between.ask = None
    with pytest.raises(FaultError) as caught:
        node.sync()
    assert caught.value.fault.kind == MISSING


def test_objects_that_others_erased_excuse_nothing(open_node, between, indicator):
    node, author = open_node(between.url), open_node()
    item = indicator()
    assert not author.say([item]).problem
    path = f"/taxii2/api/collections/{author.sender.collection}/objects/{item['id']}/"
    author.client.ask("DELETE", path, headers={"Accept": TAXII})
    node.sync()
    node.store.run("UPDATE received SET received = received - 3600000000")
    swallowing(between)
    assert not node.say([indicator()]).problem
    between.ask = None
    with pytest.raises(FaultError, match="does not hold it"):
        node.sync()


def test_a_sync_that_is_killed_goes_on_where_it_was(forum, open_node, tmp_path, indicator):
    author = open_node()
    items = [indicator(f"203.0.{n // 250}.{n % 250 + 1}") for n in range(1500)]
    for k in range(0, len(items), 500):
        assert not author.say(items[k : k + 500]).problem
    folder = Folder.create(tmp_path / "killed", forum.url, forum.member(f"killed {uuid.uuid4()}"))
    command = [sys.executable, "-m", "stillwatch", "node", "sync", "--dir", str(folder.path)]
    for wait in (0.6, 0.8, 1.0, 1.2):
        process = subprocess.Popen(command, stdout=-3, stderr=-3)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Node(folder.path) as node:
        node.sync()
        found = received(node)
        ids = [item["id"] for item in items]
        assert [name for name in found if name in set(ids)] == ids
        assert len(found) == len(set(found))
        assert node.verify().bad is None


def test_a_folder_without_a_node_is_told(tmp_path):
    with pytest.raises(InputError, match="no node here"):
        Node(tmp_path)
