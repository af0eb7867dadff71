"""A service's log: one JSON object a line, and no more of one kind than a person can read."""

import io
import json
import threading

from stillwatch.serving import events as events_module
from stillwatch.serving.events import Events


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_is_a_line():
    out = io.StringIO()
    Events(out).say("file", path="usage/a\nb", rows=3)
    (line,) = lines(out)
    assert list(line) == ["time", "event", "path", "rows"]
    assert (line["event"], line["path"], line["rows"]) == ("file", "usage/a\nb", 3)
    assert str(line["time"]).endswith("+00:00")


def test_lines_of_many_threads_stay_whole():
    out = io.StringIO()
    events = Events(out)
    threads = [
        threading.Thread(target=lambda: [events.say("e", text="x" * 500) for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(out)) == 400


def test_what_clients_cause_is_told_sometimes(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(events_module.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    events = Events(out)
    for _ in range(5):
        events.sometimes("refused", "401")
    events.sometimes("refused", "413")
    now[0] += 11
    events.sometimes("refused", "401")
    now[0] += 11
    events.sometimes("refused", "401")
    assert [(line["kind"], line.get("more")) for line in lines(out)] == [
        ("401", None),
        ("413", None),
        ("401", 4),
        ("401", None),
    ]


def test_a_log_that_nobody_reads_stops_nothing():
    out = io.StringIO()
    events = Events(out)
    out.close()
    events.say("file")
    events.sometimes("refused", "401")
