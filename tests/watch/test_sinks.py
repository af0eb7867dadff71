"""Event files hold each event once, whatever happened between."""

import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.watch.sinks import Cursor, EventFile, EventStream, check_writeable


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def cursors(folder):
    return list(folder.glob(".events.jsonl.*.told"))


def test_where_events_cannot_be_written_is_known_before(tmp_path):
    check_writeable(tmp_path / "events.jsonl")
    (tmp_path / "events.jsonl").touch()
    check_writeable(tmp_path / "events.jsonl")
    assert (tmp_path / "events.jsonl").read_bytes() == b""
    with pytest.raises(InputError, match=r"it is a folder"):
        check_writeable(tmp_path)
    with pytest.raises(InputError, match=r"there is no such folder"):
        check_writeable(tmp_path / "no" / "events.jsonl")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 400)), min_size=1, max_size=5))
def test_each_event_once_though_writing_breaks_off_anywhere(change, tmp_path_factory, runs):
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    most = 0
    for upto, cut in runs:
        before = path.read_bytes() if path.exists() else b""
        kept = {cursor: cursor.read_bytes() for cursor in cursors(path.parent)}
        EventFile(path, "ab").send([change(k) for k in range(1, upto + 1)])
        most = max(most, upto)
        # Killed while it wrote: the cursor is that of before, and the file ends anywhere in what is new.
        whole = path.read_bytes()
        left = whole[: max(len(whole) - cut, len(before))]
        if left != whole:
            path.write_bytes(left)
            for cursor in cursors(path.parent):
                cursor.unlink()
            for cursor, content in kept.items():
                cursor.write_bytes(content)
    EventFile(path, "ab").send([change(k) for k in range(1, most + 1)])
    assert ids(path) == [f"ab-{k:09d}" for k in range(1, most + 1)]


def test_two_writers_write_each_event_once(change, tmp_path):
    path = tmp_path / "events.jsonl"
    one, other = EventFile(path, "ab"), EventFile(path, "ab")
    assert one.send([change(1), change(2)]) == 2
    assert other.send([change(1), change(2), change(3)]) == 1
    assert one.send([change(1), change(2), change(3)]) == 0
    assert ids(path) == [f"ab-{k:09d}" for k in (1, 2, 3)]


def _write(path, upto, changes):
    for k in range(1, upto + 1):
        EventFile(path, "ab").send(changes[:k])


def test_writers_at_the_same_time_write_each_event_once(change, tmp_path):
    path = tmp_path / "events.jsonl"
    changes = [change(k) for k in range(1, 31)]
    # Each opening is a lock of its own, in one process as in several.
    threads = [threading.Thread(target=_write, args=(path, 30, changes)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(path) == [f"ab-{k:09d}" for k in range(1, 31)]


def test_a_file_that_was_rotated_away_is_not_filled_with_what_was_told(change, tmp_path):
    path = tmp_path / "events.jsonl"
    running = EventFile(path, "ab")
    running.send([change(1), change(2)])
    path.rename(tmp_path / "events.jsonl.1")
    assert EventFile(path, "ab").send([change(1), change(2)]) == 0
    assert not path.exists()
    assert EventFile(path, "ab").send([change(1), change(2), change(3)]) == 1
    assert running.send([change(1), change(2), change(3)]) == 0
    assert ids(path) == ["ab-000000003"]


def test_a_place_that_cannot_be_written_is_told_in_one_line(change, tmp_path):
    with pytest.raises(InputError, match="cannot write events there"):
        EventFile(tmp_path / "absent" / "events.jsonl", "ab").send([change(1)])


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"state_id": "ab"}', '{"state_id": "ab", "sequence": null}', "é"]
)
def test_a_damaged_cursor_is_told_in_one_line(tmp_path, content):
    (tmp_path / "told.json").write_text(content)
    with pytest.raises(InputError, match="it is empty or damaged"):
        Cursor(tmp_path / "told.json", "ab")


def test_events_of_another_state_count_apart(change, tmp_path):
    path = tmp_path / "events.jsonl"
    assert EventFile(path, "ab").send([change(1), change(2)]) == 2
    assert EventFile(path, "cd").send([change(1)]) == 1
    assert ids(path) == ["ab-000000001", "ab-000000002", "cd-000000001"]


def test_a_file_of_other_lines_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(InputError, match="holds other lines than events"):
        EventFile(path, "ab")
    assert path.read_text() == "my notes\n"


def test_on_standard_output_each_once(change, tmp_path, capsys):
    for upto in (2, 2, 3):
        EventStream(Cursor(tmp_path / "told.json", "ab")).send([change(k) for k in range(1, upto + 1)])
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["id"][-1] for line in lines] == ["1", "2", "3"]


def test_a_cursor_is_of_one_state(tmp_path):
    Cursor(tmp_path / "told.json", "ab").move(5)
    assert Cursor(tmp_path / "told.json", "ab").sequence == 5
    assert Cursor(tmp_path / "told.json", "cd").sequence == 0
