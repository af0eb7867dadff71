"""What would leave, and the queue of what may."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from stillwatch.intelligence.checking import Checker
from stillwatch.intelligence.extension import published
from stillwatch.intelligence.rules import Rules
from stillwatch.node.publishing import (
    AUTHOR,
    Queue,
    explain,
    handling,
    moment_of,
    named,
    read_bundle,
    today,
    version_of,
    withdrawal,
)
from stillwatch.node.store import Store
from stillwatch.records.errors import InputError
from stillwatch.transparency.canonical import canonical, parse

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PSEUDONYM = "identity--11111111-1111-4111-8111-111111111111"


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "node.sqlite")
    yield made
    made.close()


@pytest.fixture
def queue(store):
    return Queue(store)


def bundle(*items):
    return {"type": "bundle", "id": "bundle--x", "objects": list(items)}


PRODUCER = {
    "type": "identity",
    "spec_version": "2.1",
    "id": "identity--33333333-3333-4333-8333-333333333333",
    "created": "2026-03-01T00:00:00.000Z",
    "modified": "2026-03-01T00:00:00.000Z",
    "name": "Anna's company",
}


def test_what_is_explained_is_what_the_rules_take(indicator):
    item = indicator(created_by_ref=PRODUCER["id"])
    said = explain(bundle(PRODUCER, item), Rules.default(), NOW, PSEUDONYM)
    assert said.refusals == []
    (prepared,) = said.objects
    assert prepared["created_by_ref"] == PSEUDONYM
    assert not isinstance(Checker(Rules.default()).check(canonical(prepared)), list)
    # Nothing changes that is not told.
    told = [(change.object_id, change.field, change.before, change.after) for change in said.changes]
    assert told == [
        (item["id"], "created_by_ref", PRODUCER["id"], PSEUDONYM),
        (PRODUCER["id"], "", "identity", None),
    ]


def test_before_the_hub_was_asked_a_name_stands_for_the_pseudonym(indicator):
    said = explain(bundle(PRODUCER, indicator(created_by_ref=PRODUCER["id"])), Rules.default(), NOW)
    assert said.pseudonym is None
    assert said.objects[0]["created_by_ref"] == AUTHOR


def test_the_newest_pseudonym_stands_for_those_before(indicator):
    old = "identity--22222222-2222-4222-8222-222222222222"
    item = indicator(created_by_ref=old)
    said = explain(bundle(item), Rules.default(), NOW, PSEUDONYM, own={old})
    assert (said.refusals, said.objects[0]["created_by_ref"]) == ([], PSEUDONYM)


def test_who_is_not_in_the_bundle_is_not_named_to_the_hub(indicator):
    """The id of an organization's identity tells who it is to everybody who ever got an object from it."""
    stranger = "identity--22222222-2222-4222-8222-222222222222"
    sighting = {
        "type": "sighting",
        "spec_version": "2.1",
        "id": "sighting--22222222-2222-4222-8222-222222222222",
        "created": "2026-03-01T00:00:00.000Z",
        "modified": "2026-03-01T00:00:00.000Z",
        "sighting_of_ref": indicator()["id"],
        "where_sighted_refs": [stranger],
    }
    said = explain(bundle(indicator(created_by_ref=stranger), sighting), Rules.default(), NOW, PSEUDONYM)
    assert [refusal.field for refusal in said.refusals][-1] == "where_sighted_refs"
    assert {refusal.field for refusal in said.refusals} == {"created_by_ref", "where_sighted_refs"}


def test_objects_that_are_the_same_for_everybody_keep_their_author():
    said = explain(bundle(*published()), Rules.default(), NOW, PSEUDONYM)
    assert said.refusals == []
    assert {item["id"] for item in published() if item["type"] != "identity"} <= {
        item["id"] for item in said.objects
    }


def test_every_refusal_names_object_field_rule_and_what_to_do(indicator):
    wrong, right = indicator(name="Acme Corp stole our weights", x_price="12"), indicator()
    said = explain(bundle(wrong, right), Rules.default(), NOW)
    assert {refusal.object_id for refusal in said.refusals} == {wrong["id"]}
    assert {refusal.field for refusal in said.refusals} >= {"name", "x_price"}
    assert all(refusal.rule and refusal.mend for refusal in said.refusals)
    document = said.document()
    assert json.loads(json.dumps(document)) == document
    assert document["rules"] == {"version": Rules.default().version, "sha256": Rules.default().digest}


def test_what_stays_here_is_told_too(indicator):
    said = explain(bundle(PRODUCER, indicator()), Rules.default(), NOW)
    assert [item["type"] for item in said.objects] == ["indicator"]
    assert [(c.object_id, c.before, c.after) for c in said.changes if not c.field] == [
        (PRODUCER["id"], "identity", None)
    ]


def test_text_that_is_no_unicode_is_refused_and_not_a_crash(indicator):
    said = explain(bundle(indicator(name="\ud800")), Rules.default(), NOW)
    assert said.refusals


def test_what_is_over_is_told_of_what_may_leave(indicator):
    ended = indicator(valid_until="2026-03-02T00:00:00.000Z")
    odd = indicator(valid_until="in spring"), indicator(valid_until=7) | {"id": "indicator--" + "x" * 90}
    said = explain(bundle(ended, indicator(), *odd), Rules.default(), NOW)
    assert said.over == [ended["id"]]
    assert len({refusal.object_id for refusal in said.refusals}) == 2


def test_a_bundle_s_file_is_read(tmp_path, indicator):
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(bundle(indicator())))
    assert read_bundle(path)["type"] == "bundle"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"type":"indicator"}', '{"type":"bundle","type":"bundle"}', "\xff"]
)
def test_what_is_no_bundle_is_told_with_its_file(tmp_path, text):
    path = tmp_path / "bundle.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read_bundle(path)
    assert str(path) in str(caught.value)


def test_a_bundle_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "bundle.json"
    with path.open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(InputError, match="several bundles"):
        read_bundle(path)


# The queue.


def rows(store):
    return [tuple(row) for row in store.all("SELECT stix_id, state FROM outbox ORDER BY number")]


def test_what_is_queued_is_there_in_another_process(queue, store, tmp_path, indicator):
    items = [indicator(f"203.0.113.{n}") for n in range(5)]
    numbers = queue.add(items)
    assert numbers == sorted(set(numbers))
    other = Store(tmp_path / "node.sqlite")
    assert rows(other) == [(item["id"], "queued") for item in items]
    assert Queue(other).waiting() == 5
    other.close()


def test_the_same_again_keeps_its_place(queue, store, indicator):
    items = [indicator(), indicator("203.0.113.8")]
    numbers = queue.add(items)
    assert queue.add(list(reversed(items))) == list(reversed(numbers))
    assert len(rows(store)) == 2
    # Another version is another thing to send.
    newer = items[0] | {"modified": "2026-03-02T00:00:00.000Z"}
    assert queue.add([newer]) != [numbers[0]]
    left(store)
    assert queue.newest(items[0]["id"]) == newer


def test_other_content_under_the_same_version_is_refused_whole(queue, store, indicator):
    item, good = indicator(), indicator("203.0.113.8")
    queue.add([item])
    with pytest.raises(InputError, match="later `modified`") as caught:
        queue.add([good, item | {"pattern": "[ipv4-addr:value = '203.0.113.9']"}])
    assert item["id"] in str(caught.value)
    # All or none.
    assert rows(store) == [(item["id"], "queued")]


def test_what_the_hub_refused_may_be_mended_and_is_tried_again(queue, store, indicator):
    item = indicator()
    (number,) = queue.add([item])
    store.run("UPDATE outbox SET state = 'refused', reason = 'no' WHERE number = ?", (number,))
    assert queue.refused() == [{"id": item["id"], "reason": "no"}]
    with pytest.raises(InputError, match="not published from here"):
        queue.newest(item["id"])
    mended = item | {"pattern": "[ipv4-addr:value = '203.0.113.9']"}
    assert queue.add([mended]) == [number]
    assert queue.states([number]) == [{"id": item["id"], "state": "queued", "reason": None, "seq": None}]
    with pytest.raises(InputError, match="not published from here"):
        queue.newest(item["id"])
    left(store)
    assert queue.newest(item["id"]) == mended
    assert queue.states([999]) == []


def test_an_embargo_is_kept(queue, indicator):
    queue.add([indicator()], not_before=1_000)
    queue.add([indicator("203.0.113.8")])
    assert (queue.waiting(), queue.due(999), queue.due(1_000)) == (2, 1, 2)


def left(store):
    """As when all that was queued was sent."""
    store.run("UPDATE outbox SET state = 'sent' WHERE state = 'queued'")


def test_what_is_cancelled_before_it_left_never_leaves(queue, store, indicator):
    item, other = indicator(), indicator("203.0.113.8")
    queue.add([item, other], not_before=10**18)
    assert queue.cancel(item["id"])
    assert [row[0] for row in rows(store)] == [other["id"]]
    assert not queue.cancel(item["id"])
    # Of what has left only what has not is taken back.
    left(store)
    queue.add([other | {"modified": "2026-03-02T00:00:00.000Z"}], not_before=10**18)
    assert not queue.cancel(other["id"])
    assert rows(store) == [(other["id"], "sent")]
    assert queue.newest(other["id"]) == other


def test_a_withdrawal_is_a_later_version_of_what_was_said(queue, store, indicator):
    item = indicator(created_by_ref=AUTHOR)
    queue.add([item])
    left(store)
    made = withdrawal(queue, item["id"], NOW)
    assert made["revoked"] is True
    assert version_of(made) > version_of(item)
    assert not isinstance(
        Checker(Rules.default()).check(canonical(parse(named(canonical(made), PSEUDONYM)))), list
    )
    queue.add([made])
    left(store)
    with pytest.raises(InputError, match="withdrawn already"):
        withdrawal(queue, item["id"], NOW)
    with pytest.raises(InputError, match="not published from here"):
        withdrawal(queue, "indicator--44444444-4444-4444-8444-444444444444", NOW)


# What it goes out as.


def test_the_pseudonym_takes_the_author_s_place_and_nothing_else():
    item = {"created_by_ref": AUTHOR, "where_sighted_refs": [AUTHOR, "x"], "name": AUTHOR}
    assert parse(named(canonical(item), PSEUDONYM)) == {
        "created_by_ref": PSEUDONYM,
        "where_sighted_refs": [PSEUDONYM, "x"],
        "name": AUTHOR,
    }
    assert parse(named(canonical({"id": "x"}), PSEUDONYM)) == {"id": "x"}


def test_a_version_is_when_it_was_modified():
    assert version_of({"created": "1970-01-01T00:00:01Z"}) == 1_000_000
    assert version_of({"created": "1970-01-01T00:00:01Z", "modified": "1970-01-01T00:00:02.5Z"}) == 2_500_000
    assert version_of({}) == 0
    assert moment_of(2_500_000) == datetime(1970, 1, 1, 0, 0, 2, 500_000, UTC)


def test_what_is_said_today_is_said_under_the_pseudonym():
    assert abs(today() - datetime.now(UTC)) < timedelta(seconds=5)
    assert handling(NOW).author == AUTHOR


def test_what_was_erased_when_its_end_had_come_is_not_told(queue, store, indicator):
    """Every end has its erasure; what came before it is for a person to look at."""
    ended = indicator(valid_until="2026-03-02T00:00:00.000Z")
    early, endless = indicator(valid_until="2126-03-02T00:00:00.000Z"), indicator()
    # The end may stand in a later version than the one that was erased.
    brought_forward = indicator()
    later = brought_forward | {
        "modified": "2026-03-02T00:00:00.000Z",
        "valid_until": "2026-03-03T00:00:00.000Z",
    }
    queue.add([ended, early, endless, brought_forward, later, indicator()])
    left(store)
    for item in (ended, early, endless, brought_forward):
        store.run(
            "UPDATE outbox SET state = 'erased' WHERE stix_id = ? AND version = ?",
            (item["id"], version_of(item)),
        )
    assert queue.erased() == [early["id"], endless["id"]]
