"""Streams: durable and resumable, nobody waits for another, revoked members' end."""

import json
import threading
import time

import pytest

from stillwatch.hub import bounds


def post(running, anna, *objects):
    answer = running.post(f"/taxii2/api/collections/{anna.collection}/objects/", {"objects": list(objects)})
    assert answer.json["failure_count"] == 0, answer.json


def test_what_is_posted_arrives_in_order(running, anna, parts, web):
    early = parts.indicator()
    post(running, anna, early)
    live, replay = web.Stream(running), web.Stream(running, "?after=0")
    assert live.answer.getheader("content-type") == "text/event-stream"
    objects = [parts.indicator() for _ in range(20)]
    post(running, anna, *objects)
    events = live.take(20)
    assert [event["id"] for event in events] == [str(n) for n in range(2, 22)]
    assert [json.loads(event["data"]) for event in events] == objects
    assert [json.loads(event["data"]) for event in replay.take(21)] == [early, *objects]
    assert "receipt" not in events[0]
    resumed = web.Stream(running, Last_Event_ID="19")
    assert [event["id"] for event in resumed.take(2)] == ["20", "21"]


def test_receipts_come_where_they_are_asked_for(running, anna, parts, web):
    anna.pseudonym()
    anna.post_signed(parts.indicator(), parts.indicator())
    post(running, anna, parts.indicator())
    events = web.Stream(running, "?after=0&receipts=1").take(3)
    receipts = [json.loads(event["receipt"]) for event in events]
    assert [receipt["seq"] for receipt in receipts] == [1, 2, 3]
    assert receipts[0]["envelope"]["payloadType"] == "application/vnd.stillwatch.batch+json"
    assert len(receipts[0]["proof"]) == 1
    assert "envelope" not in receipts[2]


def test_what_is_erased_is_said_to_be(running, anna, parts, web):
    gone, stays = parts.indicator(), parts.indicator()
    watching = web.Stream(running, "?after=0")
    post(running, anna, gone, stays)
    watching.take(2)
    running.call("DELETE", f"/taxii2/api/collections/shared/objects/{gone['id']}/")
    first, second = web.Stream(running, "?after=0").take(2)
    assert (first["event"], first["data"]) == ("erased", '{"erased":true}')
    assert json.loads(second["data"]) == stays


def test_collections_can_be_chosen(running, hub, anna, parts, web):
    hub.add_collection("second", "second")
    hub.add_collection("hidden", "hidden", can_read=False)
    stream = web.Stream(running, "?after=0&collection=second")
    both = web.Stream(running, f"?after=0&collection=second&collection={anna.collection}")
    post(running, anna, parts.indicator())
    wanted = parts.indicator()
    running.post("/taxii2/api/collections/second/objects/", {"objects": [wanted]})
    running.post("/taxii2/api/collections/hidden/objects/", {"objects": [parts.indicator()]})
    event = stream.next()
    assert (event["id"], json.loads(event["data"])) == ("2", wanted)
    assert [event["id"] for event in both.take(2)] == ["1", "2"]
    assert running.call("GET", "/stream?collection=hidden").status == 403
    assert running.call("GET", "/stream?collection=nothing").status == 404


def test_what_another_process_commits_arrives(running, anna, parts, web, serve, hub):
    other = serve()
    other.authorization = running.authorization
    stream = web.Stream(other)
    post(running, anna, parts.indicator())
    assert stream.next()["id"] == "1"
    anna.post(parts.indicator())
    assert stream.next()["id"] == "2"


def test_a_revoked_member_s_stream_ends_within_a_second(running, hub, bert, anna, web):
    mine = web.Stream(running)
    running.authorization = web.basic(bert.credentials)
    theirs = web.Stream(running)
    hub.revoke_member("bert")
    begin = time.monotonic()
    assert theirs.next() is None
    while running.call("GET", "/taxii2/").status != 401:
        assert time.monotonic() - begin < 1.0
    running.authorization = web.basic(anna.credentials)
    anna.post({**_indicator()})
    assert mine.next()["id"] == "1"


def _indicator():
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": "indicator--6f1c3d2e-5a4b-4c3d-8e2f-1a2b3c4d5e6f",
        "created": "2026-11-01T00:00:00.000Z",
        "modified": "2026-11-01T00:00:00.000Z",
        "pattern": "[domain-name:value = 'example.com']",
        "pattern_type": "stix",
        "valid_from": "2026-11-01T00:00:00.000Z",
    }


def test_the_end_of_the_hub_ends_streams_cleanly(running, web):
    stream = web.Stream(running)
    begin = time.monotonic()
    stopped = threading.Thread(target=running.stop)
    stopped.start()
    assert stream.next() is None
    stopped.join()
    assert time.monotonic() - begin < 5
    assert running.process.returncode == 0


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", "?after=1&after=2", "?receipts=2"])
def test_queries_that_make_no_sense(shared, query):
    assert shared.call("GET", f"/stream{query}").status == 400


def test_what_cannot_be_is_refused(shared, web):
    assert shared.call("GET", "/stream", Last_Event_ID="x").status == 400
    later = shared.call("GET", "/stream?after=999")
    assert (later.status, "restored" in later.json["description"]) == (409, True)
    assert shared.call("GET", "/stream", Accept="application/json").status == 406
    assert shared.call("GET", "/stream", Authorization=None).status == 401
    assert shared.call("HEAD", "/stream").status == 200


def test_a_member_has_so_many_streams(shared, web):
    streams = [web.Stream(shared) for _ in range(bounds.MAX_STREAMS_OF_MEMBER)]
    assert [stream.status for stream in streams] == [200] * len(streams)
    refused = shared.call("GET", "/stream")
    assert (refused.status, refused.header("retry-after")) == (429, "1")
    for stream in streams:
        stream.close()
    end = time.monotonic() + 10
    while (again := web.Stream(shared)).status != 200:
        assert time.monotonic() < end
    again.close()


def test_a_heartbeat_says_that_the_stream_lives(store, parts, web, serve):
    anna = parts.Provider(store.create(), "anna")
    running = serve(before="import stillwatch.hub.bounds as b\nb.HEARTBEAT_SECONDS = 0.2")
    running.authorization = web.basic(anna.credentials)
    stream = web.Stream(running)
    lines = [stream.answer.readline() for _ in range(6)]
    assert lines[0].startswith(b"retry: ")
    assert lines.count(b": still here\n") == 2


def test_a_stalled_subscriber_delays_nobody_and_loses_nothing(store, parts, web, serve):
    """It takes nothing until it is cut; the others have everything at once, and it has the rest when it comes again."""
    anna = parts.Provider(store.create(), "anna")
    running = serve(before="import stillwatch.hub.bounds as b\nb.STALL_SECONDS = 1.0")
    running.authorization = web.basic(anna.credentials)
    stalled = running.raw()
    stalled.setsockopt(1, 8, 4096)
    stalled.sendall(
        f"GET /stream HTTP/1.1\r\nHost: x\r\nAuthorization: {running.authorization}\r\n\r\n".encode()
    )
    assert stalled.recv(15) == b"HTTP/1.1 200 OK"
    others = [web.Stream(running) for _ in range(3)]
    number, slowest = 0, 0.0
    while number < 60 * 500:
        anna.post(*(parts.indicator() for _ in range(500)))
        begin = time.monotonic()
        number += 500
        for other in others:
            assert int(other.take(500)[-1]["id"]) == number
        slowest = max(slowest, time.monotonic() - begin)
    assert slowest < 3
    end = time.monotonic() + 20
    while running.call("GET", "/metrics").body.decode().find("stillwatch_hub_streams 3.0") < 0:
        assert time.monotonic() < end
        time.sleep(0.1)
    stalled.close()
    again = web.Stream(running, "?after=7")
    assert [int(event["id"]) for event in again.take(number - 7)] == list(range(8, number + 1))


def test_a_member_has_no_more_streams_however_fast_it_opens_them(running, anna, web):
    opened, guard = [], threading.Lock()

    def work():
        stream = web.Stream(running)
        with guard:
            opened.append(stream)

    threads = [threading.Thread(target=work) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        statuses = [stream.status for stream in opened]
        assert statuses.count(200) == bounds.MAX_STREAMS_OF_MEMBER
        assert set(statuses) == {200, 429}
    finally:
        for stream in opened:
            stream.close()
