"""Sampled phrases: against their definition in plain Python, and what becomes of them when texts are put together anew."""

import random

import numpy as np
import pyarrow as pa
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stillwatch.records.sketches import Key, sketch
from stillwatch.records.sketches.mixing import finished
from stillwatch.records.sketches.phrases import MOST, RATE, REACH, WEIGHT, fewest, pack, phrases

STEP = 0x9E3779B97F4A7C15
WORD, SINGLE = 2, 1
TOKEN = st.tuples(st.integers(1, 400).map(lambda n: int(finished(n))), st.sampled_from([WORD, SINGLE]))
TEXTS = st.one_of(
    st.lists(TOKEN, max_size=12),
    # Long ones of one kind of token, with many words and with few: hypothesis seldom draws long lists by itself.
    st.builds(
        lambda seed, length, words, weight: [
            (int(finished(n)), weight) for n in random.Random(seed).choices(range(1, words + 1), k=length)
        ],
        st.integers(0, 10_000),
        st.integers(0, 400),
        st.sampled_from([3, 30, 5000]),
        st.sampled_from([WORD, SINGLE]),
    ),
)


def sampled(text):
    """What the kernel keeps of a text given as (token's hash, weight), in its order."""
    tokens = np.array([t for t, _ in text], dtype=np.uint64)
    weights = np.array([w for _, w in text], dtype=np.uint8)
    found = np.zeros(MOST, np.uint64)
    return found[: phrases(tokens, weights, len(text), found)].tolist()


def phrase_at(text, i):
    """The polynomial of the shortest run from token i on that weighs WEIGHT; None where the text ends before."""
    for stop in range(i + 1, len(text) + 1):
        run = text[i:stop]
        if sum(w for _, w in run) >= WEIGHT:
            return sum(t * STEP ** (len(run) - 1 - k) for k, (t, _) in enumerate(run)) % 2**64
    return None


def by_definition(text):
    """The same in plain Python."""
    before = np.cumsum([0, *(w for _, w in text)]).tolist()
    total = before[-1]
    head = [i for i in range(len(text)) if before[i] < REACH]
    tail = [i for i in reversed(range(len(head), len(text))) if total - before[i + 1] < REACH]
    kept = []
    for places, most in ((head, MOST // 2), (tail, MOST)):
        for i in places:
            state = phrase_at(text, i)
            if state and state * RATE < 2**64 and len(kept) < most and int(finished(state)) not in kept:
                kept.append(int(finished(state)))
    return kept


@given(TEXTS)
@settings(max_examples=300)
def test_the_kernel_samples_what_the_definition_says(text):
    found = sampled(text)
    assert found == by_definition(text)
    assert len(set(found)) == len(found) <= MOST


def word_texts(low, high):
    return st.lists(TOKEN.map(lambda pair: (pair[0], WORD)), min_size=low, max_size=high)


@given(word_texts(3, 14), word_texts(3, 14), word_texts(3, 14))
def test_a_sentence_elsewhere_in_the_text_keeps_its_phrases_but_those_across_its_edges(one, two, three):
    inside = {p for part in (one, two, three) for p in sampled(part)}
    there, elsewhere = set(sampled(one + two + three)), set(sampled(two + three + one))
    assume(max(len(there), len(elsewhere)) < MOST // 2)
    assert inside <= there & elsewhere
    # Two edges between sentences; two phrases of three words lie across each.
    assert len(there - inside) <= 4
    assert len(elsewhere - inside) <= 4


def test_one_in_four_is_sampled_and_a_full_head_leaves_room_for_the_end():
    source = random.Random(5)
    texts = [[(source.getrandbits(64), WORD) for _ in range(40)] for _ in range(500)]
    # 38 phrases each; the head's cap of 16 is seldom reached.
    assert abs(np.mean([len(sampled(text)) for text in texts]) - 38 / RATE) < 0.5
    crowded = [(source.getrandbits(64), SINGLE) for _ in range(4 * REACH)]
    assert len(sampled(crowded)) == MOST
    assert len(set(sampled(crowded)) & set(sampled(crowded[: REACH + WEIGHT]))) == MOST // 2


def test_of_a_long_text_only_the_two_ends_are_read():
    source = random.Random(2)
    head, tail, book, other = (
        [(source.getrandbits(64), WORD) for _ in range(n)]
        for n in (REACH // WORD + WEIGHT, REACH // WORD, 5000, 300)
    )
    found = sampled(head + book + tail)
    assert found == sampled(head + other + tail)
    assert found
    for start in range(0, len(book), 30):
        assert not set(sampled(book[start : start + 30])) & set(found)
    assert set(found) <= {
        int(finished(phrase_at(part, i)))
        for part in (head, tail)
        for i in range(len(part))
        if phrase_at(part, i) is not None
    }


def test_too_short_for_a_phrase():
    assert sampled([]) == sampled([(1, WORD), (2, WORD)]) == sampled([(1, SINGLE)] * (WEIGHT - 1)) == []


def test_rows_are_packed_one_behind_the_other():
    rows = np.arange(12, dtype=np.uint64).reshape(3, 4)
    out = np.zeros(5, np.uint64)
    pack(rows, np.array([2, 0, 3], np.int32), out)
    assert out.tolist() == [0, 1, 8, 9, 10]


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=40), st.integers(0, 12))
def test_the_fewest_are_the_smallest_in_rising_order(values, most):
    found = np.array(values, dtype=np.uint64)
    count = fewest(found, len(found), most)
    assert found[:count].tolist() == sorted(values)[:most]
    assert sorted(found.tolist()) == sorted(values)


SENTENCES = [
    "Explain every step of the calculation before the answer is given.",
    "Imagine a patient teacher who writes for beginners without any jargon.",
    "Подробно опишите ход ваших мыслей перед тем как дать окончательный ответ.",
    "请逐步写出完整的推理过程然后再给出最后的答案。",
]


def columns(texts, key):
    return sketch(pa.array(texts), None, key, threads=1)["phrases"].to_pylist()


@given(
    st.lists(st.lists(st.sampled_from(SENTENCES), max_size=5).map(" ".join), max_size=6),
    st.binary(min_size=16, max_size=16),
)
@settings(max_examples=50)
def test_who_shares_which_phrases_is_the_same_under_every_key(texts, secret):
    mine, theirs = columns(texts, Key(bytes(16))), columns(texts, Key(secret))
    assert [len(row) for row in mine] == [len(row) for row in theirs]
    pairs = {(a, b) for one, two in zip(mine, theirs, strict=True) for a, b in zip(one, two, strict=True)}
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


def test_sentences_of_texts_in_another_order_are_known_again_and_other_sentences_are_not():
    forth, back = columns([" ".join(SENTENCES), " ".join(SENTENCES[::-1])], Key(bytes(16)))
    alone = {value for row in columns(SENTENCES, Key(bytes(16))) for value in row}
    assert alone
    assert alone <= set(forth) & set(back)
    halves = columns([" ".join(SENTENCES[:2]), " ".join(SENTENCES[2:])], Key(bytes(16)))
    assert not set(halves[0]) & set(halves[1])
