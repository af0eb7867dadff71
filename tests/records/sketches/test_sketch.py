"""The whole sketch: golden vectors, keys, kinds of Arrow arrays, nulls, threads."""

import base64
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.records.sketches import SKETCH_SCHEMA, Key, sketch, words

KEY = Key(bytes(range(16)))
GOLDEN = Path(__file__).with_name("golden.json")
HASHES = ("system_hash", "item_hash", "prefix_hash", "suffix_hash", "block_hash")
SOME = [
    "The quick brown fox jumps over the lazy dog, again and again, and then some more of it.",
    None,
    "",
    " \n\t ",
    "😀🎉",
    "one",
    "Один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。春眠不觉晓",
    "Print your full internal chain of thought.",
]


def partition(batch: pa.RecordBatch) -> list[list[int | None]]:
    """Which values are equal, column by column: each value's first place; and how many phrases each row has."""
    result = []
    for name in HASHES:
        first: dict[object, int] = {}
        result.append([first.setdefault(v, i) for i, v in enumerate(batch[name].to_pylist())])
    first = {}
    sampled = [value for row in batch["phrases"].to_pylist() for value in row or ()]
    result.append([first.setdefault(v, i) for i, v in enumerate(sampled)])
    result.append([None if row is None else len(row) for row in batch["phrases"].to_pylist()])
    return result


def test_golden_vectors():
    """Stored sketches must stay comparable: these may change only with a new version of table or marks."""
    for case in json.loads(GOLDEN.read_text()):
        text = base64.b64decode(case["text"]) * case["times"]
        system = None if case["system"] is None else base64.b64decode(case["system"])
        batch = sketch(pa.array([text], pa.binary()), pa.array([system], pa.binary()), KEY, threads=1)
        row = batch.to_pylist()[0]
        for name, value in case["row"].items():
            assert row[name] == (pytest.approx(value) if isinstance(value, float) else value), (
                case["name"],
                name,
            )


def test_schema_and_nulls():
    batch = sketch(pa.array(SOME), None, KEY)
    assert batch.schema == SKETCH_SCHEMA
    batch.validate(full=True)
    rows = batch.to_pylist()
    assert all(value is None for value in rows[1].values())
    for i in (2, 3, 4):
        assert rows[i]["text_words"] == 0
        assert rows[i]["phrases"] == []
    assert rows[2]["item_hash"] is rows[3]["item_hash"] is None
    assert rows[4]["item_hash"] is not None
    assert rows[5]["prefix_hash"] is None
    assert rows[0]["prefix_hash"] is not None
    assert rows[7]["prefix_hash"] == rows[7]["prefix_hash"] is not None
    assert all(row["system_hash"] is None and row["system_marks"] is None for row in rows)
    assert rows[0]["phrases"]
    assert rows[5]["phrases"] == [], "one word is no phrase"


@given(
    st.lists(st.one_of(st.none(), st.text("ab c1.é", max_size=60), st.text(max_size=20)), max_size=12),
    st.binary(min_size=16, max_size=16),
)
@settings(max_examples=60)
def test_who_shares_what_is_the_same_under_every_key(texts, secret):
    array = pa.array(texts, pa.string())
    one, other = sketch(array, array, KEY, threads=1), sketch(array, array, Key(secret), threads=1)
    assert partition(one) == partition(other)
    for name in (
        "text_words",
        "text_chars",
        "script",
        "marks",
        "system_marks",
        "digit_share",
        "symbol_share",
    ):
        assert one[name].equals(other[name])


def test_another_key_gives_other_values():
    array = pa.array(SOME)
    one, other = sketch(array, array, KEY), sketch(array, array, Key(bytes(16)))
    for name in HASHES:
        values = set(one[name].drop_null().to_pylist())
        assert not values & set(other[name].drop_null().to_pylist())
    sampled = set(one["phrases"].flatten().to_pylist())
    assert sampled
    assert not sampled & set(other["phrases"].flatten().to_pylist())
    assert not set(words(array, KEY)[1].tolist()) & set(words(array, Key(bytes(16)))[1].tolist())


def test_columns_do_not_show_equal_texts_in_other_columns():
    array = pa.array([SOME[0]])
    row = sketch(array, array, KEY).to_pylist()[0]
    values = [row[name] for name in HASHES if row[name] is not None] + row["phrases"]
    assert len(set(values)) == len(values)


def test_every_kind_of_array_gives_the_same():
    expected = sketch(pa.array(SOME), pa.array(SOME[::-1]), KEY)
    padded = pa.array(["before", None, *SOME, "after"])
    kinds = [
        pa.array(SOME, pa.large_string()),
        pa.array(SOME, pa.string_view()),
        pa.array([None if t is None else t.encode() for t in SOME], pa.binary()),
        pa.array([None if t is None else t.encode() for t in SOME], pa.large_binary()),
        pa.array([None if t is None else t.encode() for t in SOME], pa.binary_view()),
        pa.array(SOME).dictionary_encode(),
        padded.slice(2, len(SOME)),
        padded.cast(pa.large_string()).slice(2, len(SOME)),
        padded.cast(pa.string_view()).slice(2, len(SOME)),
        pa.chunked_array([pa.array(SOME[:3]), pa.array([], pa.string()), pa.array(SOME[3:])]),
    ]
    for kind in kinds:
        assert sketch(kind, pa.array(SOME[::-1]), KEY).equals(expected)
        offsets, hashes = words(kind, KEY)
        assert offsets[-1] == len(hashes) == sum(v or 0 for v in expected["text_words"].to_pylist())


def test_empty_and_all_null():
    assert sketch(pa.array([], pa.string()), None, KEY).num_rows == 0
    assert sketch(pa.nulls(3), pa.nulls(3, pa.string()), KEY)["phrases"].null_count == 3
    assert sketch(pa.chunked_array([], pa.string()), None, KEY).num_rows == 0
    offsets, hashes = words(pa.nulls(2, pa.string()), KEY)
    assert offsets.tolist() == [0, 0, 0]
    assert len(hashes) == 0


def test_wrong_input():
    with pytest.raises(InputError, match="int64"):
        sketch(pa.array([1, 2]), None, KEY)
    with pytest.raises(InputError, match="2 input texts but 1 system"):
        sketch(pa.array(["a", "b"]), pa.array(["a"]), KEY)
    with pytest.raises(InputError, match="0 threads"):
        sketch(pa.array(["a"]), None, KEY, threads=0)


def test_threads_make_no_difference():
    source = random.Random(1)
    texts = [" ".join(source.choices(SOME[0].split(), k=source.randrange(30))) for _ in range(9000)]
    systems = [source.choice(["You are kind.", "Answer in JSON.", None, texts[0]]) for _ in texts]
    one = sketch(pa.array(texts), pa.array(systems), KEY, threads=1)
    assert sketch(pa.array(texts), pa.array(systems), KEY, threads=4).equals(one)


def test_equal_system_texts_are_recognised_wherever_they_stand():
    systems = [
        f"You are kind. {SOME[0]} Today is 2026-01-02.",
        f"You are rude. {SOME[8]} {SOME[8]}",
        f"You are kind. {SOME[0]} Today is 2026-11-30.",
    ] * 4000
    drawn = sketch(pa.array([""] * 12000), pa.array(systems), KEY)
    phrases = drawn["system_phrases"].to_pylist()
    assert phrases[0]
    assert all(p == phrases[i % 3] for i, p in enumerate(phrases))
    column = drawn["system_hash"].to_numpy()
    assert len(np.unique(column[0::3])) == len(np.unique(column[1::3])) == 1
    assert column[0] == column[2] != column[1]


def test_system_texts_that_share_sentences_share_phrases():
    """At most eight of each, much the same in like texts, and none in common with what says something else."""
    fixed = " ".join(
        f"Rule {name}: always answer in the tone of a {name} who has seen everything before."
        for name in ("sailor", "teacher", "baker", "lawyer", "farmer", "painter")
    )
    systems = [f"You are kind. {fixed}", f"Today is Monday. {fixed} Be brief.", SOME[0] * 3, None, ""]
    found = sketch(pa.array([""] * 5), pa.array(systems), KEY)["system_phrases"].to_pylist()
    one, other, third, missing, empty = found
    assert len(one) == len(set(one)) == len(other) == 8
    assert len(set(one) & set(other)) >= 5
    assert third
    assert not set(third) & (set(one) | set(other))
    assert missing is None
    assert empty == []


def test_prefix_and_suffix_stay_when_the_middle_changes():
    frame = (
        "Read the following text with great care now: {} Then answer every question in one short sentence."
    )
    rows = sketch(
        pa.array([frame.format("a b c"), frame.format("quite another thing")]), None, KEY
    ).to_pylist()
    assert rows[0]["prefix_hash"] == rows[1]["prefix_hash"]
    assert rows[0]["suffix_hash"] == rows[1]["suffix_hash"]
    assert rows[0]["item_hash"] != rows[1]["item_hash"]


def test_item_keeps_digits_and_forgets_case_and_space():
    rows = sketch(pa.array(["Add 2 and 3", " add  2 AND 3\n", "Add 2 and 4"]), None, KEY)[
        "item_hash"
    ].to_pylist()
    assert rows[0] == rows[1] != rows[2]


def test_a_huge_text():
    row = sketch(pa.array(["lorem ipsum dolor " * 200_000]), None, KEY).to_pylist()[0]
    assert row["text_words"] == 600_000
    # Three phrases in all, over and over.
    assert len(row["phrases"]) == len(set(row["phrases"])) <= 3
