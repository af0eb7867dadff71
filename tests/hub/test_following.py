import base64
import json

import msgspec
import pytest

from stillwatch.hub import log as logs
from stillwatch.hub.limits import MAX_EVENTS_BYTES, MAX_PAGE_BYTES
from stillwatch.hub.model import Query
from stillwatch.transparency import batches, merkle, tiles


def test_a_receipt_proves_its_object(hub, anna, bert, parts):
    pseudonym = anna.pseudonym()
    items = [parts.indicator(created_by_ref=pseudonym) for _ in range(5)]
    anna.post_signed(*items)
    bert.post(parts.indicator())
    told = json.loads(msgspec.json.encode(hub.receipts(bert.member, 0, 10)))
    assert told["more"] is False
    assert [one["seq"] for one in told["receipts"]] == [1, 2, 3, 4, 5, 6]
    assert told["receipts"][5]["batch"] is None
    entries = tiles.unbundle(hub.entries(0, 8))
    key = anna.key.public_key()
    for place, one in enumerate(told["receipts"][:5]):
        assert one["object"] == items[place]
        body = parts.canonical(one["object"])
        committed = logs.commitment(base64.b64decode(one["salt"]), one["collection"], body)
        assert entries[one["log_index"]] == logs.object_entry(committed, one["seq"])
        batch = told["batches"][one["batch"]]
        signed = batches.opened(batch["envelope"], key)
        leaves = base64.b64decode(batch["leaves"])
        assert merkle.root([leaves[at : at + 32] for at in range(0, len(leaves), 32)]) == signed.root


def test_an_event_proves_its_object_by_itself(hub, anna, bert, parts):
    pseudonym = anna.pseudonym()
    items = [parts.indicator(created_by_ref=pseudonym) for _ in range(3)]
    anna.post_signed(*items)
    bert.post(parts.indicator())
    events = hub.events(bert.member, 0, 10).events
    for event, item in zip(events[:3], items, strict=True):
        said = json.loads(event.receipt)
        assert json.loads(event.body) == item
        assert "object" not in said
        signed = batches.opened(said["envelope"], anna.key.public_key())
        path = [base64.b64decode(step) for step in said["proof"]]
        assert batches.is_signed(signed, event.body, said["batch_index"], path)
    unsigned = json.loads(events[3].receipt)
    assert unsigned["batch"] is None
    assert not unsigned.keys() & {"proof", "envelope"}


def test_pages_of_receipts_and_events(hub, anna, parts):
    anna.post(*(parts.indicator() for _ in range(5)))
    first = hub.receipts(anna.member, 0, 3)
    rest = hub.receipts(anna.member, 3, 3)
    assert (first["more"], rest["more"]) == (True, False)
    assert [one["seq"] for one in first["receipts"] + rest["receipts"]] == [1, 2, 3, 4, 5]
    assert [event.seq for event in hub.events(anna.member, 2, 2).events] == [3, 4]
    assert hub.events(anna.member, 2**80, 2).events == []
    assert hub.receipts(anna.member, 5, 3) == {"receipts": [], "batches": {}, "more": False}


def test_pages_of_large_objects_are_bounded_in_bytes(hub, anna, parts):
    large = [parts.large(anna.pseudonym()) for _ in range(17)]
    anna.post(*large)
    page = hub.receipts(anna.member, 0, 1000)
    assert page["more"] is True
    assert MAX_PAGE_BYTES // 2 < sum(len(bytes(one["object"])) for one in page["receipts"]) <= MAX_PAGE_BYTES
    events, more = hub.events(anna.member, 0, 500)
    assert more
    assert MAX_EVENTS_BYTES // 2 < sum(len(event.body) for event in events) <= MAX_EVENTS_BYTES
    assert everything(hub, anna) == [list(range(1, 18))] * 2


def everything(hub, provider):
    """`seq` of all receipts, and of all events, page by page."""
    seqs, after, more = [], 0, True
    while more:
        page = hub.receipts(provider.member, after, 1000)
        assert page["receipts"]
        seqs += [one["seq"] for one in page["receipts"]]
        after, more = seqs[-1], page["more"]
    heard, after, more = [], 0, True
    while more:
        events, more = hub.events(provider.member, after, 500)
        assert events
        heard += [event.seq for event in events]
        after = heard[-1]
    return [seqs, heard]


@pytest.mark.parametrize("most", [1, 900, 2000])
def test_pages_of_any_bytes_give_everything_once(hub, anna, parts, monkeypatch, most):
    for name in ("MAX_PAGE_BYTES", "MAX_EVENTS_BYTES"):
        monkeypatch.setattr(f"stillwatch.hub.following.{name}", most)
    pseudonym = anna.pseudonym()
    for number in (1, 3, 2):
        anna.post_signed(*(parts.indicator(created_by_ref=pseudonym) for _ in range(number)))
    assert everything(hub, anna) == [[1, 2, 3, 4, 5, 6]] * 2


def test_batches_count_in_a_page_of_receipts(hub, anna, parts, monkeypatch):
    """One object of many batches costs a page as much as many objects of one."""
    pseudonym = anna.pseudonym()
    for _ in range(6):
        anna.post_signed(parts.indicator(created_by_ref=pseudonym))
    one = hub.receipts(anna.member, 0, 1)
    ((batch,),) = [one["batches"].values()]
    size = len(bytes(batch["envelope"])) + 32
    monkeypatch.setattr("stillwatch.hub.following.MAX_PAGE_BYTES", 3 * size)
    page = hub.receipts(anna.member, 0, 1000)
    assert page["more"]
    assert len(page["receipts"]) == len(page["batches"]) <= 3
    assert everything(hub, anna) == [[1, 2, 3, 4, 5, 6]] * 2


def test_what_was_erased_says_so(hub, anna, bert, parts):
    pseudonym = anna.pseudonym()
    item, other = parts.indicator(created_by_ref=pseudonym), parts.indicator()
    anna.post_signed(item)
    anna.post(other)
    hub.events(bert.member, 0, 10)
    hub.delete(anna.member, anna.collection, item["id"], parts.Query())
    gone, left = hub.events(bert.member, 0, 10).events
    assert gone.body is None
    said = json.loads(gone.receipt)
    assert (said["salt"], said["batch"]) == (None, None)
    assert json.loads(left.body) == other
    receipt = hub.receipts(bert.member, 0, 1)["receipts"][0]
    assert (receipt["object"], receipt["salt"]) == (None, None)


def test_who_posted_is_told_where_it_stands(hub, anna, parts):
    pseudonym = anna.pseudonym()
    items = [parts.indicator(created_by_ref=pseudonym) for _ in range(3)]
    anna.post(parts.indicator())
    status = anna.post_signed(*items)
    placed = hub.placed(anna.member, anna.collection, status)
    assert [(one["id"], one["seq"]) for one in placed] == [
        (item["id"], 2 + n) for n, item in enumerate(items)
    ]
    entries = tiles.unbundle(hub.entries(0, hub.stats().log_size))
    for one, item in zip(placed, items, strict=True):
        salt = base64.b64decode(one["salt"])
        committed = logs.commitment(salt, anna.collection, parts.canonical(item))
        assert entries[one["log_index"]] == logs.object_entry(committed, one["seq"])
    # The same is told of what was there already, and of what is erased as far as it can be.
    assert hub.placed(anna.member, anna.collection, anna.post_signed(*items)) == placed
    hub.delete(anna.member, anna.collection, items[0]["id"], Query())
    assert hub.placed(anna.member, anna.collection, status)[0] == placed[0] | {"salt": None}
