"""Normalisation and tokens: the kernel against plain Python, and all forms of a text alike."""

import unicodedata

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.sketches import Key, sketch, split_words, words
from stillwatch.records.sketches.reference import normalised, tokens_of
from stillwatch.records.sketches.unicode_table import unicode_table

KEY = Key(bytes(range(16)))
IOTA_SUBSCRIPT = "\u0345"


def settled(char: str) -> bool:
    """Characters for which exact equality is promised.

    Known to the table and to this Python; and not the combining iota, which upper case turns into a letter: between
    it and a virama (class 9) canonical order may change places. No written language has both.
    """
    return (
        unicode_table().assigned(char)
        and unicodedata.category(char) not in ("Cn", "Cs")
        and IOTA_SUBSCRIPT not in unicodedata.normalize("NFD", char)
    )


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn"]).filter(settled), max_size=60)


def hashes(text: str) -> list[int]:
    return words(pa.array([text]), KEY, threads=1)[1].tolist()


@given(TEXT)
@settings(max_examples=300)
def test_all_forms_and_cases_of_a_text_are_one(text):
    variants = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    variants += [text.upper(), text.lower(), text.casefold(), text.swapcase()]
    batch = sketch(pa.array([text, *variants]), None, KEY, threads=1)
    for name in (
        "text_words",
        "script",
        "marks",
        "item_hash",
        "prefix_hash",
        "suffix_hash",
        "block_hash",
        "phrases",
    ):
        assert len({str(value) for value in batch[name]}) == 1, name
    assert all(hashes(variant) == hashes(text) for variant in variants)


@given(st.text(max_size=80))
@settings(max_examples=300)
def test_the_kernel_splits_as_plain_python_does(text):
    data = text.encode("utf-8", errors="replace").decode()
    spans = split_words(data, KEY)
    expected = tokens_of(data)
    assert len(spans) == len(expected)
    groups: dict[int, set[int]] = {}
    for (_, _, found), token in zip(spans, expected, strict=True):
        groups.setdefault(token.hash, set()).add(found)
    assert all(len(found) == 1 for found in groups.values())
    assert len(set().union(*groups.values())) == len(groups)


@given(
    st.text(max_size=40), st.sampled_from(["\u200b", "\u00ad", "\ufe0f", "\u202e", "\U000e0041", "\u0301"])
)
def test_invisible_characters_and_accents_make_no_difference(text, char):
    stuffed = "".join(c + char for c in text)
    assert [t.codes for t in tokens_of(stuffed)] == [t.codes for t in tokens_of(text)]
    assert hashes(stuffed) == hashes(text)


def test_spans_show_the_words_as_written():
    text = "Größe: 1,234.5 kg — 漢字テスト «ﬁn» e\u0301te\u0301"
    pieces = [text[a:b] for a, b, _ in split_words(text, KEY)]
    assert pieces == ["Größe", "1,234.5", "kg", "漢", "字", "テ", "ス", "ト", "ﬁn", "e\u0301te\u0301"]
    assert [h for _, _, h in split_words(text, KEY)] == hashes(text)


def test_numbers_are_one_token_whatever_they_are():
    assert hashes("take 3 of 17") == hashes("take ٣ of 99, 100")
    assert hashes("gpt4") == hashes("gpt35") != hashes("gpt")


def test_expansion_of_one_character_into_several_words():
    text = "\ufdfa"  # eighteen letters and spaces
    assert hashes(text) == hashes(unicodedata.normalize("NFKD", text))
    assert all(0 <= a < b <= 1 for a, b, _ in split_words(text, KEY))
    assert len(normalised(text)) == 18
