"""What a hub gives is held against what authors signed and the log has; what comes is here once."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid

import pytest

from stillwatch.hub.exchange import Exchange
from stillwatch.hub.limits import CACHED_SECONDS
from stillwatch.node.client import TAXII
from stillwatch.node.faults import ALTERED, SIGNATURE
from stillwatch.node.publishing import AUTHOR
from stillwatch.node.receiving import catch_up, commitment, of_event, of_page
from stillwatch.node.sse import Event, Reader
from stillwatch.records.errors import InputError


@pytest.fixture
def author(joined, indicator):
    """A member that published three objects in one batch; its node."""
    node = joined()
    node.say([indicator() for _ in range(3)])
    return node


def last(page):
    """The newest signed indicator of a page."""
    return next(
        one
        for one in reversed(page["receipts"])
        if one["batch"] and one["object"] and one["object"]["type"] == "indicator"
    )


def alter_object(page):
    last(page)["object"]["pattern"] = "[ipv4-addr:value = '203.0.113.8']"


def alter_unsigned_object(page):
    one = last(page)
    one["batch"] = one["batch_index"] = None
    one["object"]["labels"] = ["another"]


def drop_field(page):
    del last(page)["object"]["labels"]


def alter_salt(page):
    last(page)["salt"] = base64.b64encode(bytes(32)).decode()


def drop_salt(page):
    last(page)["salt"] = None


def alter_collection(page):
    last(page)["collection"] = "00000000-0000-4000-8000-000000000000"


def alter_place_in_log(page):
    last(page)["log_index"] -= 1


def alter_number(page):
    page["receipts"][-1]["seq"] += 1


def swap(page):
    one, other = page["receipts"][-2:]
    one["object"], other["object"] = other["object"], one["object"]


def out_of_order(page):
    page["receipts"].reverse()


def twice(page):
    page["receipts"].append(page["receipts"][-1])


def pretend_erased(page):
    last(page).update(object=None, salt=None)


def alter_place_in_batch(page):
    last(page)["batch_index"] -= 1


def alter_proof(page):
    batch = page["batches"][last(page)["batch"]]
    leaves = bytearray(base64.b64decode(batch["leaves"]))
    leaves[0] ^= 1
    batch["leaves"] = base64.b64encode(leaves).decode()


def alter_signature(page):
    (signature,) = page["batches"][last(page)["batch"]]["envelope"]["signatures"]
    signature["sig"] = base64.b64encode(bytes(64)).decode()


def alter_payload(page):
    envelope = page["batches"][last(page)["batch"]]["envelope"]
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload["count"] += 1
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    envelope["payload"] = base64.b64encode(text.encode()).decode()


def other_batch(page):
    """Somebody else's batch, with its right signature."""
    first = next(one for one in page["receipts"] if one["batch"] != last(page)["batch"] and one["batch"])
    last(page)["batch"] = first["batch"]


ALTERATIONS = {
    alter_object: (ALTERED, "is not what its author signed"),
    alter_unsigned_object: (ALTERED, "is not the one that was logged"),
    drop_field: (ALTERED, "is not what its author signed"),
    alter_salt: (ALTERED, "is not the one that was logged"),
    drop_salt: (ALTERED, "is not the one that was logged"),
    alter_collection: (ALTERED, "was signed for another collection"),
    alter_place_in_log: (ALTERED, "of the log, as the hub says"),
    alter_number: (ALTERED, "of the log, as the hub says"),
    swap: (ALTERED, "is not what its author signed"),
    out_of_order: (ALTERED, "out of order"),
    twice: (ALTERED, "out of order"),
    pretend_erased: (ALTERED, "the log has no erasure of it"),
    alter_place_in_batch: (ALTERED, "is not what its author signed"),
    alter_proof: (ALTERED, "is not what its author signed"),
    alter_signature: (SIGNATURE, "signature does not hold"),
    alter_payload: (SIGNATURE, "signature does not hold"),
    other_batch: (ALTERED, "is signed by another pseudonym than its author's"),
}


@pytest.mark.parametrize("how", ALTERATIONS, ids=lambda how: how.__name__)
def test_what_is_altered_is_refused_and_arrives_once_it_is_right(
    how, between, victim, author, joined, indicator, refused, complete
):
    joined().say([indicator()])
    author.say([indicator(created_by_ref=AUTHOR) for _ in range(2)])
    between.change_receipts(how)
    evidence = refused(victim, *ALTERATIONS[how])
    # Evidence that others can check: numbers for a wrong order, else what was given and what shows that it is wrong.
    assert evidence.keys() & {"seqs", "object", "envelope"}
    assert victim.receiver.cursor == 0
    between.honest()
    complete(victim)


def test_a_certificate_of_another_key(between, victim, author, joined, refused, complete):
    """By the log's own key, for the pseudonym that was asked for: but not the one in the log, under which nobody signed."""
    stranger = joined()
    stranger.sync()
    theirs = stranger.client.json(
        "GET", f"/exchange/v1/pseudonyms/{stranger.pseudonyms.latest_own().id}", dict
    )
    between.change_json(f"/pseudonyms/{author.pseudonyms.latest_own().id}", lambda said: said.update(theirs))
    assert (
        refused(victim, SIGNATURE, "a certificate of another pseudonym")["certificate"]
        == theirs["certificate"]
    )
    between.honest()
    complete(victim)


def test_a_certificate_that_the_log_key_did_not_sign(between, victim, author, refused, complete):
    def break_it(said):
        said["certificate"]["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()

    between.change_json("/exchange/v1/pseudonyms/identity", break_it)
    evidence = refused(victim, SIGNATURE, "a certificate does not hold")
    assert evidence["said"]["certificate"]["payloadType"].endswith("pseudonym+json")
    between.honest()
    complete(victim)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"receipts":1}', b"\xff", b'{"receipts":[{}],"batches":{},"more":false}']
)
def test_answers_that_are_none_are_told_and_are_no_fault(raw, between, victim, author, complete):
    between.change("/receipts", lambda path, given: raw)
    with pytest.raises(InputError, match="can't be read"):
        victim.sync()
    assert victim.faults.all() == []
    between.honest()
    complete(victim)


def test_what_is_withheld_shows(between, victim, author):
    """A node can't tell what it may not read from what is kept from it: it tells how many there are."""
    between.change_receipts(lambda page: page["receipts"].pop(-2))
    assert victim.sync().not_shown == 1
    assert victim.verify(ask=False).bad is None


def test_a_node_that_was_away_for_long_catches_up_page_by_page(between, victim, author, indicator, complete):
    victim.sync()
    for _ in range(3):
        author.say([indicator() for _ in range(10)])
    between.asked.clear()
    between.page = 7
    assert victim.sync().received == 30
    assert sum("/receipts" in path for path in between.asked) == 5
    complete(victim)


def test_json_that_was_written_anew_on_the_way_is_the_same(between, victim, author, complete):
    between.change("/receipts", lambda path, raw: json.dumps(json.loads(raw), indent=1).encode())
    complete(victim)


def test_items_that_come_again_are_not_new(victim, author):
    victim.sync()
    raw = victim.client.ask("GET", "/exchange/v1/receipts", after=0, limit=1000).content
    items, more = of_page(raw)
    assert not more
    count = victim.store.number("SELECT COUNT(*) FROM received")
    assert victim.receiver.take(items, victim.receiver.generation) == 0
    assert victim.store.number("SELECT COUNT(*) FROM received") == count
    assert victim.receiver.cursor == items[-1].seq
    assert catch_up(victim.client, victim.receiver) == 0


def test_what_was_asked_for_before_a_fault_is_not_taken_after_it(victim, author, refused, between):
    raw = victim.client.ask("GET", "/exchange/v1/receipts", after=0, limit=1000).content
    generation = victim.receiver.generation
    between.change_receipts(alter_salt)
    refused(victim, ALTERED)
    with pytest.raises(InputError, match="received again"):
        victim.receiver.take(of_page(raw)[0], generation)
    assert victim.receiver.cursor == 0


def test_the_same_by_the_stream_and_by_receipts_is_the_same_item(victim, author):
    author.sync()
    after = author.receiver.cursor - 1
    (given,), _ = of_page(victim.client.ask("GET", "/exchange/v1/receipts", after=after, limit=1).content)
    reader = Reader()
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(given.seq - 1)}
    with victim.client.stream("/stream", headers, receipts=1) as pieces:
        for piece in pieces:
            streamed = [of_event(event) for event in reader.feed(piece) if "receipt" in event.more]
            if streamed:
                break
    assert (streamed[0].body, streamed[0].salt, streamed[0].proof) == (given.body, given.salt, given.proof)
    assert streamed[0].commitment(streamed[0].body) == given.commitment(given.body)


@pytest.mark.parametrize(
    "event",
    [
        Event("1", "message", "{}", {"receipt": "{"}),
        Event("1", "message", "{}", {"receipt": "{}"}),
        Event("1", "message", "{}", {}),
        Event(
            "1",
            "message",
            "{}",
            {"receipt": '{"seq":2,"collection":"' + "c" * 36 + '","date_added":"","log_index":1}'},
        ),
    ],
)
def test_events_that_are_none_are_told(event):
    with pytest.raises(InputError, match="can't be read"):
        of_event(event)


KILLED = """
import sys
from pathlib import Path
from stillwatch.node.node import Node
with Node(Path(sys.argv[1])) as node:
    node.sync()
"""


def test_a_node_that_is_killed_while_it_reads_goes_on_where_it_was(
    between, victim, author, indicator, complete
):
    victim.sync()
    author.say([indicator() for _ in range(20)])
    before = victim.receiver.cursor
    between.page = 5
    for pages in (1, 2):
        start = len(between.asked)
        between.hold = lambda path, start=start, pages=pages: (
            "/receipts" in path and sum("/receipts" in one for one in between.asked[start:]) > pages
        )
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(victim.folder.path)])
        until = time.monotonic() + 30
        while sum("/receipts" in one for one in between.asked[start:]) <= pages:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        before += 5 * pages
        assert victim.receiver.cursor == before
    between.hold = None
    assert victim.sync().received == 5
    complete(victim)


def erase(node, collection, stix_id):
    node.client.ask(
        "DELETE", f"/taxii2/api/collections/{collection}/objects/{stix_id}/", headers={"Accept": TAXII}
    )


def copies(node, stix_id):
    rows = node.store.all(
        "SELECT seq, body IS NOT NULL AS whole, same_as, erased FROM received WHERE stix_id = ? ORDER BY seq",
        (stix_id,),
    )
    return [tuple(row) for row in rows]


def test_the_same_object_by_two_collections_is_kept_once(forum, author, joined, indicator, complete):
    with Exchange.open(forum.folder) as hub:
        extra = [hub.add_collection(f"another {uuid.uuid4()}") for _ in range(2)]
    # A hub that runs knows of it a little later.
    time.sleep(CACHED_SECONDS * 2)
    item = indicator()
    author.say([item])
    body = author.store.one("SELECT body FROM outbox WHERE stix_id = ?", (item["id"],))[0]
    headers = {"Accept": TAXII, "Content-Type": TAXII}

    def post(collection):
        raw = b'{"objects":[%b]}' % body
        path = f"/taxii2/api/collections/{collection}/objects/"
        assert author.client.ask("POST", path, raw=raw, headers=headers).json()["success_count"] == 1

    post(extra[0])
    reader = joined()
    reader.sync()
    (first, *one), (second, *other) = copies(reader, item["id"])
    assert (one, other) == ([1, None, 0], [0, first, 0])
    complete(reader)
    # Without the first copy the second one stands for itself, and a third one for the second.
    erase(author, author.folder.trust.collection, item["id"])
    post(extra[1])
    reader.sync()
    third = copies(reader, item["id"])[2][0]
    assert copies(reader, item["id"]) == [(first, 0, None, 1), (second, 1, None, 0), (third, 0, second, 0)]
    complete(reader)
    for collection in extra:
        erase(author, collection, item["id"])
        complete(reader)
    assert [row[1:] for row in copies(reader, item["id"])] == [(0, None, 1)] * 3
    assert body not in (reader.folder.path / "node.sqlite").read_bytes()


def test_commitments_are_as_they_are_published():
    salt, collection, body = os.urandom(32), "c" * 36, b'{"a":1}'
    whole = b"stillwatch object commitment v1\n" + salt + collection.encode() + b"\n" + body
    assert commitment(salt, collection, body) == hashlib.sha256(whole).digest()
