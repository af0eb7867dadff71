"""Pseudonyms: one for each epoch, certified once, and never another's."""

import base64
import json
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.node.client import UnreachableError
from stillwatch.node.pseudonyms import CERTIFICATE, Pseudonyms, microseconds, opened
from stillwatch.records.errors import InputError
from stillwatch.transparency import dsse
from stillwatch.transparency.canonical import canonical
from stillwatch.transparency.follower import LogFaultError
from stillwatch.transparency.notes import Verifier


def test_one_pseudonym_for_an_epoch(joined):
    node = joined()
    _, first = node.renew()
    _, again = node.renew()
    assert first == again
    # Nothing in memory, as in another process.
    anew = Pseudonyms(node.folder, node.store, node.client)
    assert anew.own(first.epoch) == first == anew.latest_own()
    assert (anew.is_own(first.id), anew.is_own(str(uuid.uuid4())), anew.is_own(None)) == (True, False, False)
    assert first.public_key == node.folder.public_key(f"epoch-{first.epoch}")


def test_members_have_pseudonyms_that_do_not_name_them(joined):
    nodes = [joined() for _ in range(3)]
    names = {node.renew()[1].id for node in nodes}
    assert len(names) == 3
    for node in nodes:
        assert not any(node.folder.member_id in name for name in names)


def test_a_lost_answer_gives_the_same_certificate(wire, joined):
    node = joined(wire.url)
    node.client.wait = lambda seconds: None
    lost = []

    def lose(method, path, body):
        if path == "/exchange/v1/pseudonyms" and len(lost) < 2:
            lost.append(json.loads(body))
            return None
        return body

    wire.change = lose
    _, found = node.renew()
    assert len(lost) == 2
    assert opened(lost[0]["certificate"], node.auditor.verifier()) == found


def test_a_certificate_that_never_comes_leaves_the_key(wire, joined):
    node = joined(wire.url)
    node.client.wait = lambda seconds: None
    wire.change = lambda method, path, body: None if path == "/exchange/v1/pseudonyms" else body
    with pytest.raises(UnreachableError):
        node.renew()
    key = node.folder.public_key("epoch-1")
    assert key is not None
    assert node.pseudonyms.latest_own() is None
    wire.change = None
    assert node.renew()[1].public_key == key


def test_a_certificate_for_another_key_than_ours_is_a_fault(wire, joined):
    node, other = joined(wire.url), joined()
    theirs = other.renew()[1]
    envelope = json.loads(other.store.one("SELECT envelope FROM certificates WHERE id = ?", (theirs.id,))[0])
    wire.change = lambda method, path, body: (
        json.dumps({"certificate": envelope}).encode() if path == "/exchange/v1/pseudonyms" else body
    )
    with pytest.raises(LogFaultError, match="another key than ours"):
        node.renew()
    assert node.pseudonyms.latest_own() is None


def test_a_new_epoch_is_a_new_pseudonym(forum, joined, indicator):
    author, reader = joined(), joined()
    first, second = indicator(), indicator("203.0.113.8")
    assert not author.say([first]).problem
    before = author.renew()[1]
    # Queued before, and sent after: it goes under the pseudonym of its own time.
    author.queue.add([second | {"created_by_ref": "identity--00000000-0000-4000-8000-000000000000"}])
    forum.new_epoch()
    author.sync()
    after = author.renew()[1]
    assert (after.epoch, after.id != before.id, after.public_key != before.public_key) == (
        before.epoch + 1,
        True,
        True,
    )
    assert author.pseudonyms.latest_own() == after
    reader.sync()
    by = dict(
        reader.store.all(
            "SELECT stix_id, pseudonym FROM received WHERE stix_id IN (?, ?)", (first["id"], second["id"])
        )
    )
    assert by == {first["id"]: before.id, second["id"]: after.id}
    # Nothing that others see says that both are one member.
    body = reader.store.one("SELECT body FROM received WHERE stix_id = ?", (second["id"],))[0]
    assert before.id.encode() not in body
    assert reader.verify().bad is None


KEY = Ed25519PrivateKey.generate()
LOG = Verifier.of("log", KEY)
SAID = {
    "epoch": 1,
    "not_after": "2026-04-01T00:00:00Z",
    "pseudonym": f"identity--{uuid.uuid4()}",
    "public_key": base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode(),
    "version": 1,
}


def certified(said):
    return dsse.sign(CERTIFICATE, canonical(said), KEY, "log")


def test_a_certificate_is_read_as_it_was_signed():
    found = opened(certified(SAID), LOG)
    assert (found.id, found.epoch, found.not_after) == (SAID["pseudonym"], 1, 1775001600_000000)


def test_a_certificate_of_another_hub_s_key_is_refused():
    other = dsse.sign(CERTIFICATE, canonical(SAID), Ed25519PrivateKey.generate(), "log")
    with pytest.raises(InputError, match="not signed by the key"):
        opened(other, LOG)
    # Nor is another kind of envelope by the right key one.
    with pytest.raises(InputError):
        opened(dsse.sign("application/vnd.stillwatch.rules+yaml", canonical(SAID), KEY, "log"), LOG)


@pytest.mark.parametrize(
    "more",
    [
        {"version": 2},
        {"epoch": "1"},
        {"epoch": True},
        {"not_after": "soon"},
        {"not_after": "2026-04-01T00:00:00"},
        {"public_key": "AAAA"},
        {"public_key": "!"},
        {"member": "anna"},
    ],
)
def test_other_certificates_are_refused(more):
    with pytest.raises(InputError):
        opened(certified(SAID | more), LOG)


def test_a_certificate_with_a_field_less_is_refused():
    for name in SAID:
        with pytest.raises(InputError):
            opened(certified({k: v for k, v in SAID.items() if k != name}), LOG)


@given(st.datetimes(timezones=st.timezones()))
def test_times_are_microseconds_whatever_their_zone(moment):
    try:
        text = moment.isoformat()
        expected = round(moment.timestamp() * 1_000_000)
    except (OverflowError, ValueError):
        return
    if moment.utcoffset() is not None and moment.utcoffset().seconds % 60 == 0:
        assert abs(microseconds(text) - expected) <= 200


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        microseconds("2026-04-01T00:00:00")
