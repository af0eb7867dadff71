"""Sending: what was said is at the hub once, whatever is lost on the way."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from stillwatch.node import sending
from stillwatch.node.client import UnreachableError
from stillwatch.node.folder import Folder
from stillwatch.node.node import Node
from stillwatch.node.publishing import AUTHOR


@pytest.fixture
def made(indicator):
    def make(count, **more):
        more = {"created_by_ref": AUTHOR, **more}
        return [indicator(f"203.0.{n // 250}.{n % 250 + 1}", **more) for n in range(count)]

    return make


def at_the_hub(node):
    """How often each object of the forum's shared collection is in the log, as a new reader counts."""
    found = Counter()
    after = 0
    while True:
        page = node.client.json("GET", "/exchange/v1/receipts", dict, after=after, limit=1000)
        for receipt in page["receipts"]:
            found[receipt["object"]["id"]] += 1
            after = receipt["seq"]
        if not page["more"]:
            return found


def losing(times, *, before, what="/objects/"):
    """Lose so many requests (or their answers) of a kind."""
    lost = []

    def lose(method, path, body):
        if method == "POST" and path.partition("?")[0].endswith(what) and len(lost) < times:
            lost.append(before)
            return None
        return body

    return lose, lost


@pytest.mark.parametrize("before", [True, False], ids=["request", "answer"])
@pytest.mark.parametrize("times", [1, 3])
def test_what_is_lost_on_the_way_is_there_once(wire, joined, made, before, times):
    node = joined(wire.url)
    node.client.wait = lambda seconds: None
    node.renew()
    lose, lost = losing(times, before=before)
    if before:
        wire.ask = lose
    else:
        wire.change = lose
    items = made(7)
    done = node.say(items)
    assert (done.problem, len(lost)) == (None, times)
    assert {state["state"] for state in done.states} == {"sent"}
    count = at_the_hub(node)
    assert [count[item["id"]] for item in items] == [1] * 7
    node.sync()
    assert {state["state"] for state in node.queue.states(done.numbers)} == {"confirmed"}


def test_what_no_answer_came_for_goes_again_as_it_was_signed(wire, joined, made):
    node = joined(wire.url)
    node.client.wait = lambda seconds: None
    node.renew()
    wire.change, _ = losing(100, before=False)
    items = made(3)
    done = node.say(items)
    assert done.problem
    assert {state["state"] for state in done.states} == {"assigned"}
    envelope = node.store.one("SELECT envelope FROM batches WHERE state = 'open'")[0]
    wire.change = None
    bodies = []

    def listen(method, path, body):
        bodies.append(body)
        return body

    wire.ask = listen
    assert node.flush().taken == len(items) + 1
    assert any(envelope.encode() in body for body in bodies)
    count = at_the_hub(node)
    assert [count[item["id"]] for item in items] == [1] * 3


def test_after_a_new_epoch_what_was_taken_is_not_sent_again(forum, wire, joined, made):
    """The answer was lost, and the batch is stale now: what the log holds of it is not signed anew."""
    node = joined(wire.url)
    node.client.wait = lambda seconds: None
    node.renew()
    taken, waiting = made(3), made(2)
    wire.change, _ = losing(100, before=False)
    assert node.say(taken).problem
    wire.change = None
    wire.ask, _ = losing(100, before=True)
    assert node.say(waiting).problem
    wire.ask = None
    # The hub takes the epoch before for a day; so two of them pass.
    forum.new_epoch()
    forum.new_epoch()
    node.flush()
    node.sync()
    count = at_the_hub(node)
    assert [count[item["id"]] for item in (*taken, *waiting)] == [1] * 5
    assert (node.queue.waiting(), node.queue.refused()) == (0, [])
    reader = joined()
    reader.sync()
    assert reader.verify().bad is None


def test_a_hub_that_is_away_gets_all_of_it_later(forum, joined, made):
    node = joined()
    node.renew()
    node.client.wait = lambda seconds: None
    forum.stop()
    try:
        items = made(4)
        done = node.say(items)
        assert done.problem
        assert {state["state"] for state in done.states} == {"queued"}
        assert node.queue.waiting() == 4
        with pytest.raises(UnreachableError):
            node.flush()
    finally:
        forum.start()
    node.sync()
    count = at_the_hub(node)
    assert [count[item["id"]] for item in items] == [1] * 4


def test_one_bad_object_stops_no_others(joined, made):
    node = joined()
    node.renew()
    items = made(20)
    # Past this member's own check, as if the hub's rules had become stricter.
    items[7]["created_by_ref"] = "identity--22222222-2222-4222-8222-222222222222"
    items[11]["name"] = "Acme Corp and its prices"
    numbers = node.queue.add(items)
    sent = node.flush()
    assert {each["id"] for each in sent.refused} == {items[7]["id"], items[11]["id"]}
    states = Counter(state["state"] for state in node.queue.states(numbers))
    assert states == {"sent": 18, "refused": 2}
    assert all(each["reason"] for each in node.queue.refused())
    count = at_the_hub(node)
    assert sum(count[item["id"]] for item in items) == 18


def test_a_long_queue_of_what_may_no_longer_leave_ends(joined, made, monkeypatch):
    monkeypatch.setattr(sending, "MOST_OBJECTS", 1)
    node = joined()
    node.renew()
    items = made(1100, name="Acme Corp")
    numbers = node.queue.add(items)
    (last,) = made(1)
    node.queue.add([last])
    sent = node.flush()
    # Each is told once, and what comes after them goes.
    assert [each["id"] for each in sent.refused] == [item["id"] for item in items]
    assert {state["state"] for state in node.queue.states(numbers)} == {"refused"}
    assert at_the_hub(node)[last["id"]] == 1


def test_many_go_in_batches_and_in_order(joined, made, monkeypatch):
    monkeypatch.setattr(sending, "MOST_OBJECTS", 7)
    node = joined()
    items = made(30)
    assert not node.say(items).problem
    batches = node.store.all(
        "SELECT batch, COUNT(*) FROM outbox WHERE batch IS NOT NULL GROUP BY batch ORDER BY batch"
    )
    # The identity of the new pseudonym is the first of all.
    assert [row[1] for row in batches] == [7, 7, 7, 7, 3]
    order = [name for name in at_the_hub(node) if name in {item["id"] for item in items}]
    assert order == [item["id"] for item in items]


def test_a_batch_is_not_larger_than_a_hub_takes(joined, made, monkeypatch):
    monkeypatch.setattr(sending, "MOST_BYTES", 2_000)
    node = joined()
    items = made(12)
    assert not node.say(items).problem
    sizes = node.store.all("SELECT SUM(LENGTH(body)), COUNT(*) FROM outbox GROUP BY batch")
    assert len(sizes) > 2
    assert all(size <= 2_000 for size, count in sizes if count > 1)
    count = at_the_hub(node)
    assert [count[item["id"]] for item in items] == [1] * 12


def test_versions_of_one_object_go_in_batches_of_their_own(joined, made):
    node = joined()
    node.renew()
    (item,) = made(1)
    versions = [item | {"modified": f"2026-03-0{day}T00:00:00.000Z"} for day in (1, 2, 3)]
    node.queue.add(versions)
    assert node.flush().refused == []
    assert at_the_hub(node)[item["id"]] == 3
    node.sync()
    bodies = node.store.all("SELECT batch FROM outbox WHERE stix_id = ?", (item["id"],))
    assert len({row[0] for row in bodies}) == 3


def test_an_embargoed_object_stays_until_its_time(joined, made):
    node = joined()
    now, later = made(2)
    assert not node.say([now]).problem
    node.publish({"type": "bundle", "objects": [later]}, not_before=int(time.time() * 1e6) + 3_600_000_000)
    assert node.flush().taken == 0
    count = at_the_hub(node)
    assert (count[now["id"]], count[later["id"]]) == (1, 0)
    node.store.run("UPDATE outbox SET not_before = 1 WHERE stix_id = ?", (later["id"],))
    assert node.flush().taken == 1
    assert at_the_hub(node)[later["id"]] == 1


def test_the_pseudonym_s_identity_is_there_before_what_it_says(joined, made):
    node = joined()
    assert not node.say(made(3)).problem
    own = node.renew()[1].id
    order = list(at_the_hub(node))
    assert all(order.index(own) < order.index(row[0]) for row in node.store.all(
        "SELECT stix_id FROM outbox WHERE stix_id <> ?", (own,)))  # fmt: skip


def test_two_that_publish_from_one_folder_do_not_meet(forum, joined, made):
    node = joined()
    node.renew()
    other = Node(node.folder.path)
    items = made(40)
    failed = []

    def say(who, part):
        for item in part:
            try:
                assert not who.say([item]).problem
            except BaseException as error:
                failed.append(error)

    threads = [
        threading.Thread(target=say, args=(node, items[:20])),
        threading.Thread(target=say, args=(other, items[20:])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert not failed
    count = at_the_hub(node)
    assert [count[item["id"]] for item in items] == [1] * 40


def test_a_publisher_that_is_killed_leaves_nothing_twice(forum, tmp_path, made):
    """SIGKILL at ten moments, from before the command has begun its work to after its end."""
    folder = Folder.create(tmp_path / "killed", forum.url, forum.member("killed"))
    draw = random.Random(9)
    expected, codes = [], []
    for turn in range(10):
        items = made(30)
        expected += items
        path = tmp_path / f"{turn}.json"
        producer = {
            "type": "identity",
            "spec_version": "2.1",
            "id": AUTHOR,
            "created": "2026-03-01T00:00:00.000Z",
            "modified": "2026-03-01T00:00:00.000Z",
            "name": "us",
        }
        path.write_text(json.dumps({"type": "bundle", "id": "bundle--x", "objects": [producer, *items]}))
        command = [
            sys.executable,
            "-m",
            "stillwatch",
            "node",
            "publish",
            "--dir",
            str(folder.path),
            str(path),
        ]
        process = subprocess.Popen(command, stdout=-3, stderr=-3)
        time.sleep(draw.uniform(0.3, 1.6))
        process.send_signal(signal.SIGKILL)
        codes.append(process.wait())
    assert -signal.SIGKILL in codes
    for turn in range(10):
        command = [
            sys.executable,
            "-m",
            "stillwatch",
            "node",
            "publish",
            "--dir",
            str(folder.path),
            str(tmp_path / f"{turn}.json"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    with Node(folder.path) as node:
        node.sync()
        count = at_the_hub(node)
        assert [count[item["id"]] for item in expected] == [1] * len(expected)
        assert node.queue.waiting() == 0
        assert node.verify().bad is None
