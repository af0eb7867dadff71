"""What is written for scans, guards and other tools: whole, once, and no longer than it lives."""

import base64
import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from stix2 import parse as parse_stix

from stillwatch.hub.exchange import Exchange
from stillwatch.hub.limits import CACHED_SECONDS
from stillwatch.intelligence import objects
from stillwatch.node import exports
from stillwatch.node.client import TAXII
from stillwatch.node.exports import (
    CANDIDATES,
    CURSOR,
    LEADS,
    LONGEST_US,
    MOST_OBJECTS,
    SIGNATURE_US,
    SIGNATURES,
)
from stillwatch.node.publishing import handling, today, withdrawal
from stillwatch.records.errors import InputError
from stillwatch.records.signatures import Signature, read_signatures
from stillwatch.transparency.follower import FORK, LogFaultError

ADDRESS = "[ipv4-addr:value = '203.0.113.9']"
NETWORKS = "[ipv4-addr:value IN ('198.51.100.0/24', '198.51.100.7')]"


def template(**more):
    signature = Signature(1, "input", "16-31", os.urandom(64))
    return objects.template_indicator(str(signature), 40, handling(today()), **more)


def lines(out, name):
    return [json.loads(line) for line in (out / name).read_text().splitlines()]


def named(out, name, ids):
    return [line for line in lines(out, name) if line.get("id", line.get("evidence")) in ids]


def files(out):
    return {path.name: path.read_bytes() for path in out.iterdir()}


def bundled(out):
    """Ids of all bundles, in the order of their numbers."""
    paths = sorted(out.glob("bundle-*.json"), key=lambda path: int(path.name.split("-")[1]))
    return [item["id"] for path in paths for item in json.loads(path.read_bytes())["objects"]]


def later(node, ids, sql):
    """As if time had passed: what is kept says so."""
    with node.store.writing():
        for each in ids:
            assert node.store.run(f"UPDATE received SET {sql} WHERE stix_id = ?", (each,)) == 1


@pytest.fixture
def author(joined):
    return joined()


@pytest.fixture
def reader(joined):
    return joined()


def test_signatures_are_what_a_scan_reads(author, reader, tmp_path):
    until = today() + timedelta(days=20)
    items = [template(), template(valid_until=until)]
    assert not author.say(items).explained.refusals
    reader.sync()
    reader.exports.write(tmp_path)
    found = {one.id: one for one in read_signatures(str(tmp_path / SIGNATURES)).signatures}
    for item in items:
        one = found[item["id"]]
        assert str(one.signature) == item["pattern"]
        assert not one.several
    assert (
        found[items[0]["id"]].valid_until
        > found[items[1]["id"]].valid_until
        > until.timestamp() * 1e6 - 86_400e6
    )
    (line,) = named(tmp_path, SIGNATURES, {items[0]["id"]})
    assert base64.b64decode(line["key"]) == reader.forum.epochs()[0].template_key
    assert read_signatures(str(tmp_path / SIGNATURES)).rejected == {}


def test_what_is_one_members_own_is_not_written_for_it(author, tmp_path):
    item = template()
    author.say([item])
    author.sync()
    author.exports.write(tmp_path)
    assert item["id"] not in (tmp_path / SIGNATURES).read_text()
    assert item["id"] not in bundled(tmp_path)


def test_the_same_state_gives_the_same_files(author, reader, indicator, tmp_path):
    author.say([template(), indicator(), indicator(pattern="[domain-name:value = 'cdn.example']")])
    reader.sync()
    made = reader.exports.write(tmp_path / "one")
    assert len(made) == 1
    assert reader.exports.write(tmp_path / "one") == []
    assert reader.exports.write(tmp_path / "other") == made
    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_bundles_have_no_gap_and_no_repeat(author, reader, indicator, tmp_path):
    said = []
    for _ in range(3):
        items = [indicator() for _ in range(4)]
        said += [item["id"] for item in items]
        author.say(items)
        reader.sync()
        assert len(reader.exports.write(tmp_path)) == 1
    assert [each for each in bundled(tmp_path) if each in said] == said
    assert len(set(bundled(tmp_path))) == len(bundled(tmp_path))
    for path in tmp_path.glob("bundle-*.json"):
        assert parse_stix(path.read_text(), allow_custom=True)["type"] == "bundle"
    assert json.loads((tmp_path / CURSOR).read_text())["seq"] == reader.receiver.cursor
    assert MOST_OBJECTS >= 1000


def test_a_write_that_was_cut_short_is_made_again_as_it_was(author, reader, indicator, tmp_path):
    author.say([indicator()])
    reader.sync()
    reader.exports.write(tmp_path)
    before = files(tmp_path)
    # The bundle was there, and what says so was not.
    (tmp_path / CURSOR).unlink()
    assert len(reader.exports.write(tmp_path)) == 1
    assert files(tmp_path) == before


def test_what_was_not_settled_stays_out(author, reader, indicator, tmp_path):
    item, signed = indicator(), template()
    author.say([item, signed])
    reader.sync()
    later(reader, [item["id"], signed["id"]], "settled = 0")
    reader.exports.write(tmp_path)
    assert not {item["id"], signed["id"]} & set(bundled(tmp_path))
    assert signed["id"] not in (tmp_path / SIGNATURES).read_text()
    assert item["id"] not in (tmp_path / LEADS).read_text()


def test_what_expires_leaves(author, reader, indicator, tmp_path):
    items = [template(), indicator()]
    ids = [item["id"] for item in items]
    author.say(items)
    reader.sync()
    reader.exports.write(tmp_path)
    assert len(named(tmp_path, LEADS, ids)) == 2
    assert len(named(tmp_path, SIGNATURES, ids)) == 1
    later(reader, ids, "valid_until = 1")
    reader.exports.write(tmp_path)
    assert (
        not named(tmp_path, LEADS, ids) + named(tmp_path, SIGNATURES, ids) + named(tmp_path, CANDIDATES, ids)
    )


def test_candidates_leave_after_thirty_days_at_the_latest(author, reader, tmp_path):
    items = [template(), template(valid_until=today() + timedelta(days=10))]
    ids = [item["id"] for item in items]
    author.say(items)
    reader.sync()
    reader.exports.write(tmp_path)
    first, second = named(tmp_path, CANDIDATES, ids)
    now = datetime.now(UTC)
    assert timedelta(days=29) < datetime.fromisoformat(first["expires_at"]) - now <= timedelta(days=30)
    assert timedelta(days=9) <= datetime.fromisoformat(second["expires_at"]) - now <= timedelta(days=11)
    assert (first["scope"], first["action"], first["reason"]) == ("signature", "observe", "shared_signature")
    later(reader, ids[:1], f"date_added = date_added - {LONGEST_US}")
    reader.exports.write(tmp_path)
    assert [line["evidence"] for line in named(tmp_path, CANDIDATES, ids)] == ids[1:]
    # It is no reason for a guard any more, and still something to look for.
    assert len(named(tmp_path, SIGNATURES, ids)) == 2


def test_revoked_and_erased_ones_leave(author, reader, indicator, tmp_path):
    items = [template(), template(), indicator()]
    ids = [item["id"] for item in items]
    author.say(items)
    reader.sync()
    reader.exports.write(tmp_path)
    assert len(named(tmp_path, SIGNATURES, ids)) == 2
    assert not author.say([withdrawal(author.queue, ids[0], today())]).explained.refusals
    path = f"/taxii2/api/collections/{author.folder.trust.collection}/objects/{ids[1]}/"
    author.client.ask("DELETE", path, headers={"Accept": TAXII})
    reader.sync()
    reader.exports.write(tmp_path)
    assert named(tmp_path, SIGNATURES, ids) == []
    assert [line["id"] for line in named(tmp_path, LEADS, ids)] == ids[2:]


def test_an_object_of_two_collections_stays_when_its_first_copy_is_erased(forum, author, reader, tmp_path):
    with Exchange.open(forum.folder) as hub:
        extra = hub.add_collection(f"another {os.urandom(4).hex()}")
    # A hub that runs knows of it a little later.
    time.sleep(CACHED_SECONDS * 2)
    item = template()
    author.say([item])
    body = author.store.one("SELECT body FROM outbox WHERE stix_id = ?", (item["id"],))[0]
    headers = {"Accept": TAXII, "Content-Type": TAXII}
    path = "/taxii2/api/collections/%s/objects/"
    author.client.ask("POST", path % extra, raw=b'{"objects":[%b]}' % body, headers=headers)
    reader.sync()
    reader.exports.write(tmp_path)
    assert len(named(tmp_path, SIGNATURES, {item["id"]})) == 1
    assert bundled(tmp_path).count(item["id"]) == 1
    author.client.ask(
        "DELETE", path % author.folder.trust.collection + f"{item['id']}/", headers={"Accept": TAXII}
    )
    reader.sync()
    reader.exports.write(tmp_path)
    assert len(named(tmp_path, SIGNATURES, {item["id"]})) == 1


def test_addresses_are_candidates_only_when_two_members_name_them(
    author, reader, joined, indicator, tmp_path
):
    alone, seen, both = indicator(pattern=ADDRESS), indicator(pattern=NETWORKS), indicator()
    twin = indicator(pattern=both["pattern"])
    ids = {item["id"] for item in (alone, seen, both, twin)}
    author.say([alone, seen, both])
    reader.sync()
    reader.exports.write(tmp_path)
    assert named(tmp_path, CANDIDATES, {alone["id"], seen["id"]}) == []
    third = joined()
    third.sync()
    third.say([objects.sighting(seen["id"], handling(today())), twin])
    reader.sync()
    reader.exports.write(tmp_path)
    found = {(line["evidence"], line["scope"], line["value"]) for line in named(tmp_path, CANDIDATES, ids)}
    assert found == {
        (seen["id"], "network", "198.51.100.0/24"),
        (seen["id"], "address", "198.51.100.7"),
        (both["id"], "address", "203.0.113.7"),
        (twin["id"], "address", "203.0.113.7"),
    }
    assert {line["corroboration"] for line in named(tmp_path, CANDIDATES, ids)} == {"2 or more"}
    assert {line["action"] for line in lines(tmp_path, CANDIDATES)} == {"observe"}


def test_what_this_member_found_wrong_leaves(author, reader, indicator, tmp_path):
    items = [template(), indicator()]
    ids = [item["id"] for item in items]
    author.say(items)
    reader.sync()
    for each in ids:
        reader.false_positive(each)
    reader.exports.write(tmp_path)
    assert (
        not named(tmp_path, SIGNATURES, ids) + named(tmp_path, LEADS, ids) + named(tmp_path, CANDIDATES, ids)
    )
    assert set(ids) <= set(bundled(tmp_path))


def test_what_two_others_found_wrong_is_no_candidate(author, reader, joined, tmp_path):
    item = template()
    author.say([item])
    for _ in range(2):
        joined().say([objects.false_positive(item["id"], handling(today()))])
    reader.sync()
    reader.exports.write(tmp_path)
    assert named(tmp_path, CANDIDATES, {item["id"]}) == []
    (lead,) = named(tmp_path, LEADS, {item["id"]})
    assert lead["false_positives"] == "2 or more"


def test_a_source_that_was_wrong_before_weighs_less(author, reader, joined, tmp_path):
    items, good = [template() for _ in range(6)], template()
    author.say(items)
    joined().say([good])
    reader.sync()
    for item in items[1:]:
        reader.sources.record(item["id"], right=False)
    reader.sources.record(good["id"], right=True)
    reader.exports.write(tmp_path)
    (bad,), (better,) = named(tmp_path, LEADS, {items[0]["id"]}), named(tmp_path, LEADS, {good["id"]})
    assert bad["source_score"] < better["source_score"]
    assert bad["source"] == author.pseudonyms.latest_own().id
    assert bad["signed"]


def test_after_a_log_was_begun_anew_bundles_are_written_anew(author, reader, indicator, tmp_path):
    author.say([indicator()])
    reader.sync()
    reader.exports.write(tmp_path)
    before = bundled(tmp_path)
    reader.faults.clear(reader.faults.record(LogFaultError(FORK, "forked", {})).id)
    reader.sync()
    assert len(reader.exports.write(tmp_path)) == 1
    assert bundled(tmp_path) == before


def test_problems_with_the_folder_are_told(reader, tmp_path):
    (tmp_path / CURSOR).write_text("{")
    with pytest.raises(InputError, match="remove it"):
        reader.exports.write(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / SIGNATURES).mkdir()
    with pytest.raises(InputError, match="cannot write there"):
        reader.exports.write(tmp_path / "taken")


def test_who_is_killed_between_a_bundle_and_its_cursor_writes_nothing_twice(
    author, reader, indicator, tmp_path, monkeypatch
):
    author.say([indicator() for _ in range(3)])
    reader.sync()
    replaced = []

    def killed(path, data):
        if path.name == CURSOR and replaced:
            raise KeyboardInterrupt
        replaced.append(path.name)
        real(path, data)

    real = exports._replace
    monkeypatch.setattr(exports, "_replace", killed)
    with pytest.raises(KeyboardInterrupt):
        reader.exports.write(tmp_path)
    monkeypatch.undo()
    assert len(list(tmp_path.glob("bundle-*.json"))) == 1
    author.say([indicator() for _ in range(2)])
    reader.sync()
    assert len(reader.exports.write(tmp_path)) == 2
    kept = reader.store.all("SELECT stix_id FROM received WHERE own = 0 AND body IS NOT NULL ORDER BY seq")
    assert bundled(tmp_path) == [row[0] for row in kept]


def test_what_has_no_end_has_one_here(author, reader, indicator, tmp_path):
    signed, item = template(), indicator()
    author.say([signed, item])
    reader.sync()
    later(reader, [item["id"]], f"date_added = date_added - {LONGEST_US}")
    later(reader, [signed["id"]], f"date_added = date_added - {SIGNATURE_US} + 3600000000")
    reader.exports.write(tmp_path)
    assert named(tmp_path, LEADS, {item["id"]}) == []
    (line,) = named(tmp_path, SIGNATURES, {signed["id"]})
    assert (
        timedelta(0) < datetime.fromisoformat(line["valid_until"]) - datetime.now(UTC) <= timedelta(hours=1)
    )
    later(reader, [signed["id"]], "date_added = date_added - 3600000000")
    reader.exports.write(tmp_path)
    assert named(tmp_path, SIGNATURES, {signed["id"]}) == []


def test_an_erased_sighting_does_not_count_any_more(author, reader, joined, indicator, tmp_path):
    # Of an address that no other test has another member name.
    item = indicator(pattern="[ipv4-addr:value = '203.0.113.77']")
    author.say([item])
    seer = joined()
    seer.sync()
    sighted = objects.sighting(item["id"], handling(today()))
    seer.say([sighted])
    reader.sync()
    reader.exports.write(tmp_path)
    assert len(named(tmp_path, CANDIDATES, {item["id"]})) == 1
    path = f"/taxii2/api/collections/{seer.folder.trust.collection}/objects/{sighted['id']}/"
    seer.client.ask("DELETE", path, headers={"Accept": TAXII})
    reader.sync()
    reader.exports.write(tmp_path)
    assert named(tmp_path, CANDIDATES, {item["id"]}) == []


def test_what_nobody_signed_takes_no_signed_object_s_place(author, reader, tmp_path):
    """But withdraws it: to be led by what was withdrawn does more harm."""
    item = template()
    author.say([item])
    changed = {**item, "modified": "2026-11-30T00:00:00.000Z", "valid_until": "2030-01-01T00:00:00.000Z"}
    changed.pop("created_by_ref")
    path = f"/taxii2/api/collections/{author.folder.trust.collection}/objects/"

    def post(said):
        body = json.dumps({"objects": [said]}).encode()
        answer = author.client.ask("POST", path, raw=body, headers={"Accept": TAXII, "Content-Type": TAXII})
        assert answer.json()["success_count"] == 1, answer.json()

    post(changed)
    reader.sync()
    reader.exports.write(tmp_path)
    (line,) = named(tmp_path, LEADS, {item["id"]})
    assert line["signed"]
    assert line["valid_until"] is None
    post({**changed, "modified": "2026-12-01T00:00:00.000Z", "revoked": True})
    reader.sync()
    reader.exports.write(tmp_path)
    assert named(tmp_path, LEADS, {item["id"]}) == []
