"""What others take of what was received: bundles, and files for scans and guards."""

import itertools
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from stillwatch.intelligence import objects
from stillwatch.node.exports import CANDIDATES, CURSOR, LEADS, LONGEST_US, SIGNATURES
from stillwatch.node.folder import Folder
from stillwatch.node.node import Node
from stillwatch.node.publishing import handling, withdrawal
from stillwatch.records.errors import InputError
from stillwatch.records.signatures import Signature, read_signatures
from stillwatch.transparency.follower import ROLLBACK, LogFaultError

NUMBERS = itertools.count(1)


@pytest.fixture
def address():
    """Addresses that stand in no other test: patterns that are the same corroborate each other."""
    return lambda: f"198.51.100.{next(NUMBERS)}"


@pytest.fixture
def reader(open_node):
    return open_node()


def template(epoch, fill=None, **more):
    signature = str(Signature(epoch, "input", "16-31", bytes([fill or next(NUMBERS)]) * 64))
    today = datetime.now(UTC)
    return objects.template_indicator(signature, 120, handling(today), **more)


def lines(out, name):
    return [json.loads(line) for line in (out / name).read_text().splitlines()]


def about(out, name, stix_id):
    return [each for each in lines(out, name) if each.get("id", each.get("evidence")) == stix_id]


def bundled(out):
    """Ids of the objects of all bundles, in their order."""
    files = sorted(out.glob("bundle-*.json"), key=lambda path: int(path.name.split("-")[1]))
    return [item["id"] for file in files for item in json.loads(file.read_text())["objects"]]


def test_bundles_hold_everything_once_and_in_order(
    open_node, reader, tmp_path, indicator, address, monkeypatch
):
    monkeypatch.setattr("stillwatch.node.exports.MOST_OBJECTS", 4)
    author, out = open_node(), tmp_path / "out"
    made = []
    for count in (3, 0, 9, 1):
        items = [indicator(address()) for _ in range(count)]
        if items:
            assert not author.say(items).problem
        # What the member says itself is no news to it.
        assert not reader.say([indicator(address())]).problem
        made += [item["id"] for item in items]
        reader.sync()
        reader.exports.write(out)
        assert reader.exports.write(out) == []
    found = [name for name in bundled(out) if name.startswith("indicator--")]
    assert [name for name in found if name in made] == made
    assert len(bundled(out)) == len(set(bundled(out)))
    own = {row[0] for row in reader.store.all("SELECT stix_id FROM outbox")}
    assert not own & set(found)
    for file in out.glob("bundle-*.json"):
        assert len(json.loads(file.read_text())["objects"]) <= 4


def test_the_same_is_written_to_the_byte(open_node, reader, tmp_path, indicator, address):
    author = open_node()
    assert not author.say([indicator(address()), template(1)]).problem
    reader.sync()
    names = reader.exports.write(tmp_path / "one")
    assert reader.exports.write(tmp_path / "two") == names
    for name in (*names, SIGNATURES, LEADS, CANDIDATES):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_write_that_broke_off_is_done_again(open_node, reader, tmp_path, indicator, address):
    author, out = open_node(), tmp_path / "out"
    assert not author.say([indicator(address())]).problem
    reader.sync()
    (name,) = reader.exports.write(out)
    before = (out / name).read_bytes()
    # As after a loss of power between the bundle and the note that it was written.
    (out / CURSOR).unlink()
    assert reader.exports.write(out) == [name]
    assert (out / name).read_bytes() == before


def test_a_cursor_that_cannot_be_read_is_told(reader, tmp_path):
    reader.sync()
    reader.exports.write(tmp_path / "out")
    (tmp_path / "out" / CURSOR).write_text("{")
    with pytest.raises(InputError, match="bundles are written anew") as caught:
        reader.exports.write(tmp_path / "out")
    assert CURSOR in str(caught.value)


def test_a_folder_that_cannot_be_written_to_is_told(reader, tmp_path):
    reader.sync()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LEADS).mkdir()
    with pytest.raises(InputError, match="cannot write there"):
        reader.exports.write(tmp_path / "out")


def test_scans_read_the_signatures(open_node, reader, tmp_path):
    author, out = open_node(), tmp_path / "out"
    until = datetime.now(UTC) + timedelta(days=30)
    item = template(1, valid_until=until)
    unknown = template(7)
    assert not author.say([item, unknown]).problem
    reader.sync()
    reader.exports.write(out)
    read = read_signatures(str(out / SIGNATURES))
    assert item["id"] in {each.id for each in read.signatures}
    # Of an epoch whose key this member never had, nothing can be matched.
    assert unknown["id"] not in {each.id for each in read.signatures}
    (said,) = about(out, SIGNATURES, item["id"])
    assert said["signature"] == item["pattern"]
    assert said["key"] == reader.forum.epochs()[0].document()["template_key"]
    assert (said["valid_until"], said["corroboration"]) == (item["valid_until"], "1")


def test_an_address_is_a_candidate_only_once_two_members_name_it(
    open_node, reader, tmp_path, indicator, address
):
    one, other, out = open_node(), open_node(), tmp_path / "out"
    ours = address()
    first, second = indicator(ours), indicator(ours)
    assert not one.say([first]).problem
    # Said twice by one member, it is one member's word.
    assert not one.say([indicator(ours)]).problem
    reader.sync()
    reader.exports.write(out)
    assert about(out, CANDIDATES, first["id"]) == []
    (lead,) = about(out, LEADS, first["id"])
    assert lead["corroboration"] == "1"
    assert not other.say([second]).problem
    reader.sync()
    reader.exports.write(out)
    (candidate,) = about(out, CANDIDATES, first["id"])
    assert (candidate["scope"], candidate["value"]) == ("address", ours)
    # A lead blocks nobody.
    assert (candidate["action"], candidate["corroboration"]) == ("observe", "2 or more")


def test_a_sighting_by_another_member_corroborates(open_node, reader, tmp_path, indicator, address):
    one, other, out = open_node(), open_node(), tmp_path / "out"
    item = indicator(address())
    assert not one.say([item]).problem
    # Its own author's sighting says nothing new.
    assert not one.say([objects.sighting(item["id"], handling(datetime.now(UTC)))]).problem
    reader.sync()
    reader.exports.write(out)
    assert about(out, LEADS, item["id"])[0]["corroboration"] == "1"
    assert not other.say([objects.sighting(item["id"], handling(datetime.now(UTC)))]).problem
    reader.sync()
    reader.exports.write(out)
    assert about(out, LEADS, item["id"])[0]["corroboration"] == "2 or more"


def test_networks_and_lists_of_addresses_are_told_apart(open_node, reader, tmp_path, indicator, address):
    one, other, out = open_node(), open_node(), tmp_path / "out"
    patterns = {
        "[ipv4-addr:value IN ('198.51.100.201', '198.51.100.202')]": [
            ("address", "198.51.100.201"),
            ("address", "198.51.100.202"),
        ],
        "[ipv4-addr:value = '198.51.100.208/29']": [("network", "198.51.100.208/29")],
        "[ipv6-addr:value = '2001:db8::77']": [("address", "2001:db8::77")],
    }
    made = {}
    for pattern in patterns:
        made[pattern] = indicator() | {"pattern": pattern}
        assert not one.say([made[pattern]]).problem
        assert not other.say([indicator() | {"pattern": pattern}]).problem
    reader.sync()
    reader.exports.write(out)
    for pattern, expected in patterns.items():
        found = about(out, CANDIDATES, made[pattern]["id"])
        assert [(each["scope"], each["value"]) for each in found] == expected


def test_templates_are_candidates_at_once(open_node, reader, tmp_path):
    author, out = open_node(), tmp_path / "out"
    item = template(1)
    assert not author.say([item]).problem
    reader.sync()
    reader.exports.write(out)
    (candidate,) = about(out, CANDIDATES, item["id"])
    assert (candidate["scope"], candidate["value"], candidate["action"]) == (
        "signature",
        item["pattern"],
        "observe",
    )
    assert candidate["source"] == author.renew()[1].id
    received = reader.store.one("SELECT date_added FROM received WHERE stix_id = ?", (item["id"],))[0]
    assert datetime.fromisoformat(candidate["expires_at"]).timestamp() == (received + LONGEST_US) // 1_000_000


def test_what_is_over_is_gone_from_all_files(open_node, reader, tmp_path, indicator, address, monkeypatch):
    author, out = open_node(), tmp_path / "out"
    short = template(1, valid_until=datetime.now(UTC) + timedelta(days=5))
    long = template(1)
    assert not author.say([short, long]).problem
    reader.sync()

    def names_after(days):
        moment = time.time_ns() // 1000 + days * 86_400_000_000
        monkeypatch.setattr("stillwatch.node.exports.now_us", lambda: moment)
        reader.exports.write(out)
        return [
            {name for name in (short["id"], long["id"]) if about(out, file, name)}
            for file in (SIGNATURES, LEADS, CANDIDATES)
        ]

    both = {short["id"], long["id"]}
    assert names_after(0) == [both, both, both]
    assert names_after(6) == [{long["id"]}] * 3
    # A signature without an end stays a lead; a guard hears no more of it after a month.
    assert names_after(31) == [{long["id"]}, {long["id"]}, set()]


def test_what_was_withdrawn_is_gone(open_node, reader, tmp_path):
    author, out = open_node(), tmp_path / "out"
    item = template(1)
    assert not author.say([item]).problem
    reader.sync()
    reader.exports.write(out)
    assert about(out, SIGNATURES, item["id"])
    author.queue.add([withdrawal(author.queue, item["id"], datetime.now(UTC))])
    author.flush()
    reader.sync()
    reader.exports.write(out)
    for name in (SIGNATURES, LEADS, CANDIDATES):
        assert about(out, name, item["id"]) == []
    # Who reads bundles hears of it.
    newest = json.loads(max(out.glob("bundle-*.json"), key=lambda p: int(p.name.split("-")[1])).read_text())
    assert any(each["id"] == item["id"] and each["revoked"] for each in newest["objects"])


def test_what_turned_out_wrong_is_gone_for_this_member(open_node, reader, tmp_path):
    author, out = open_node(), tmp_path / "out"
    item, other = template(1), template(1)
    assert not author.say([item, other]).problem
    reader.sync()
    reader.exports.write(out)
    before = about(out, LEADS, other["id"])[0]["source_score"]
    reader.sources.record(item["id"], right=False)
    reader.exports.write(out)
    for name in (SIGNATURES, LEADS, CANDIDATES):
        assert about(out, name, item["id"]) == []
        assert about(out, name, other["id"])
    assert about(out, LEADS, other["id"])[0]["source_score"] < before


def test_what_two_members_call_wrong_is_no_candidate(open_node, reader, tmp_path):
    author, out = open_node(), tmp_path / "out"
    item = template(1)
    assert not author.say([item]).problem
    for node in (open_node(), open_node()):
        assert not node.say([objects.false_positive(item["id"], handling(datetime.now(UTC)))]).problem
    reader.sync()
    reader.exports.write(out)
    assert about(out, CANDIDATES, item["id"]) == []
    (lead,) = about(out, LEADS, item["id"])
    assert lead["false_positives"] == "2 or more"


def test_what_the_log_was_not_held_against_gets_in_nowhere(open_node, reader, tmp_path):
    author, out = open_node(), tmp_path / "out"
    item = template(1)
    assert not author.say([item]).problem
    reader.sync()
    reader.store.run("UPDATE received SET settled = 0 WHERE stix_id = ?", (item["id"],))
    reader.exports.write(out)
    assert item["id"] not in bundled(out)
    for name in (SIGNATURES, LEADS, CANDIDATES):
        assert about(out, name, item["id"]) == []


def test_after_the_log_began_anew_bundles_begin_anew(open_node, tmp_path, indicator, address):
    author, node, out = open_node(), open_node(), tmp_path / "out"
    item = indicator(address())
    assert not author.say([item]).problem
    node.sync()
    node.exports.write(out)
    fault = node.faults.record(LogFaultError(ROLLBACK, "x", {}))
    node.faults.clear(fault.id)
    node.sync()
    assert node.exports.write(out)
    assert item["id"] in bundled(out)


def test_without_a_hub_what_is_here_is_written(forum, tmp_path):
    folder = Folder.create(tmp_path / "off line", "http://127.0.0.1:9", forum.member("off line"))
    with Node(folder.path) as node:
        assert node.exports.write(tmp_path / "out") == []
    assert [lines(tmp_path / "out", name) for name in (SIGNATURES, LEADS, CANDIDATES)] == [[], [], []]
