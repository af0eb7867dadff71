import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.node import sse
from stillwatch.node.sse import Event, Reader, events
from stillwatch.records.errors import InputError


def read(text):
    return list(events([text.encode()]))


def test_the_examples_of_the_standard():
    # WHATWG HTML, section 9.2.6.
    assert read("data: YHOO\ndata: +2\ndata: 10\n\n") == [Event("", "message", "YHOO\n+2\n10")]
    found = read(
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    )
    assert [(e.id, e.data) for e in found] == [
        ("1", "first event"),
        ("", "second event"),
        ("", " third event"),
    ]
    assert [e.data for e in read("data\n\ndata\ndata\n\ndata:\n")] == ["", "\n"]
    assert [e.data for e in read("data:test\n\ndata: test\n\n")] == ["test", "test"]


def test_an_id_stays_until_the_next():
    assert [e.id for e in read("id: 4\ndata: a\n\ndata: b\n\nid: 5\0\ndata: c\n\n")] == ["4", "4", "4"]


def test_names_and_fields_of_ours():
    (event,) = read('event: erased\nid: 9\ndata: {}\nreceipt: {"seq":9}\n\n')
    assert (event.name, event.more) == ("erased", {"receipt": '{"seq":9}'})


def test_how_long_to_wait():
    reader = Reader()
    list(reader.feed(b"retry: 1500\nretry: x\n\n"))
    assert reader.retry_s == 1.5


@given(
    st.lists(st.tuples(st.text("ab 1", min_size=1, max_size=5), st.integers(1, 99)), max_size=5),
    st.sampled_from(("\n", "\r\n", "\r")),
    st.lists(st.integers(1, 7), min_size=1, max_size=40),
)
def test_pieces_and_ends_of_lines_make_no_difference(said, end, sizes):
    text = "\ufeff" + "".join(f"id: {n}{end}data: {data}{end}{end}" for data, n in said)
    raw, pieces, at = text.encode(), [], 0
    for size in sizes:
        pieces.append(raw[at : at + size])
        at += size
    pieces += [raw[at:], b"\n"]
    assert [(e.id, e.data) for e in events(pieces)] == [(str(n), data) for data, n in said]


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_any_bytes_are_read(pieces):
    list(events(pieces))


def test_a_line_is_bounded(monkeypatch):
    monkeypatch.setattr(sse, "MOST_LINE", 10)
    with pytest.raises(InputError, match="too long"):
        read("data: 12345678901")


@pytest.mark.parametrize("line", ["data:\n", "x%d: y\n", "data: 1\n"])
def test_an_event_is_bounded_however_it_grows(monkeypatch, line):
    monkeypatch.setattr(sse, "MOST_LINE", 50)
    lines = [line.replace("%d", str(number)) for number in range(20)]
    assert read("".join(lines[:5]) + "\n") is not None
    with pytest.raises(InputError, match="too large"):
        read("".join(lines))
