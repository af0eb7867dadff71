"""Staying on the stream: live, through restarts of the hub, and no further than a fault."""

import threading
import time
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.node.client import RefusedError
from stillwatch.node.exports import LEADS
from stillwatch.node.faults import ALTERED, FORK, KEY, OpenFaultError
from stillwatch.node.folder import Folder
from stillwatch.node.following import Following
from stillwatch.node.node import FaultError
from stillwatch.transparency.follower import LogFaultError

LONGEST_S = 30.0


def until(holds, what="it"):
    end = time.monotonic() + LONGEST_S
    while not holds():
        assert time.monotonic() < end, f"{what} did not come in {LONGEST_S:.0f} s"
        time.sleep(0.01)


class Followed:
    """A node that follows in a thread of its own."""

    def __init__(self, node, **options):
        self.node, self.items, self.error = node, [], None
        self.following = Following(node, told=self.items.extend, **options)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            self.following.run()
        except Exception as error:
            self.error = error

    @property
    def standing(self):
        return self.following.standing

    def has(self, ids):
        rows = self.node.store.all("SELECT stix_id FROM received WHERE settled = 1")
        return set(ids) <= {row[0] for row in rows}


@contextmanager
def followed(node, **options):
    made = Followed(node, **options)
    made.thread.start()
    try:
        yield made
    finally:
        made.following.stop()
        made.thread.join(LONGEST_S)
        assert not made.thread.is_alive()


@pytest.fixture
def author(joined):
    return joined()


def say(author, indicator, count=1):
    items = [indicator() for _ in range(count)]
    done = author.say(items)
    assert (done.problem, done.explained.refusals) == (None, [])
    return [item["id"] for item in items]


def test_what_is_published_is_here_at_once_and_held_against_the_log(
    author, joined, indicator, tmp_path, complete
):
    node = joined()
    before = say(author, indicator, 3)
    wrote = []
    with followed(node, out=tmp_path, wrote=wrote.extend) as live:
        until(lambda: live.standing.connected and live.has(before), "what was there")
        started = time.monotonic()
        after = say(author, indicator, 3)
        until(
            lambda: len([item for item in live.items if item.body and b"indicator" in item.body]) >= 3,
            "the stream",
        )
        assert time.monotonic() - started < 5
        until(lambda: live.has(after), "the log")
        until(lambda: any(name.startswith("bundle-") for name in wrote[1:]), "a bundle")
        assert live.standing.received >= 3
        assert live.standing.audits >= 2
        assert live.standing.last_audit > time.time() - LONGEST_S
        assert live.standing.fault is None
    assert live.error is None
    text = "".join(path.read_text() for path in tmp_path.glob("bundle-*.json"))
    assert [text.count(f'"{each}"') for each in before + after] == [1] * 6
    complete(node)


def test_what_other_commands_queue_is_sent(author, joined, indicator):
    node = joined()
    with followed(node) as live:
        until(lambda: live.standing.connected)
        item = indicator()
        with node.folder.working():
            numbers = node.queue.add([item])
        until(lambda: node.queue.states(numbers)[0]["state"] == "confirmed", "the confirmation")
        assert live.standing.sent >= 1
    author.sync()
    assert author.store.number("SELECT COUNT(*) FROM received WHERE stix_id = ?", (item["id"],)) == 1


def test_stop_ends_it_soon(joined):
    node = joined()
    with followed(node) as live:
        until(lambda: live.standing.connected)
        started = time.monotonic()
        live.following.stop()
        live.thread.join(LONGEST_S)
        assert time.monotonic() - started < 3
    assert live.error is None


def test_stop_before_it_runs(joined):
    following = Following(joined())
    following.stop()
    following.run()
    assert following.standing.audits == 0


def test_a_hub_that_comes_back_is_followed_on_without_a_gap(forum, author, joined, indicator, complete):
    node = joined()
    with followed(node) as live:
        until(lambda: live.standing.connected)
        first = say(author, indicator, 2)
        until(lambda: live.has(first))
        forum.stop()
        until(lambda: not live.standing.connected)
        assert live.standing.problem
        forum.start()
        second = say(author, indicator, 2)
        until(lambda: live.standing.connected and live.has(second), "what was said meanwhile")
        third = say(author, indicator, 2)
        until(lambda: live.has(third), "what was said then")
        assert live.standing.reconnects >= 1
    assert live.error is None
    seqs = [item.seq for item in live.items]
    assert seqs == sorted(set(seqs))
    complete(node)


def test_without_a_hub_it_waits_and_writes_what_is_here(forum, author, joined, indicator, tmp_path):
    node = joined()
    say(author, indicator)
    node.sync()
    forum.stop()
    try:
        node.client.wait = lambda seconds: None
        with followed(node, out=tmp_path) as live:
            until(lambda: list(tmp_path.glob("bundle-*.json")))
            until(lambda: live.standing.problem)
            assert not live.standing.connected
    finally:
        forum.start()
    assert live.error is None


def test_an_altered_object_on_the_stream_ends_it(between, victim, author, indicator, complete):
    victim.sync()
    between.change("/stream", lambda path, event: event.replace(b"203.0.113.7", b"203.0.113.8"))
    # Only the stream lies, and there is no other way by which it came before.
    with followed(victim) as live:
        until(lambda: live.standing.connected)
        say(author, indicator)
        live.thread.join(LONGEST_S)
    assert isinstance(live.error, FaultError)
    assert live.error.fault.kind == ALTERED
    assert live.standing.fault == str(live.error)
    assert b"203.0.113.8" in live.error.file.read_bytes()
    between.honest()
    with pytest.raises(OpenFaultError):
        Following(victim).run()
    complete(victim)


def test_a_salt_that_is_altered_on_the_stream_is_found_when_the_log_is_read(
    between, victim, author, indicator, complete
):
    def other_salt(path, event):
        start = event.index(b'"salt":"') + 8
        return event[:start] + b"A" * 43 + event[start + 43 :]

    victim.sync()
    between.change("/stream", other_salt)
    with followed(victim) as live:
        until(lambda: live.standing.connected)
        say(author, indicator)
        live.thread.join(LONGEST_S)
    assert isinstance(live.error, FaultError)
    assert live.error.fault.kind == ALTERED
    between.honest()
    complete(victim)


def test_another_key_of_the_log_ends_it_within_an_audit(
    between, victim, author, entries, other_log, complete
):
    with followed(victim, audit_s=0.2) as live:
        until(lambda: live.standing.connected and live.standing.audits > 1)
        between.change("/log/", other_log(entries(), key=Ed25519PrivateKey.generate()))
        live.thread.join(LONGEST_S)
    assert live.error.fault.kind == KEY
    between.honest()
    complete(victim)


def test_a_fault_that_another_command_found_ends_it(joined):
    node = joined()
    with followed(node, audit_s=0.2) as live:
        until(lambda: live.standing.connected)
        node.faults.record(LogFaultError(FORK, "forked", {}))
        live.thread.join(LONGEST_S)
    assert isinstance(live.error, OpenFaultError)


def test_what_the_hub_refuses_ends_it_where_nobody_is_patient(joined):
    node = joined()
    node.sync()
    node.client._credentials["basic"]["password"] = "wrong"
    with pytest.raises(RefusedError):
        Following(node).run(patient=False)
    with followed(node) as live:
        until(lambda: live.standing.problem)
        assert live.thread.is_alive()
        assert not live.standing.connected


def test_events_that_cannot_be_read_are_asked_for_again(between, victim, author, indicator, complete):
    with followed(victim) as live:
        until(lambda: live.standing.connected)

        def at_first(path, event):
            return event if live.standing.reconnects else event.replace(b'"log_index":', b'"no_index":')

        between.change("/stream", at_first)
        ids = say(author, indicator, 2)
        until(lambda: live.has(ids))
        assert live.standing.reconnects >= 1
    assert live.error is None
    complete(victim)


def test_one_odd_answer_does_not_end_a_patient_one(between, victim, author, indicator, monkeypatch):
    monkeypatch.setattr("stillwatch.node.following.LONGEST_WAIT_S", 0.5)
    odd = []

    def once(path, raw):
        if odd:
            return raw
        odd.append(path)
        return b"<html>try again</html>"

    between.change("/log/checkpoint", once)
    with followed(victim) as live:
        until(lambda: odd)
        ids = say(author, indicator)
        until(lambda: live.has(ids))
        assert live.thread.is_alive()
    assert live.error is None
    between.honest()


def test_it_waits_for_others_at_the_same_node(author, joined, indicator, tmp_path, monkeypatch):
    monkeypatch.setattr("stillwatch.node.folder.LONGEST_WAIT_S", 0.2)
    monkeypatch.setattr("stillwatch.node.following._BUSY_S", 0.2)
    node = joined()
    other = Folder.open(node.folder.path)
    with other.working(), followed(node, out=tmp_path) as live:
        until(lambda: live.standing.problem)
        assert live.thread.is_alive()
        assert not list(tmp_path.iterdir())
    with followed(node, out=tmp_path) as live:
        ids = say(author, indicator)
        until(lambda: live.has(ids) and list(tmp_path.glob("bundle-*.json")))
    assert live.error is None


def test_what_has_come_to_its_end_leaves_the_files_off_line_too(
    forum, author, joined, indicator, tmp_path, monkeypatch
):
    monkeypatch.setattr("stillwatch.node.following.WRITE_S", 0.3)
    node = joined()
    (name,) = say(author, indicator)
    node.sync()
    forum.stop()
    try:
        node.client.wait = lambda seconds: None
        with followed(node, out=tmp_path):
            until(lambda: (tmp_path / LEADS).exists() and name in (tmp_path / LEADS).read_text())
            with node.store.writing():
                node.store.run("UPDATE received SET valid_until = 1 WHERE stix_id = ?", (name,))
            until(lambda: name not in (tmp_path / LEADS).read_text())
    finally:
        forum.start()
