"""Faults of a hub: kept with their evidence, in the way until a person clears them, and nothing derived stays behind."""

import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.intelligence import objects
from stillwatch.node.faults import ALTERED, KEY, MISSING, SIGNATURE, OpenFaultError
from stillwatch.node.publishing import handling, today
from stillwatch.records.errors import InputError
from stillwatch.transparency.follower import ENTRIES, FORK, ROLLBACK, LogFaultError


@pytest.fixture
def node(joined):
    return joined()


def error(kind=ALTERED, **evidence):
    return LogFaultError(kind, f"something was {kind}", evidence)


def test_a_fault_is_kept_with_its_evidence(node):
    assert node.faults.all() == []
    fault = node.faults.record(error(now="note", body=b'{"a":1}', salt=b"\xff\x00", proof=[b"\xfe", "x"]))
    assert node.faults.all() == [fault]
    assert (fault.kind, fault.what, fault.cleared) == (ALTERED, "something was altered", None)
    found = node.faults.evidence(fault.id)
    assert found["evidence"] == {"now": "note", "body": '{"a":1}', "salt": "ff00", "proof": ["fe", "x"]}
    assert (found["kind"], found["hub"]) == (ALTERED, node.folder.trust.url)
    assert found["log_key"] == node.folder.trust.log_key
    assert stat.S_IMODE(node.folder.fault_file(fault.id).stat().st_mode) == 0o600


PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
NESTED = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner) | st.tuples(inner, inner)
)


@given(evidence=st.dictionaries(st.text("abc", min_size=1), NESTED))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_evidence_of_any_form_is_kept(node, evidence):
    fault = node.faults.record(LogFaultError(FORK, "forked", evidence))
    assert node.faults.evidence(fault.id)["evidence"].keys() == evidence.keys()


def test_nothing_goes_on_while_one_is_open(node):
    node.faults.require_none()
    first, second = node.faults.record(error()), node.faults.record(error(SIGNATURE))
    with pytest.raises(OpenFaultError, match=first.id):
        node.sync()
    assert node.faults.clear(first.id).cleared is not None
    with pytest.raises(OpenFaultError, match=second.id):
        node.flush()
    node.faults.clear(second.id)
    node.sync()
    assert [each.id for each in node.faults.all()] == [first.id, second.id]
    assert node.faults.evidence(first.id)["id"] == first.id


def test_a_fault_that_is_cleared_twice_keeps_its_first_time(node):
    fault = node.faults.record(error())
    cleared = node.faults.clear(fault.id).cleared
    assert node.faults.clear(fault.id).cleared == cleared


def test_unknown_faults_are_told(node):
    for ask in (node.faults.clear, node.faults.evidence):
        with pytest.raises(InputError, match="no such fault"):
            ask("20260301T120000000000Z-fork")
    fault = node.faults.record(error())
    node.folder.fault_file(fault.id).unlink()
    with pytest.raises(InputError, match="evidence can't be read"):
        node.faults.evidence(fault.id)


def published(node, items):
    done = node.say(items)
    assert (done.problem, done.explained.refusals) == (None, [])
    return [item["id"] for item in items]


def test_what_was_not_settled_yet_is_dropped(node, indicator):
    published(node, [indicator(), indicator()])
    node.sync()
    store = node.store
    settled = store.number("SELECT COUNT(*) FROM received")
    generation, last = node.receiver.generation, node.receiver.cursor
    assert settled >= 2
    with store.writing():
        store.run("UPDATE received SET settled = 0 WHERE seq = ?", (last,))
    node.faults.record(error())
    assert store.number("SELECT COUNT(*) FROM received") == settled - 1
    assert node.receiver.cursor == last - 1
    assert node.receiver.generation > generation


def state(node):
    """What a node knows of its hub, row by row."""
    tables = [
        "entries",
        "erasures",
        "logged_pseudonyms",
        "received",
        "envelopes",
        "certificates",
        "corroboration",
        "stale",
    ]
    counts = {table: node.store.number(f"SELECT COUNT(*) FROM {table}") for table in tables}
    names = ("follower", "cursor", "logged_epoch", "cosigned", "witness_known")
    return counts | {name: node.store.get(name) for name in names if name != "follower"}


@pytest.fixture
def filled(node, other, indicator):
    """A node that sent two objects, and received two sightings of them by another member."""
    ids = published(node, [indicator(), indicator()])
    node.sync()
    published(other, [objects.sighting(each, handling(today())) for each in ids])
    node.sync()
    assert node.store.number("SELECT COUNT(*) FROM corroboration") >= 2
    return ids


@pytest.mark.parametrize("kind", [ALTERED, SIGNATURE])
def test_after_a_fault_of_one_object_the_log_stays_read(node, filled, kind):
    before = state(node)
    node.faults.clear(node.faults.record(error(kind)).id)
    assert state(node) == before
    assert node.sync().sent.taken == 0


@pytest.mark.parametrize("kind", [FORK, ROLLBACK, ENTRIES, MISSING, KEY])
def test_after_a_fault_of_the_log_nothing_of_it_is_left(node, filled, kind):
    before, began = state(node), node.store.get("began")
    node.faults.clear(node.faults.record(error(kind)).id)
    empty = state(node)
    assert not any(value for value in empty.values())
    assert node.store.get("began") != began
    # An honest hub has what was sent, so nothing is sent again; all that was known is known again.
    assert node.sync().sent.taken == 0
    assert state(node) == before | {"cosigned": state(node)["cosigned"]}
    assert node.store.number("SELECT COUNT(*) FROM outbox WHERE state <> 'confirmed'") == 0
    assert node.store.number("SELECT COUNT(*) - COUNT(DISTINCT stix_id) FROM received WHERE own = 1") == 0


def test_outcomes_are_this_members_own_and_stay(node, filled, other):
    theirs = node.store.one("SELECT stix_id FROM received WHERE type = 'sighting' LIMIT 1")[0]
    node.sources.record(theirs, right=True)
    counts = node.sources.counts()
    node.faults.clear(node.faults.record(error(FORK)).id)
    node.sync()
    assert node.sources.counts() == counts
