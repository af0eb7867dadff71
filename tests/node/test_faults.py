"""Faults are kept with their evidence until a person has cleared them."""

import json

import pytest

from stillwatch.node.faults import ALTERED, MISSING, SIGNATURE, OpenFaultError
from stillwatch.node.node import FaultError
from stillwatch.records.errors import InputError
from stillwatch.transparency.follower import ROLLBACK, LogFaultError


@pytest.fixture
def node(open_node, indicator):
    made = open_node()
    author = open_node()
    assert not author.say([indicator(), indicator("203.0.113.8")]).problem
    assert not made.say([indicator("203.0.113.9")]).problem
    made.sync()
    return made


def counts(node):
    return {
        table: node.store.number(f"SELECT COUNT(*) FROM {table}")
        for table in ("entries", "received", "envelopes", "certificates", "outcomes")
    }


def test_the_evidence_is_a_file_that_only_its_owner_reads(node):
    evidence = {"object": b'{"a":1}', "raw": b"\xff\x00", "proof": [b"\xfe", "x"], "seq": 3}
    fault = node.faults.record(LogFaultError(ALTERED, "object 3 is another one", evidence))
    path = node.folder.fault_file(fault.id)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    said = json.loads(path.read_text())
    assert said == node.faults.evidence(fault.id)
    assert said["evidence"] == {"object": '{"a":1}', "raw": "ff00", "proof": ["fe", "x"], "seq": 3}
    assert (said["kind"], said["what"], said["hub"]) == (ALTERED, "object 3 is another one", node.client.url)


def test_while_one_is_open_nothing_goes_either_way(node, indicator):
    fault = node.faults.record(LogFaultError(SIGNATURE, "a signature does not hold", {}))
    for work in (node.sync, node.audit, node.flush):
        with pytest.raises(OpenFaultError, match=fault.id):
            work()
    item = indicator("203.0.113.10")
    with pytest.raises(OpenFaultError):
        node.say([item])
    # What was to be said is kept, and goes once the fault is cleared.
    assert node.queue.waiting() == 1
    node.faults.clear(fault.id)
    node.sync()
    assert node.queue.waiting() == 0


def test_what_was_not_held_against_the_log_is_dropped(node):
    node.store.run("UPDATE received SET settled = 0 WHERE seq = (SELECT MAX(seq) FROM received)")
    before, generation = node.receiver.cursor, node.receiver.generation
    fault = node.faults.record(LogFaultError(ALTERED, "x", {}))
    assert node.receiver.cursor == before - 1
    assert node.receiver.generation == generation + 1
    node.faults.clear(fault.id)
    node.sync()
    assert node.receiver.cursor == before
    assert node.verify().bad is None


@pytest.mark.parametrize("kind", [ALTERED, SIGNATURE])
def test_after_a_fault_of_an_object_the_log_is_not_read_again(node, kind):
    before = counts(node)
    fault = node.faults.record(LogFaultError(kind, "x", {}))
    node.faults.clear(fault.id)
    assert counts(node) == before


@pytest.mark.parametrize("kind", [ROLLBACK, MISSING])
def test_after_a_fault_of_the_log_all_of_it_is_read_again(node, kind):
    of_others = node.store.one("SELECT stix_id FROM received WHERE own = 0 AND type = 'indicator'")[0]
    node.sources.record(of_others, right=False)
    node.store.run("INSERT INTO corroboration VALUES (?, '2 or more', '0')", (of_others,))
    before = counts(node)
    fault = node.faults.record(LogFaultError(kind, "x", {}))
    # Until somebody has looked, all of it stays.
    assert counts(node) == before
    cleared = node.faults.clear(fault.id)
    assert cleared.cleared is not None
    after = counts(node)
    # The member's own judgement stays, all that the hub said goes.
    assert after.pop("outcomes") == 1
    assert set(after.values()) == {0}
    assert node.store.number("SELECT COUNT(*) FROM corroboration") == 0
    node.sync()
    node.sync()
    assert counts(node) == before
    assert node.verify().bad is None
    states = {row[0] for row in node.store.all("SELECT state FROM outbox")}
    assert states == {"confirmed"}


def test_faults_are_listed_in_the_order_in_which_they_were_found(node):
    kinds = [ALTERED, SIGNATURE, ROLLBACK]
    made = [node.faults.record(LogFaultError(kind, kind, {})) for kind in kinds]
    assert [fault.kind for fault in node.faults.all()] == kinds
    node.faults.clear(made[0].id)
    assert [fault.cleared is None for fault in node.faults.all()] == [False, True, True]
    with pytest.raises(OpenFaultError, match=made[1].id):
        node.faults.require_none()


def test_a_fault_that_there_is_not_is_told(node):
    with pytest.raises(InputError, match="no such fault"):
        node.faults.clear("20260101T000000Z-fork")
    fault = node.faults.record(LogFaultError(ALTERED, "x", {}))
    node.folder.fault_file(fault.id).unlink()
    with pytest.raises(InputError, match="can't be read"):
        node.faults.evidence(fault.id)


def test_whoever_finds_one_is_told_where_its_evidence_is(node):
    with pytest.raises(FaultError) as caught, node.trusting():
        raise LogFaultError(ROLLBACK, "the log became shorter", {"now": "x"})
    assert str(caught.value).startswith("ROLLBACK: the log became shorter")
    assert str(caught.value.file) in str(caught.value)
    assert caught.value.file.exists()
