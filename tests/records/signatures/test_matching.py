"""Texts held against signatures: under each key, distinct texts once, in shards or whole."""

import random

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.signatures import AGREE, POSITIONS, Matcher, Signature, make
from stillwatch.records.sketches import Key

VOCABULARY = [f"{a}{b}o{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "lmnrst"]
ONE, OTHER = Key(b"a" * 16), Key(b"b" * 16)


def template(seed: int, words: int = 40) -> list[str]:
    return random.Random(seed).choices(VOCABULARY, k=words)


def text(of: list[str], rng: random.Random, slot: int = 8) -> str:
    begin = len(of) // 2
    return " ".join([*of[:begin], *rng.choices(VOCABULARY, k=slot), *of[begin:]])


def signed(seed: int, key: Key, part: str = "input") -> Signature:
    rng = random.Random(seed + 1000)
    texts = [text(template(seed), rng) for _ in range(10)]
    found = make(texts, [f"a{i}" for i in range(10)], key, epoch=1, part=part).signature
    assert found is not None
    return found


def test_each_template_matches_its_own_signature_under_its_key() -> None:
    matcher = Matcher([(signed(1, ONE), ONE), (signed(2, OTHER), OTHER), (signed(1, ONE), OTHER)])
    rng = random.Random(7)
    texts = pa.array([text(template(1), rng), None, text(template(2), rng), text(template(3), rng)])
    row, which, agreed = matcher.match(texts, "input")
    assert (row.tolist(), which.tolist()) == ([0, 2], [0, 1])
    assert (agreed >= AGREE).all()
    assert (agreed <= POSITIONS).all()


def test_the_part_tells_which_text_is_meant() -> None:
    matcher = Matcher([(signed(1, ONE, "system"), ONE)])
    texts = pa.array([" ".join(template(1))])
    assert matcher.parts == {"system"}
    assert len(matcher.match(texts, "input")[0]) == 0
    assert len(matcher.match(texts, "system")[0]) == 1


def test_a_frame_around_a_long_text_is_found() -> None:
    rng = random.Random(3)
    of = template(1, 60)
    long = " ".join([*of, *rng.choices(VOCABULARY, k=2000)])
    assert len(Matcher([(signed_of(of), ONE)]).match(pa.array([long]), "input")[0]) == 1


def signed_of(of: list[str]) -> Signature:
    found = make([" ".join(of)] * 5, [f"a{i}" for i in range(5)], ONE, epoch=1, part="input").signature
    assert found is not None
    return found


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30), st.integers(0, 30), st.booleans()
)
def test_shards_give_what_the_whole_gives(rows: list[tuple[int, int]], cut: int, coded: bool) -> None:
    matcher = Matcher([(signed(i, ONE), ONE) for i in range(4)])
    kept = [None if of == 5 else text(template(of), random.Random(slot)) for of, slot in rows]
    whole = pa.array(kept, pa.string())
    asked = whole.dictionary_encode() if coded else whole
    shards = [matcher.match(whole[:cut], "input"), matcher.match(whole[cut:], "input", 2)]
    found = matcher.match(asked, "input")
    assert found[0].tolist() == [*shards[0][0], *(shards[1][0] + min(cut, len(rows)))]
    for one, first, second in zip(found[1:], shards[0][1:], shards[1][1:], strict=True):
        assert (one == np.concatenate([first, second])).all()
    assert found[0].tolist() == [i for i, (of, _) in enumerate(rows) if of < 4]


def test_chunks_and_nothing() -> None:
    matcher = Matcher([(signed(1, ONE), ONE)])
    chunked = pa.chunked_array([["x"], [" ".join(template(1))], []], pa.large_string())
    assert matcher.match(chunked, "input")[0].tolist() == [1]
    assert len(matcher.match(pa.array([], pa.string()), "input")[0]) == 0
    assert len(matcher.match(pa.nulls(3, pa.string()), "input")[0]) == 0
