"""Event files hold each event once, whatever happened between."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.watch.sinks import Cursor, EventFile, EventStream


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 400)), min_size=1, max_size=5))
def test_each_event_once_though_writing_breaks_off_anywhere(change, tmp_path_factory, runs):
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    most = 0
    for upto, cut in runs:
        EventFile(path, "ab").send([change(k) for k in range(1, upto + 1)])
        most = max(most, upto)
        whole = path.read_bytes()
        path.write_bytes(whole[: max(len(whole) - cut, 0)])
    EventFile(path, "ab").send([change(k) for k in range(1, most + 1)])
    assert ids(path) == [f"ab-{k:09d}" for k in range(1, most + 1)]


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
