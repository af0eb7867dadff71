"""Following the stream: live, across a hub that goes and comes, and never past a fault."""

import json
import threading
import time
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.node.faults import ALTERED, OpenFaultError
from stillwatch.node.following import Following
from stillwatch.node.node import FaultError
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency.follower import LogFaultError
from stillwatch.transparency.notes import Note

LONGEST_S = 30


def until(what, seconds=LONGEST_S):
    """Wait for something; a test that waits in vain fails here."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


class Running:
    """A node that follows in a thread of its own."""

    def __init__(self, node, **more):
        self.node, self.told, self.error = node, [], None
        self.following = Following(node, told=self.tell, audit_s=0.5, **more)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def tell(self, items):
        self.told += [json.loads(item.body)["id"] for item in items if item.body is not None]

    def run(self):
        try:
            self.following.run()
        except BaseException as error:
            self.error = error

    def stop(self):
        self.following.stop()
        self.thread.join(LONGEST_S)
        assert not self.thread.is_alive()


@pytest.fixture
def follow():
    running = []

    def start(node, **more):
        running.append(Running(node, **more))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def settled(node):
    return [row[0] for row in node.store.all("SELECT stix_id FROM received WHERE settled = 1 ORDER BY seq")]


def test_what_is_said_is_here_at_once_and_held_against_the_log(open_node, follow, indicator, tmp_path):
    author, node = open_node(), open_node()
    bundles = []
    run = follow(node, out=tmp_path / "out", wrote=bundles.extend)
    until(lambda: run.following.standing.connected)
    items = [indicator() for _ in range(5)]
    for item in items:
        assert not author.say([item]).problem
    ids = [item["id"] for item in items]
    until(lambda: set(ids) <= set(run.told))
    assert [name for name in run.told if name in ids] == ids
    until(lambda: set(ids) <= set(settled(node)))
    until(lambda: all(any(name in (tmp_path / "out" / b).read_text() for b in bundles) for name in ids))
    standing = run.following.standing
    assert (standing.problem, standing.fault) == (None, None)
    assert standing.log_size == node.auditor.follower().size
    assert standing.audits >= 1


def test_what_other_commands_queue_is_sent(open_node, follow, indicator):
    node = open_node()
    run = follow(node)
    until(lambda: run.following.standing.connected)
    item = indicator()
    node.queue.add([item])
    until(lambda: item["id"] in settled(node))
    assert run.following.standing.sent >= 1


def test_a_hub_that_went_and_came_back_leaves_no_gap(forum, open_node, follow, indicator):
    author, node = open_node(), open_node()
    run = follow(node)
    until(lambda: run.following.standing.connected)
    before, after = indicator(), indicator()
    assert not author.say([before]).problem
    until(lambda: before["id"] in run.told)
    forum.stop()
    try:
        until(lambda: not run.following.standing.connected)
        assert run.following.standing.problem
    finally:
        forum.start()
    assert not author.say([after]).problem
    until(lambda: after["id"] in settled(node))
    assert run.following.standing.reconnects >= 1
    assert run.told.count(before["id"]) == 1
    rows = [row[0] for row in node.store.all("SELECT seq FROM received ORDER BY seq")]
    assert rows == list(range(1, len(rows) + 1))


def test_a_node_that_was_away_gets_what_it_missed(open_node, follow, indicator):
    author, node = open_node(), open_node()
    run = follow(node)
    until(lambda: run.following.standing.connected)
    run.stop()
    missed = indicator()
    assert not author.say([missed]).problem
    follow(node)
    until(lambda: missed["id"] in settled(node))
    assert settled(node).count(missed["id"]) == 1


def test_it_ends_soon_when_it_is_told_to(open_node, follow):
    run = follow(open_node())
    until(lambda: run.following.standing.connected)
    began = time.monotonic()
    run.stop()
    assert time.monotonic() - began < 10
    assert run.error is None


def test_a_hub_that_is_not_there_is_waited_for(forum, open_node, follow, indicator):
    author, node = open_node(), open_node()
    node.client.wait = lambda seconds: None
    forum.stop()
    try:
        run = follow(node)
        until(lambda: run.following.standing.problem)
        assert run.error is None
    finally:
        forum.start()
    item = indicator()
    assert not author.say([item]).problem
    until(lambda: item["id"] in settled(node))


def test_a_fault_ends_it(open_node, follow, between):
    node = open_node(between.url)
    run = follow(node)
    until(lambda: run.following.standing.connected)

    # From now on the hub signs with another key, as if somebody had taken its place.
    def other(method, path, body):
        if path != "/log/checkpoint":
            return body
        said = checkpoints.opened(Note.parse(body.decode()), node.auditor.verifier())
        return str(said.signed(Ed25519PrivateKey.generate())).encode()

    between.change = other
    until(lambda: run.error is not None)
    assert isinstance(run.error, FaultError)
    assert run.following.standing.fault
    # And it begins not again.
    between.change = None
    again = follow(node)
    until(lambda: again.error is not None)
    assert isinstance(again.error, OpenFaultError)
    assert not again.following.standing.connected


def test_a_fault_that_another_command_found_ends_it(open_node, follow):
    node = open_node()
    run = follow(node)
    until(lambda: run.following.standing.connected)
    node.faults.record(LogFaultError(ALTERED, f"object {uuid.uuid4()} is another one", {}))
    until(lambda: run.error is not None)
    assert isinstance(run.error, OpenFaultError)
