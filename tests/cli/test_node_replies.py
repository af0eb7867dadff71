"""What members say of each other's objects, and what a member does about a hub at fault."""

import json
import runpy
import shutil
from pathlib import Path

import pytest

_others = runpy.run_path(str(Path(__file__).with_name("test_node_exchange.py")))
node, indicator, bundle = (_others[name] for name in ("node", "indicator", "bundle"))


def of(*arguments, status=0):
    return json.loads(node(*arguments, "--json", status=status)[0])


def lead(own, stix_id):
    """What a node has of an object as a lead; None where it has none."""
    node("sync", "--dir", own)
    found = map(json.loads, (own / "received" / "leads.jsonl").read_text().splitlines())
    return next((each for each in found if each["id"] == stix_id), None)


def test_sightings_and_opinions_are_counted_without_names(members, bundle):
    anna, bert, carla, dora = map(members, ("anna", "bert", "carla", "dora"))
    item = indicator()
    node("publish", "--dir", anna, bundle(item))
    assert lead(dora, item["id"])["corroboration"] == "1"
    node("sight", "--dir", bert, item["id"], "--count", "412", "--first", "2026-03-01T13:14:15Z")
    assert lead(dora, item["id"])["corroboration"] == "2 or more"
    # Its own word is not another's.
    assert lead(bert, item["id"])["corroboration"] == "1"
    for own in (bert, carla):
        node("opine", "--dir", own, item["id"], "--false-positive")
    assert lead(dora, item["id"])["false_positives"] == "2 or more"
    assert item["id"] not in (dora / "received" / "candidates.jsonl").read_text()
    # Who calls it wrong takes it for no lead any more.
    assert lead(bert, item["id"]) is None
    files = (dora / "received").glob("bundle-*.json")
    objects = [each for path in files for each in json.loads(path.read_text())["objects"]]
    (seen,) = (each for each in objects if each.get("sighting_of_ref") == item["id"])
    assert (seen["count"], seen["first_seen"]) == (100, "2026-03-01T00:00:00.000Z")


def test_what_is_withdrawn_is_no_lead_any_more(members, bundle):
    anna, bert = members("anna"), members("bert")
    item = indicator()
    node("publish", "--dir", anna, bundle(item))
    assert lead(bert, item["id"])
    assert "1 of 1" in node("revoke", "--dir", anna, item["id"])[0]
    assert lead(bert, item["id"]) is None
    assert "withdrawn already" in node("revoke", "--dir", anna, item["id"], status=2)[1]
    assert "not published from here" in node("revoke", "--dir", bert, item["id"], status=2)[1]


def test_outcomes_are_kept_of_each_source(members, bundle):
    anna, bert = members("anna"), members("bert")
    right, wrong = indicator(), indicator(pattern="[ipv4-addr:value = '203.0.113.9']")
    node("publish", "--dir", anna, bundle(right, wrong))
    before = lead(bert, right["id"])
    assert "1 of 1" in node("outcome", "--dir", bert, right["id"], "--right")[0]
    after = lead(bert, right["id"])
    assert after["source_score"] > before["source_score"] == 0.5
    node("outcome", "--dir", bert, wrong["id"], "--wrong")
    assert lead(bert, wrong["id"]) is None
    (source,) = (each for each in of("sources", "--dir", bert)["sources"] if each["right"])
    assert (source["source"], source["right"], source["wrong"]) == (after["source"], 1, 1)
    assert source["low"] < source["mean"] < source["high"]
    assert after["source"] in node("sources", "--dir", bert)[0]
    assert "no object of this id" in node("outcome", "--dir", anna, right["id"], "--right", status=2)[1]


def test_opinions_are_asked_for_in_one_way(members):
    anna = members("anna")
    for extra in (
        (),
        ("--false-positive", "--opinion", "agree"),
        ("--false-positive", "--explanation", "too broad"),
    ):
        assert "give either" in node("opine", "--dir", anna, "campaign--0", *extra, status=2)[1]


def test_a_hub_that_was_put_back_is_refused_until_a_person_decides(forum, members, bundle, tmp_path):
    anna, bert = members("anna"), members("bert")
    first, second = indicator(), indicator()
    node("publish", "--dir", anna, bundle(first))
    node("sync", "--dir", anna)
    forum.stop()
    shutil.copytree(forum.folder, tmp_path / "kept")
    forum.start()
    node("publish", "--dir", anna, bundle(second))
    for own in (anna, bert):
        node("sync", "--dir", own)
    forum.stop()
    shutil.rmtree(forum.folder)
    shutil.copytree(tmp_path / "kept", forum.folder)
    forum.start()
    _, err = node("sync", "--dir", anna, status=5)
    assert "ROLLBACK" in err
    assert len(err.splitlines()) == 1
    (fault,) = of("faults", "list", "--dir", anna)["faults"]
    evidence = json.loads(Path(fault["evidence"]).read_text())
    assert evidence == json.loads(node("faults", "show", "--dir", anna, fault["id"])[0])
    # Two notes that the log's key has signed show it to everybody.
    assert evidence["evidence"]["before"] != evidence["evidence"]["now"]
    for command in (("sync",), ("publish", bundle(indicator())), ("verify",)):
        assert fault["id"] in node(*command[:1], "--dir", anna, *command[1:], status=5)[1]
    assert "OPEN" in node("faults", "list", "--dir", anna)[0]
    node("faults", "clear", "--dir", anna, fault["id"])
    assert "cleared" in node("faults", "list", "--dir", anna)[0]
    node("sync", "--dir", anna)
    # What the hub had lost it has again, once.
    node("sync", "--dir", bert, status=5)
    (fault,) = of("faults", "list", "--dir", bert)["faults"]
    node("faults", "clear", "--dir", bert, fault["id"])
    shutil.rmtree(bert / "received")
    node("sync", "--dir", bert)
    ids = [
        each["id"]
        for path in (bert / "received").glob("bundle-*.json")
        for each in json.loads(path.read_text())["objects"]
    ]
    assert (ids.count(first["id"]), ids.count(second["id"])) == (1, 1)


@pytest.mark.parametrize("command", ["show", "clear"])
def test_unknown_faults(members, command):
    assert "no such fault" in node("faults", command, "--dir", members("anna"), "x", status=2)[1]
