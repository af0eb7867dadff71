"""The loop, with scans that are made up: what is read when, what is told, and how it ends."""

import json
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest

from stillwatch.detection.preparation import NothingUsableError
from stillwatch.detection.run_record import Inputs
from stillwatch.detection.state.folder import StateFolder
from stillwatch.detection.state.history import write_changes
from stillwatch.detection.state.manifest import Manifest, Segment
from stillwatch.detection.state.store import opened
from stillwatch.records.errors import InputError
from stillwatch.watch.service import STATUS, Stopped, Watching
from stillwatch.watch.sinks import EventFile


class Rounds:
    """Scans that note what they were given, and commit a change each."""

    def __init__(self, state, make):
        self.state, self.make = state, make
        self.given, self.fails, self.before_end = [], [], lambda progress: None
        self.unread = set()

    def __call__(self, inputs, folder, progress):
        progress("intake", 0)
        self.given.append((folder.watched.files, inputs.accounts))
        if self.fails:
            raise self.fails.pop(0)
        self.before_end(progress)
        with opened(self.state) as store:
            part = store.fresh / "part"
            part.write_text(str(store.generation))
            history = store.fresh / "history.parquet"
            write_changes(history, [self.make(k) for k in range(1, store.generation + 1)])
            base = store.manifest or Manifest("key", "intake", "")
            newest = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1e6)
            store.commit(
                msgspec.structs.replace(
                    base,
                    history=store.filed(history),
                    watched={
                        name: seen
                        for name, seen in (base.watched | folder.watched.seen).items()
                        if name not in self.unread
                    },
                    segments=[Segment([store.filed(part)], [], {20513: 1}, newest, newest)],
                )
            )
        lost = [
            {"source": name, "reason": "file not readable", "detail": "?"} for name in sorted(self.unread)
        ]
        return SimpleNamespace(
            run={"state": {"rows": {"held": 3, "before": 1}}, "files": {"not_whole": lost}}
        )


@pytest.fixture
def place(tmp_path, change):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_text("{}\n")
    (tmp_path / "accounts.csv").write_text("account_id\n")
    state = tmp_path / "state"
    rounds, said = Rounds(state, change), []
    inputs = Inputs(str(tmp_path / "logs"), accounts=str(tmp_path / "accounts.csv"))

    def start():
        return Watching(
            inputs, StateFolder(state), tmp_path / "out", rounds,
            lambda state_id: (EventFile(tmp_path / "events.jsonl", state_id), None), said.append,
        )  # fmt: skip

    return SimpleNamespace(folder=tmp_path, rounds=rounds, said=said, start=start)


def events(place):
    return [json.loads(line)["id"][-1] for line in (place.folder / "events.jsonl").read_text().splitlines()]


def test_only_what_is_new_makes_a_round(place):
    place.start().follow(1, once=True)
    place.start().follow(1, once=True)
    (place.folder / "logs" / "b.jsonl").write_text("{}\n")
    place.start().follow(1, once=True)
    accounts = str(place.folder / "accounts.csv")
    assert place.rounds.given == [(("a.jsonl",), accounts), (("b.jsonl",), None)]
    assert events(place) == ["1", "2"]
    status = json.loads((place.folder / "out" / STATUS).read_text())
    assert status["files_waiting"] == 0
    assert status["newest_exchange"].startswith("2026-03-01")
    assert status["lag_seconds"] > 0
    assert "lag" in place.said[0]


def test_an_event_that_a_killed_run_did_not_tell_is_told_by_the_next(place):
    place.start().follow(1, once=True)
    (place.folder / "events.jsonl").write_text("")
    for cursor in place.folder.glob(".events.jsonl.*.told"):
        cursor.unlink()
    place.start().follow(1, once=True)
    assert events(place) == ["1"]
    assert len(place.rounds.given) == 1


def test_a_file_that_changes_while_it_is_read_is_read_in_the_next_round(place):
    def more(progress):
        place.rounds.before_end = lambda progress: None
        with (place.folder / "logs" / "a.jsonl").open("a") as file:
            file.write("{}\n")

    place.rounds.before_end = more
    for _ in range(2):
        place.start().follow(1, once=True)
    assert [files for files, _ in place.rounds.given] == [("a.jsonl",), ("a.jsonl",)]


def follow_aside(watching):
    thread = threading.Thread(target=watching.follow, args=(0.05,), kwargs={"once": False})
    thread.start()
    return thread


def until(condition):
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError


def test_a_round_that_fails_is_tried_again(place):
    place.start().follow(1, once=True)
    (place.folder / "logs" / "b.jsonl").write_text("{}\n")
    place.rounds.fails.append(InputError("not now"))
    watching = place.start()
    thread = follow_aside(watching)
    until(lambda: events(place) == ["1", "2"])
    watching.stop.set()
    thread.join(10)
    assert any("tried again: not now" in line for line in place.said)
    assert [files for files, _ in place.rounds.given][1:] == [("b.jsonl",), ("b.jsonl",)]


def test_the_first_round_tells_a_mistake_and_ends(place):
    place.rounds.fails.append(InputError("no such thing"))
    with pytest.raises(InputError, match="no such thing"):
        place.start().follow(1, once=False)


def test_a_first_file_that_is_only_begun_is_waited_for(place):
    place.rounds.fails.append(NothingUsableError("no usable exchange"))
    watching = place.start()
    thread = follow_aside(watching)
    until(lambda: (place.folder / "events.jsonl").exists() and events(place) == ["1"])
    watching.stop.set()
    thread.join(10)
    assert "no usable exchange" in place.said[0]


def test_to_stop_abandons_the_round(place):
    watching = place.start()

    def stop(progress):
        watching.stop.set()
        progress("groups", 0)
        pytest.fail("the round went on")

    place.rounds.before_end = stop
    watching.follow(1, once=False)
    assert "does over" in place.said[-1]
    assert not (place.folder / "events.jsonl").exists()
    place.rounds.before_end = lambda progress: None
    place.start().follow(1, once=True)
    assert events(place) == ["1"]
    assert issubclass(Stopped, BaseException)
    assert not issubclass(Stopped, Exception), "no handler of errors swallows it"


def test_an_empty_folder_waits(place):
    (place.folder / "logs" / "a.jsonl").unlink()
    place.start().follow(1, once=True)
    assert place.rounds.given == []


def test_a_file_that_cannot_be_read_is_told_and_makes_no_rounds_of_its_own(place):
    place.rounds.unread = {"bad.jsonl"}
    (place.folder / "logs" / "bad.jsonl").write_text("?\n")
    watching = place.start()
    thread = follow_aside(watching)
    until(lambda: watching.status.rounds == 1 and watching.status.lag_seconds is not None)
    threading.Event().wait(0.3)
    assert len(place.rounds.given) == 1
    status = json.loads((place.folder / "out" / STATUS).read_text())
    assert (status["files_unreadable"], status["files_waiting"], status["files_read"]) == (1, 0, 1)
    assert status["unreadable"] == {"bad.jsonl": "file not readable: ?"}
    assert place.said[0].startswith(f"{place.folder / 'logs' / 'bad.jsonl'}: file not readable: ?")
    assert "2 files (1 could not be read)" in place.said[1]
    (place.folder / "logs" / "c.jsonl").write_text("{}\n")
    until(lambda: watching.status.rounds == 2)
    place.rounds.unread = set()
    watching.stop.set()
    thread.join(10)
    assert place.rounds.given[1][0] == ("bad.jsonl", "c.jsonl"), "it is tried again along with others"
    place.start().follow(1, once=True)
    assert place.rounds.given[-1][0] == ("bad.jsonl",), "and by the next start"


def test_what_a_scan_by_somebody_else_changed_is_told_in_a_quiet_folder(place):
    watching = place.start()
    thread = follow_aside(watching)
    until(lambda: watching.status.rounds == 1)
    other = SimpleNamespace(watched=SimpleNamespace(files=(), seen={}))
    place.rounds(SimpleNamespace(accounts=None), other, lambda stage, done: None)
    until(lambda: events(place) == ["1", "2"])
    watching.stop.set()
    thread.join(10)
    assert watching.status.rounds == 1
