"""Decoding and normalising bytes: the kernel against Python's decoder and plain Python."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.sketches.normalise import MOST, decode, normalise
from stillwatch.records.sketches.reference import normalised
from stillwatch.records.sketches.unicode_table import unicode_table


@given(st.binary(max_size=40))
@settings(max_examples=300)
def test_invalid_bytes_are_decoded_as_python_decodes_them(data):
    buffer, found, i = np.frombuffer(data + b"\0", np.uint8), [], 0
    while i < len(data):
        code, i = decode(buffer, i, len(data))
        found.append(chr(code))
    assert "".join(found) == data.decode("utf-8", errors="replace")


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_entries_and_places(text):
    data = text.encode("utf-8", errors="replace")
    text = data.decode()
    table = unicode_table()
    entries, places = np.zeros(MOST * len(data) + 16, np.uint32), np.zeros(MOST * len(data) + 16, np.int64)
    buffer = np.frombuffer(data + b"\0", np.uint8)
    tables = (table.pages, table.blocks, table.expansions)
    n, codes = normalise(buffer, 0, len(data), *tables, entries, places, True)
    assert codes == len(text)
    found = [(int(e) & 0x1FFFFF, int(e) >> 21 & 7, int(e) >> 24 & 15) for e in entries[:n]]
    assert found == normalised(text)
    assert places[:n].tolist() == [i for i, char in enumerate(text) for _ in normalised(char)]


def test_no_character_leaves_more_than_there_is_room_for():
    for code in range(0x110000):
        if not 0xD800 <= code <= 0xDFFF:
            char = chr(code)
            assert len(normalised(char)) <= MOST * len(char.encode())
