"""Normalisation in plain Python, against what Python's own Unicode functions give."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.sketches.reference import normalised, tokens_of


@given(st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x24F), max_size=30))
def test_latin_letters_are_folded_and_bare(text):
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.upper()).casefold())
    expected = "".join(c for c in bare if not unicodedata.combining(c))
    assert "".join(chr(code) for code, _, _ in normalised(text)) == expected


def test_hangul_is_taken_apart():
    assert [code for code, _, _ in normalised("한가")] == [0x1112, 0x1161, 0x11AB, 0x1100, 0x1161]


def test_viramas_and_vowel_signs_stay():
    assert [code for code, _, _ in normalised("क्षि")] == [ord(c) for c in "क्षि"]


def test_tokens():
    tokens = tokens_of("Don't take 3, 4 or v2.0 — 漢字 กา")
    words = ["".join(map(chr, t.codes)) for t in tokens if not t.number]
    assert words == ["don", "t", "take", "or", "v2", "漢", "字", "ก", "า"]
    assert sum(t.number for t in tokens) == 2
