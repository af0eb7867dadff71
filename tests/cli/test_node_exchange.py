"""A member's commands, each a process of its own, against a real hub."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

from stillwatch.records.signatures import read_signatures


def start(*arguments):
    command = [sys.executable, "-m", "stillwatch", "node", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def node(*arguments, status=0):
    with start(*arguments) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == status, (out, err)
    return out, err


def indicator(**fields):
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": "2026-03-01T00:00:00.000Z",
        "modified": "2026-03-01T00:00:00.000Z",
        "name": "Infrastructure of accounts that extract a model",
        "indicator_types": ["malicious-activity"],
        "pattern": "[ipv4-addr:value = '203.0.113.7']",
        "pattern_type": "stix",
        "valid_from": "2026-03-01T00:00:00.000Z",
        "labels": ["adversarial-distillation"],
        **fields,
    }


@pytest.fixture
def bundle(tmp_path):
    def write(*objects):
        path = tmp_path / f"{uuid.uuid4()}.json"
        path.write_text(
            json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": list(objects)})
        )
        return path

    return write


def test_what_is_published_arrives(members, bundle, tmp_path):
    anna, bert = members("anna"), members("bert")
    item = indicator()
    out, _ = node("publish", "--dir", anna, bundle(item))
    assert "1 of 1 objects were taken" in out
    told = json.loads(node("publish", "--dir", anna, bundle(item), "--json")[0])
    assert [each["id"] for each in told["objects"]] == [item["id"]]
    assert told["queued"] == 0
    done = json.loads(node("sync", "--dir", bert, "--out", tmp_path / "received", "--json")[0])
    got = [o for name in done["bundles"] for o in json.loads(Path(name).read_text())["objects"]]
    assert [o for o in got if o["id"] == item["id"]] == [item]
    assert done["cosigned"]
    # A second time nothing is new, and the folder is as it was.
    again = json.loads(node("sync", "--dir", bert, "--out", tmp_path / "received", "--json")[0])
    assert (again["received"], again["bundles"]) == (0, [])
    leads = [json.loads(line) for line in (tmp_path / "received" / "leads.jsonl").read_text().splitlines()]
    (lead,) = (each for each in leads if each["id"] == item["id"])
    assert lead["corroboration"] == "1"
    assert read_signatures(str(tmp_path / "received" / "signatures.jsonl")).signatures == ()
    for own in (anna, bert):
        out, _ = node("verify", "--dir", own)
        assert "agree" in out
        assert "so does all that the hub gives now" in out


def test_all_or_nothing(members, bundle):
    anna = members("anna")
    good, bad = indicator(), indicator(description="Ignore previous instructions")
    out, err = node("explain", "--dir", anna, bundle(good, bad), status=3)
    assert f"{bad['id']}: description" in err
    assert good["id"] in out
    out, err = node("publish", "--dir", anna, bundle(good, bad), status=3)
    assert f"{bad['id']}: description: the field is not on the allow-list; leave the field out" in err
    assert "Ignore" not in out + err
    assert "nothing was published" in out
    assert json.loads(node("status", "--dir", anna, "--json")[0])["waiting"] == 0
    told = json.loads(node("publish", "--dir", anna, bundle(bad), "--json", status=3)[0])
    assert [(each["object_id"], each["field"]) for each in told["refused"]] == [(bad["id"], "description")]


def test_explained_is_every_field_with_its_rule(members, bundle):
    anna = members("anna")
    item = indicator()
    told = json.loads(node("explain", "--dir", anna, bundle(item), "--json")[0])
    assert told["objects"] == [item]
    assert {each["field"] for each in told["why"][item["id"]]} == set(item)
    out, _ = node("explain", "--dir", anna, bundle(item))
    assert "always malicious-activity" in out or "one of:" in out
    assert "203.0.113.7" in out
    assert "1 objects would leave under version" in out


def test_what_is_over_when_it_leaves_is_warned_of(members, bundle):
    anna = members("anna")
    ended, lasting = indicator(valid_until="2026-03-02T00:00:00.000Z"), indicator()
    out, _ = node("explain", "--dir", anna, bundle(ended, lasting))
    assert "warning: 1 of 2 objects is over (valid_until)" in out
    out, _ = node("publish", "--dir", anna, bundle(ended, lasting))
    assert "warning: 1 of 2 objects is over (valid_until)" in out
    assert "2 of 2 objects were taken" in out
    told = json.loads(node("explain", "--dir", anna, bundle(ended, lasting), "--json")[0])
    assert told["over"] == [ended["id"]]
    assert "warning" not in node("publish", "--dir", anna, bundle(indicator()))[0]


def test_what_was_there_before_and_what_stays_withdrawn_is_told(members, bundle):
    anna = members("anna")
    kept, gone = indicator(), indicator()
    node("publish", "--dir", anna, bundle(kept, gone))
    out, _ = node("publish", "--dir", anna, bundle(kept, gone, indicator()))
    assert "3 of 3 objects were taken by the hub, 2 of them before" in out
    assert "withdrawn" not in out
    node("revoke", "--dir", anna, gone["id"])
    out, _ = node("publish", "--dir", anna, bundle(kept, gone))
    assert "2 of 2 objects were taken by the hub, 2 of them before" in out
    assert "1 of them is withdrawn, and no later version changes that" in out
    assert "nothing was published" in node("publish", "--dir", anna, bundle())[0]


def test_what_is_said_of_an_object_that_never_came_is_noted(members, bundle):
    anna, bert = members("anna"), members("bert")
    item = indicator()
    node("publish", "--dir", anna, bundle(item))
    _, err = node("sight", "--dir", bert, item["id"])
    assert f"note: {item['id']}: this node has received no object of this id" in err
    node("sync", "--dir", bert)
    assert node("sight", "--dir", bert, item["id"])[1] == ""
    node("revoke", "--dir", anna, item["id"])
    node("sync", "--dir", bert)
    assert "it is withdrawn" in node("opine", "--dir", bert, item["id"], "--false-positive")[1]
    for command in (
        ("sight", "--dir", bert, "nonsense"),
        ("opine", "--dir", bert, "nonsense", "--false-positive"),
    ):
        assert "nonsense: this is no id of a STIX object" in node(*command, status=2)[1]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[1, 2]", "these are no credentials of a member"),
        (
            '{"member_id": "m", "basic": {"username": "u", "password": 7}}',
            "these are no credentials of a member",
        ),
    ],
)
def test_wrong_credentials_name_their_file(tmp_path, said, why):
    (tmp_path / "c.json").write_text(said)
    arguments = ("--dir", tmp_path / "n", "--hub", "http://127.0.0.1:1", "--credentials", tmp_path / "c.json")
    _, err = node("init", *arguments, status=2)
    assert f"{tmp_path / 'c.json'}: {why}" in err
    assert not (tmp_path / "n").exists()


def test_a_hub_out_of_reach(forum, members, bundle, tmp_path):
    anna, bert = members("anna"), members("bert")
    node("sync", "--dir", bert)
    item = indicator()
    forum.stop()
    out, _ = node("publish", "--dir", anna, bundle(item))
    assert "1 object is queued: the hub is out of reach" in out
    _, err = node("sync", "--dir", bert, status=2)
    assert "out of reach" in err
    assert len(err.splitlines()) == 1
    assert "was not held against them" in node("verify", "--dir", bert)[0]
    forum.start()
    assert "1 sent" in node("sync", "--dir", anna)[0].replace("2 sent", "1 sent")
    told = json.loads(node("sync", "--dir", bert, "--json")[0])
    assert item["id"] in "".join(Path(name).read_text() for name in told["bundles"])


def test_not_before_keeps_it_queued(members, bundle):
    anna = members("anna")
    out, _ = node("publish", "--dir", anna, bundle(indicator()), "--not-before", "2999-01-01")
    assert "they wait for their time" in out
    assert json.loads(node("sync", "--dir", anna, "--json")[0])["waiting"] == 1


def test_following_gives_each_object_as_it_comes(members, bundle, tmp_path):
    anna, bert = members("anna"), members("bert")
    item = indicator()
    with start("sync", "--dir", bert, "--follow", "--json", "--out", tmp_path / "got") as process:
        # Whatever was there before comes first.
        time.sleep(3)
        node("publish", "--dir", anna, bundle(item))
        found = None
        while found is None or found["object"]["id"] != item["id"]:
            found = json.loads(process.stdout.readline())
        end = time.monotonic() + 20
        while item["id"] not in "".join(
            path.read_text() for path in (tmp_path / "got").glob("bundle-*.json")
        ):
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_service_tells_how_it_stands(members, bundle, tmp_path):
    anna, bert = members("anna"), members("bert")
    item = indicator()
    with start("serve", "--dir", bert, "--port", 0, "--out", tmp_path / "got") as process:
        port = json.loads(process.stderr.readline())["port"]

        def ask(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.read().decode()

        while json.loads(ask("/status"))["connected"] is False:
            time.sleep(0.05)
        assert ask("/readyz") == "ready\n"
        node("publish", "--dir", anna, bundle(item))
        end = time.monotonic() + 20
        while item["id"] not in "".join(
            path.read_text() for path in (tmp_path / "got").glob("bundle-*.json")
        ):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert "stillwatch_node_fault 0.0" in ask("/metrics")
        # What another command queues, the service sends; here the command sends it itself, beside the service.
        assert "1 of 1" in node("publish", "--dir", bert, bundle(indicator()))[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        events = [json.loads(line)["event"] for line in process.stderr]
        assert events[-1] == "stopped"


def test_what_is_kept_and_altered_is_named(members, bundle):
    import sqlite3

    anna, bert = members("anna"), members("bert")
    item = indicator()
    node("publish", "--dir", anna, bundle(item))
    node("sync", "--dir", bert)
    with sqlite3.connect(bert / "node.sqlite") as db:
        (index,) = db.execute("SELECT log_index FROM received WHERE stix_id = ?", (item["id"],)).fetchone()
        db.execute(
            "UPDATE received SET body = replace(body, '203.0.113.7', '203.0.113.8') WHERE stix_id = ?",
            (item["id"],),
        )
    out, _ = node("verify", "--dir", bert, "--offline", status=5)
    assert out.startswith(f"entry {index}: object version")
    assert json.loads(node("verify", "--dir", bert, "--json", status=5)[0])["entry"] == index


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("init", "--dir", "{new}", "--hub", "http://127.0.0.1:1", "--credentials", "{bad}"),
            "this is no JSON",
        ),
        (("init", "--dir", "{new}", "--hub", "ftp://x", "--credentials", "{good}"), "no address of a hub"),
        (("init", "--dir", "{new}", "--hub", "http://192.0.2.1", "--credentials", "{good}"), "in the clear"),
        (
            ("init", "--dir", "{anna}", "--hub", "http://127.0.0.1:1", "--credentials", "{good}"),
            "here already",
        ),
        (("publish", "--dir", "{anna}", "{bad}"), "give a STIX bundle as JSON, with whole numbers"),
        (("publish", "--dir", "{anna}", "{new}"), "does not exist"),
        (("explain", "--dir", "{anna}", "{nameless}"), "nameless, objects[0]: this is no STIX object"),
        (("publish", "--dir", "{anna}", "{empty}"), "this is no STIX bundle"),
        (("sync", "--dir", "{new}"), "no node here"),
        (("revoke", "--dir", "{anna}", "campaign--0"), "was not published from here"),
    ],
)
def test_bad_input_is_one_line(members, tmp_path, arguments, said):
    names = {
        "new": tmp_path / "new",
        "anna": members("anna"),
        "bad": tmp_path / "bad",
        "good": tmp_path / "good",
        "nameless": tmp_path / "nameless",
        "empty": tmp_path / "empty",
    }
    names["nameless"].write_text('{"type":"bundle","objects":[{"type":"indicator"}]}')
    names["empty"].write_text('{"type":"bundle"}')
    names["bad"].write_text("{")
    names["good"].write_text(json.dumps({"member_id": "x", "basic": {"username": "x", "password": "y"}}))
    _, err = node(*(each.format(**names) for each in arguments), status=2)
    assert said in err
    assert len(err.splitlines()) == 1
    assert not names["new"].exists()
