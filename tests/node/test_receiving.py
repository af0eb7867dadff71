"""What a hub gives, and what becomes of it where the hub is not honest."""

import base64
import hashlib
import json
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from stillwatch.node.client import TAXII
from stillwatch.node.faults import ALTERED, SIGNATURE, OpenFaultError
from stillwatch.node.node import FaultError, Node
from stillwatch.node.pseudonyms import CERTIFICATE
from stillwatch.node.receiving import Item, Receiver, commitment, of_event, of_page
from stillwatch.node.sse import Event
from stillwatch.records.errors import InputError
from stillwatch.transparency import dsse
from stillwatch.transparency.canonical import canonical, parse


def post(node, items, collection=None):
    """Send objects as any tool does, unsigned."""
    path = f"/taxii2/api/collections/{collection or node.sender.collection}/objects/"
    raw = json.dumps({"objects": items}).encode()
    said = node.client.ask("POST", path, raw=raw, headers={"Content-Type": TAXII, "Accept": TAXII}).json()
    assert said["failure_count"] == 0, said


def received(node):
    """Ids of objects of others that were held against the log, in order."""
    rows = node.store.all(
        "SELECT stix_id FROM received WHERE settled = 1 AND own = 0 AND erased = 0 ORDER BY seq"
    )
    return [row[0] for row in rows]


@pytest.fixture
def said(open_node, indicator):
    """Three signed objects and an unsigned one, by another member."""
    author = open_node()
    items = [indicator() for _ in range(3)]
    assert not author.say(items).problem
    items.append(indicator())
    post(author, items[3:])
    return [item["id"] for item in items]


def altering(change):
    """Change answers that hold receipts: `change` gets the document and the receipts of indicators in it."""

    def changed(method, path, body):
        if not path.startswith("/exchange/v1/receipts"):
            return body
        page = parse(body)
        own = [each for each in page["receipts"] if (each["object"] or {}).get("type") == "indicator"]
        if len(own) < 4:
            return body
        change(page, own[-4:])
        return canonical(page)

    return changed


def other_content(page, own):
    own[0]["object"]["pattern"] = "[ipv4-addr:value = '198.51.100.1']"


def other_content_unsigned(page, own):
    own[3]["object"]["pattern"] = "[ipv4-addr:value = '198.51.100.1']"


def other_salt(page, own):
    own[1]["salt"] = base64.b64encode(b"s" * 32).decode()


def swapped(page, own):
    own[0]["object"], own[1]["object"] = own[1]["object"], own[0]["object"]


def other_order(page, own):
    page["receipts"].reverse()


def twice(page, own):
    page["receipts"].append(page["receipts"][-1])


def other_entry(page, own):
    own[0]["log_index"], own[1]["log_index"] = own[1]["log_index"], own[0]["log_index"]


def as_erased(page, own):
    own[3]["object"] = own[3]["salt"] = None


def other_leaves(page, own):
    batch = page["batches"][own[0]["batch"]]
    leaves = bytearray(base64.b64decode(batch["leaves"]))
    leaves[0] ^= 1
    batch["leaves"] = base64.b64encode(bytes(leaves)).decode()


def other_place(page, own):
    own[0]["batch_index"] = own[1]["batch_index"]


def other_batch(page, own):
    """Signed by somebody, but not by its author."""
    others = [name for name in page["batches"] if name != own[0]["batch"]]
    own[0]["batch"], own[0]["batch_index"] = others[0], 0


def other_signature(page, own):
    signature = page["batches"][own[0]["batch"]]["envelope"]["signatures"][0]
    raw = bytearray(base64.b64decode(signature["sig"]))
    raw[5] ^= 4
    signature["sig"] = base64.b64encode(bytes(raw)).decode()


def no_signature_that_can_be_read(page, own):
    page["batches"][own[0]["batch"]]["envelope"] = {"payload": 1}


def beyond(page, own):
    own[3]["log_index"] = 10**6


CHANGES = {
    other_content: ALTERED,
    other_content_unsigned: ALTERED,
    other_salt: ALTERED,
    swapped: ALTERED,
    other_order: ALTERED,
    twice: ALTERED,
    other_entry: ALTERED,
    as_erased: ALTERED,
    other_leaves: ALTERED,
    other_place: ALTERED,
    other_batch: ALTERED,
    other_signature: SIGNATURE,
    no_signature_that_can_be_read: SIGNATURE,
    beyond: "missing",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_is_altered_is_refused_and_reported(change, said, between, open_node):
    node = open_node(between.url)
    between.change = altering(change)
    with pytest.raises(FaultError) as caught:
        node.sync()
    fault = caught.value.fault
    assert fault.kind == CHANGES[change]
    # Nothing of it is kept, and its evidence is.
    assert not set(said) & set(received(node))
    evidence = node.faults.evidence(fault.id)
    assert (evidence["kind"], evidence["log_key"]) == (fault.kind, node.folder.trust.log_key)
    assert evidence["evidence"]
    # An honest answer changes nothing until a person has looked.
    between.change = None
    with pytest.raises(OpenFaultError, match=fault.id):
        node.sync()
    node.faults.clear(fault.id)
    node.sync()
    found = received(node)
    assert [name for name in found if name in said] == said
    assert len(found) == len(set(found))
    assert node.verify().bad is None


def test_a_certificate_of_another_key_is_refused(said, between, open_node):
    node = open_node(between.url)
    other = Ed25519PrivateKey.generate()

    def changed(method, path, body):
        if not path.startswith("/exchange/v1/pseudonyms/"):
            return body
        payload = base64.b64decode(parse(body)["certificate"]["payload"])
        return json.dumps({"certificate": dsse.sign(CERTIFICATE, payload, other, "log")}).encode()

    between.change = changed
    with pytest.raises(FaultError) as caught:
        node.sync()
    assert caught.value.fault.kind == SIGNATURE
    assert received(node) == []


def test_another_member_s_certificate_is_refused(said, between, open_node):
    node = open_node(between.url)
    with_own = open_node()
    with_own.sync()
    own = with_own.store.one("SELECT envelope FROM certificates WHERE own = 1")["envelope"]
    between.change = lambda method, path, body: (
        json.dumps({"certificate": json.loads(own)}).encode()
        if path.startswith("/exchange/v1/pseudonyms/")
        else body
    )
    with pytest.raises(FaultError, match="another pseudonym"):
        node.sync()


def test_a_pseudonym_without_a_certificate_is_a_fault(said, between, open_node):
    node = open_node(between.url)
    # As if the hub had no such pseudonym: another name is asked for.
    between.change = altering(
        lambda page, own: page["batches"][own[0]["batch"]].update(
            envelope=_renamed(page["batches"][own[0]["batch"]]["envelope"])
        )
    )
    with pytest.raises(FaultError, match="no certificate") as caught:
        node.sync()
    assert caught.value.fault.kind == SIGNATURE


def _renamed(envelope):
    payload = parse(base64.b64decode(envelope["payload"]))
    payload["pseudonym"] = f"identity--{uuid.uuid4()}"
    signature = envelope["signatures"][0] | {"keyid": payload["pseudonym"]}
    return envelope | {
        "payload": base64.b64encode(canonical(payload)).decode(),
        "signatures": [signature],
    }


def test_a_certificate_that_was_not_logged_is_refused(forum, said, between, open_node):
    """The hub's key alone is not enough: whom it certifies stands in the log for everybody to see."""
    key = load_pem_private_key((forum.folder / "keys" / "log.key").read_bytes(), None)
    node = open_node(between.url)

    def changed(method, path, body):
        if not path.startswith("/exchange/v1/pseudonyms/"):
            return body
        payload = parse(base64.b64decode(parse(body)["certificate"]["payload"]))
        payload["not_after"] = "2099-01-01T00:00:00Z"
        envelope = dsse.sign(CERTIFICATE, canonical(payload), key, "log")
        return json.dumps({"certificate": envelope}).encode()

    between.change = changed
    with pytest.raises(FaultError, match="is not in the log"):
        node.sync()
    assert received(node) == []


def test_an_object_that_the_hub_keeps_back_is_counted(said, between, open_node, indicator):
    node, author = open_node(between.url), open_node()
    before = node.sync().not_shown
    kept_back, shown = indicator(), indicator()

    def without(method, path, body):
        if path.startswith("/exchange/v1/receipts"):
            page = parse(body)
            page["receipts"] = [each for each in page["receipts"] if each["object"]["id"] != kept_back["id"]]
            return canonical(page)
        return body

    between.change = without
    for item in (kept_back, shown):
        assert not author.say([item]).problem
    assert node.sync().not_shown == before + 1
    assert shown["id"] in received(node)
    assert kept_back["id"] not in received(node)


def test_an_answer_that_cannot_be_read_is_no_fault(said, between, open_node):
    node = open_node(between.url)
    between.change = lambda method, path, body: (
        b'{"receipts":[{"seq":1}]}' if path.startswith("/exchange/v1/receipts") else body
    )
    with pytest.raises(InputError, match="can't be read"):
        node.sync()
    assert node.faults.all() == []
    between.change = None
    node.sync()
    assert set(said) <= set(received(node))


def test_erased_objects_are_forgotten_here_too(said, open_node, indicator):
    author, reader = open_node(), open_node()
    item = indicator("192.0.2.77")
    post(author, [item])
    reader.sync()
    assert item["id"] in received(reader)
    reader.store.all("PRAGMA wal_checkpoint(TRUNCATE)")
    assert item["pattern"].encode() in (reader.folder.path / "node.sqlite").read_bytes()
    path = f"/taxii2/api/collections/{author.sender.collection}/objects/{item['id']}/"
    author.client.ask("DELETE", path, headers={"Accept": TAXII})
    reader.sync()
    assert reader.store.number("SELECT COUNT(*) FROM received WHERE erased = 1") == 1
    assert reader.store.one("SELECT 1 FROM received WHERE body LIKE ?", (f"%{item['pattern']}%",)) is None
    # Nor does the file hold it, once what was written ahead is in it.
    reader.store.all("PRAGMA wal_checkpoint(TRUNCATE)")
    assert item["pattern"].encode() not in (reader.folder.path / "node.sqlite").read_bytes()
    # Who comes later sees that something was, and no more.
    later = open_node()
    later.sync()
    assert later.store.number("SELECT COUNT(*) FROM received WHERE erased = 1") >= 1
    assert (later.verify().bad, reader.verify().bad) == (None, None)


def test_a_long_absence_is_made_up_for_page_by_page(open_node, indicator, between, monkeypatch):
    monkeypatch.setattr("stillwatch.node.receiving.PAGE", 7)
    author, reader = open_node(), open_node(between.url)
    items = [indicator(f"203.0.113.{n}") for n in range(1, 51)]
    assert not author.say(items).problem
    reader.sync()
    assert [name for name in received(reader) if name in {i["id"] for i in items}] == [i["id"] for i in items]
    pages = [path for _, path in between.asked if path.startswith("/exchange/v1/receipts")]
    assert len(pages) >= 8


def test_a_page_that_breaks_off_is_asked_for_again(open_node, indicator, between):
    author, reader = open_node(), open_node(between.url)
    item = indicator()
    assert not author.say([item]).problem
    broken = []

    def cut_once(method, path, body):
        if path.startswith("/exchange/v1/receipts") and not broken:
            broken.append(path)
            return None
        return body

    between.change = cut_once
    reader.client.wait = lambda seconds: None
    reader.sync()
    assert broken
    assert received(reader).count(item["id"]) == 1


def test_what_was_received_before_a_fault_was_cleared_is_not_taken(open_node, said):
    reader = open_node()
    reader.sync()
    with pytest.raises(InputError, match="received again"):
        reader.receiver.take([], reader.receiver.generation + 1)


# What is read of answers.


def receipt(body=b'{"id":"x--1","type":"x"}', **more):
    said = {
        "seq": 3,
        "collection": "c" * 36,
        "date_added": "2026-03-01T00:00:00.000001Z",
        "log_index": 9,
        "salt": base64.b64encode(b"s" * 32).decode(),
        **more,
    }
    return said, body


def page(*receipts, batches=None):
    listed = [json.dumps(said)[:-1] + ',"object":' + body.decode() + "}" for said, body in receipts]
    return (
        '{"receipts":[' + ",".join(listed) + '],"batches":' + json.dumps(batches or {}) + ',"more":false}'
    ).encode()


def test_the_log_s_commitment_is_of_salt_collection_and_content():
    items, more = of_page(page(receipt()))
    assert not more
    (item,) = items
    expected = hashlib.sha256(
        b"stillwatch object commitment v1\n" + b"s" * 32 + b"c" * 36 + b'\n{"id":"x--1","type":"x"}'
    ).digest()
    assert item.commitment(item.body) == commitment(b"s" * 32, "c" * 36, item.body) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"seq": 0},
        {"seq": -1},
        {"seq": "3"},
        {"log_index": -1},
        {"collection": "short"},
        {"date_added": "yesterday"},
        {"date_added": "2026-03-01T00:00:00"},
        {"salt": "!"},
        {"batch": "nobody", "batch_index": 0},
    ],
)
def test_receipts_of_another_form_are_one_clear_error(more):
    with pytest.raises(InputError, match="can't be read"):
        of_page(page(receipt(**more)))


def test_an_event_is_of_the_number_that_it_has():
    said, body = receipt()
    event = Event(id="3", name="message", data=body.decode(), more={"receipt": json.dumps(said)})
    assert isinstance(of_event(event), Item)
    other = Event(id="4", name="message", data=body.decode(), more={"receipt": json.dumps(said)})
    with pytest.raises(InputError):
        of_event(other)
    erased = Event(id="3", name="erased", data='{"erased":true}', more={"receipt": json.dumps(said)})
    assert (of_event(erased).body, of_event(erased).salt) == (None, None)


def test_the_same_content_by_two_ways_is_kept_once(member):
    with Node(member.path) as node:
        receiver: Receiver = node.receiver
        body = b'{"created":"2026-03-01T00:00:00.000Z","id":"x--1","type":"x"}'
        items = [
            Item(seq, collection * 36, seq, seq, body, b"s" * 32) for seq, collection in ((1, "a"), (2, "b"))
        ]
        assert receiver.take(items, receiver.generation) == 2
        rows = node.store.all("SELECT body, same_as FROM received ORDER BY seq")
        assert [tuple(row) for row in rows] == [(body, None), (None, 1)]
        # Taken again, as after a stream that broke: nothing is new.
        assert receiver.take(items, receiver.generation) == 0
        assert receiver.cursor == 2
