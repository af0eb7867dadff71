"""A hub's process from start to end."""

import signal
import threading
import time


def test_it_says_where_it_listens_and_ends_gracefully(running):
    assert running.event("listening")["port"] == running.port
    assert running.stop(signal.SIGTERM) == 0
    assert running.event("stopped")


def test_streams_end_and_what_was_posted_is_kept(running, anna, parts, web, serve):
    stream = web.Stream(running, "?after=0")
    assert stream.status == 200
    anna_posts = [parts.indicator() for _ in range(3)]
    answer = running.post(f"/taxii2/api/collections/{anna.collection}/objects/", {"objects": anna_posts})
    assert answer.json["success_count"] == 3
    assert [event["id"] for event in stream.take(3)] == ["1", "2", "3"]
    ended = []
    waiting = threading.Thread(target=lambda: ended.append(stream.next()))
    waiting.start()
    assert running.stop(signal.SIGTERM) == 0
    waiting.join(10)
    assert ended == [None]
    again = serve()
    again.authorization = running.authorization
    assert len(again.call("GET", f"/taxii2/api/collections/{anna.collection}/objects/").json["objects"]) == 3


def test_two_processes_serve_one_hub(running, anna, parts, web, serve):
    other = serve()
    other.authorization = running.authorization
    stream = web.Stream(other, "?after=0")
    path = f"/taxii2/api/collections/{anna.collection}/objects/"
    for server in (running, other) * 3:
        assert server.post(path, {"objects": [parts.indicator() for _ in range(4)]}).status == 202
    assert [int(event["id"]) for event in stream.take(24)] == list(range(1, 25))
    stream.close()
    ids = [item["id"] for item in running.call("GET", path).json["objects"]]
    assert len(set(ids)) == 24


def test_a_kill_loses_nothing_that_was_acknowledged(running, hub, anna, parts, serve):
    path = f"/taxii2/api/collections/{anna.collection}/objects/"
    known, kept = [], threading.Event()

    def post():
        while not kept.is_set():
            made = [parts.indicator() for _ in range(20)]
            try:
                if running.post(path, {"objects": made}).status == 202:
                    known.extend(item["id"] for item in made)
            except OSError:
                return

    writer = threading.Thread(target=post)
    writer.start()
    time.sleep(0.7)
    running.stop(signal.SIGKILL)
    kept.set()
    writer.join(30)
    again = serve()
    held = [row.stix_id for row in anna.all(limit=1000)]
    assert again.call("GET", "/readyz", Authorization=None).status == 200
    assert known
    assert set(known) <= set(held)
    assert len(held) == len(set(held))
    assert hub.verify() is None
