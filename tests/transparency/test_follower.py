import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.transparency import follower, merkle, tiles
from stillwatch.transparency.checkpoint import Checkpoint
from stillwatch.transparency.follower import Follower, LogFaultError
from stillwatch.transparency.notes import Verifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOG = Verifier.of("log", KEY)


class Log:
    """An honest log in memory, with entries that can be changed."""

    def __init__(self, entries):
        self.entries = list(entries)

    def note(self, size=None):
        part = self.entries[:size]
        root = merkle.root([merkle.leaf_hash(entry) for entry in part])
        return str(Checkpoint("log", len(part), root).signed(KEY))

    def bundles(self, number, width):
        return tiles.bundle(self.entries[number * 256 : number * 256 + width])


def log(count, tag="e"):
    return Log(f"{tag}{n}".encode() for n in range(count))


@given(st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_entries_come_once_and_in_order(steps):
    whole, reads, size = log(sum(steps)), [], 0
    member = Follower.new(LOG)
    for step in steps:
        size += step
        reads += member.advance(whole.note(size), whole.bundles)
        # What is kept between runs is enough to go on.
        member = Follower.of_state(LOG, json.loads(json.dumps(member.state())))
    assert [entry.data for entry in reads] == whole.entries
    assert [entry.index for entry in reads] == list(range(size))


def test_two_roots_for_one_size_are_a_fork():
    member = Follower.new(LOG)
    member.advance(log(5).note(), log(5).bundles)
    with pytest.raises(LogFaultError) as fault:
        member.advance(log(5, "other").note(), log(5, "other").bundles)
    assert fault.value.kind == follower.FORK
    assert fault.value.evidence == {"before": log(5).note(), "now": log(5, "other").note()}


def test_a_smaller_tree_is_a_rollback():
    member = Follower.new(LOG)
    member.advance(log(5).note(), log(5).bundles)
    with pytest.raises(LogFaultError) as fault:
        member.advance(log(5).note(4), log(5).bundles)
    assert fault.value.kind == follower.ROLLBACK


def test_a_larger_tree_of_another_past_is_refused():
    member = Follower.new(LOG)
    member.advance(log(300).note(), log(300).bundles)
    before = member.state()
    forked = Log([*log(299).entries, b"changed", b"new"])
    with pytest.raises(LogFaultError) as fault:
        member.advance(forked.note(), forked.bundles)
    assert fault.value.kind == follower.ENTRIES
    assert member.state() == before


def test_an_altered_entry_is_refused():
    whole = log(10)
    note = whole.note()
    whole.entries[7] = b"altered"
    with pytest.raises(LogFaultError):
        Follower.new(LOG).advance(note, whole.bundles)


def test_missing_entries_can_be_asked_for_again():
    whole = log(10)
    with pytest.raises(InputError, match="entries 9 and on"):
        Follower.new(LOG).advance(whole.note(), lambda number, width: tiles.bundle(whole.entries[:9]))


def test_a_checkpoint_that_the_log_has_not_signed_is_no_fault_of_its():
    other = Ed25519PrivateKey.generate()
    note = str(Checkpoint("log", 1, bytes(32)).signed(other))
    with pytest.raises(InputError, match="not signed"):
        Follower.new(LOG).advance(note, log(1).bundles)
