"""Recent events: the form of the wire, what a cursor gets, and the ring's bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub import ring as ring_module
from stillwatch.hub.model import Event
from stillwatch.hub.ring import Ring, chunk_of, line_of


def event(seq: int, size: int = 10, collection: str = "a", erased: bool = False) -> Event:
    return Event(seq, collection, None if erased else b'{"x":"%b"}' % (b"y" * size), b'{"seq":%d}' % seq)


def test_the_form_of_the_wire():
    line = line_of(event(7, 1))
    assert line.event == b'id: 7\ndata: {"x":"y"}\n'
    assert line.receipt == b'receipt: {"seq":7}\n'
    assert line_of(event(8, erased=True)).event == b'id: 8\nevent: erased\ndata: {"erased":true}\n'
    assert line.size == len(line.event) + len(line.receipt)


def test_a_chunk_holds_what_is_wanted():
    lines = [line_of(event(1)), line_of(event(2, collection="b")), line_of(event(3))]
    plain, end = chunk_of(lines, 0, None, receipts=False)
    assert (plain.count(b"\n\n"), plain.count(b"receipt:"), end) == (3, 0, 3)
    chosen, end = chunk_of(lines, 0, frozenset("b"), receipts=True)
    assert (chosen, end) == (lines[1].event + lines[1].receipt + b"\n", 3)
    assert chunk_of(lines, 3, None, receipts=False) == (b"", 3)


def test_a_chunk_has_a_bound_and_one_event_at_least(monkeypatch):
    monkeypatch.setattr(ring_module, "CHUNK_BYTES", 100)
    lines = [line_of(event(n, 80)) for n in range(1, 6)]
    seen, start = [], 0
    while start < len(lines):
        chunk, start = chunk_of(lines, start, None, receipts=False)
        seen.append(chunk.count(b"id: "))
    assert seen == [1, 1, 1, 1, 1] or max(seen) <= 2


def test_what_lies_before_the_ring_is_not_guessed():
    ring = Ring(10)
    assert ring.after(10) == []
    assert ring.after(9) is None
    ring.add([event(11), event(13)], 15)
    assert [line.seq for line in ring.after(10)] == [11, 13]
    assert [line.seq for line in ring.after(11)] == [13]
    assert ring.after(15) == []
    ring.forget()
    assert ring.after(14) is None
    assert ring.after(15) == []


def test_the_ring_has_bounds(monkeypatch):
    monkeypatch.setattr(ring_module, "RING_EVENTS", 3)
    ring = Ring(0)
    ring.add([event(n) for n in range(1, 6)], 5)
    assert ring.tail == 2
    monkeypatch.setattr(ring_module, "RING_BYTES", 150)
    ring.add([event(6, 90)], 6)
    assert ring.after(4) is None
    assert [line.seq for line in ring.after(5)] == [6]
    ring.add([event(7, 1000)], 7)
    assert ring.after(6) is None


def test_old_events_are_dropped():
    now = [100.0]
    ring = Ring(0, clock=lambda: now[0])
    ring.add([event(1)], 1)
    now[0] += ring_module.RING_SECONDS - 1
    ring.add([event(2)], 2)
    now[0] += 2
    ring.expire()
    assert ring.after(0) is None
    assert [line.seq for line in ring.after(1)] == [2]


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 60)), max_size=6), max_size=12),
    st.integers(0, 60),
)
def test_a_cursor_gets_every_event_once_or_is_told_so(batches, cursor):
    old = ring_module.RING_EVENTS, ring_module.RING_BYTES
    ring_module.RING_EVENTS, ring_module.RING_BYTES = 8, 300
    try:
        ring, seq, everything = Ring(0), 0, []
        for batch in batches:
            made = []
            for step, size in batch:
                seq += step
                made.append(event(seq, size))
            everything += [each.seq for each in made]
            ring.add(made, seq)
            found = ring.after(min(cursor, seq))
            if found is not None:
                assert [line.seq for line in found] == [n for n in everything if n > min(cursor, seq)]
            assert ring.after(seq) == []
    finally:
        ring_module.RING_EVENTS, ring_module.RING_BYTES = old


@pytest.mark.parametrize("receipts", [True, False])
@given(sizes=st.lists(st.integers(0, 100_000), max_size=20))
def test_chunks_together_are_everything(receipts, sizes):
    lines = [line_of(event(n, size)) for n, size in enumerate(sizes, 1)]
    start, found = 0, b""
    while start < len(lines):
        chunk, start = chunk_of(lines, start, None, receipts=receipts)
        found += chunk
    assert found == b"".join(line.event + (line.receipt if receipts else b"") + b"\n" for line in lines)
