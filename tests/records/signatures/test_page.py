"""The format as docs/reference/signatures.md tells it, in plain Python and apart from the code, against its vectors."""

import base64
import itertools
import json
import re
import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest

from stillwatch.records.signatures import (
    AGREE,
    BITS,
    LEAST_PAIRS,
    POSITIONS,
    Matcher,
    Signature,
    form,
    making,
)
from stillwatch.records.sketches import Key

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "signatures.md").read_text()
VECTORS = json.loads(re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)[-1])
SECRET = bytes(range(16))
WORD = (1 << 64) - 1
RANGES = ((128, "128+"), (64, "64-127"), (32, "32-63"), (16, "16-31"), (12, "12-15"))


def finish(x: int) -> int:
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB & WORD
    return x ^ x >> 31


def turned(x: int, by: int) -> int:
    return (x << by | x >> 64 - by) & WORD


def absorb(state: int, value: int) -> int:
    return (turned(state, 23) ^ value) * 0x9E3779B97F4A7C15 & WORD


def siphash(message: bytes, secret: bytes) -> int:
    """SipHash-2-4 of eight bytes, after the paper."""
    k0, k1 = (int.from_bytes(secret[i : i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(n: int) -> None:
        for _ in range(n):
            v[0] = v[0] + v[1] & WORD
            v[2] = v[2] + v[3] & WORD
            v[1], v[3] = turned(v[1], 13) ^ v[0], turned(v[3], 16) ^ v[2]
            v[0] = turned(v[0], 32)
            v[2] = v[2] + v[1] & WORD
            v[0] = v[0] + v[3] & WORD
            v[1], v[3] = turned(v[1], 17) ^ v[2], turned(v[3], 21) ^ v[0]
            v[2] = turned(v[2], 32)

    for block in (int.from_bytes(message, "little"), len(message) << 56):
        v[3] ^= block
        rounds(2)
        v[0] ^= block
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def kind_of(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Nd":
        return "digit"
    if category[0] == "M":
        return "mark"
    if category[0] == "L" or category in ("Nl", "No"):
        unspaced = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
        return "single" if unicodedata.name(char).split()[0] in unspaced else "letter"
    return "gap"


def word_of(text: str) -> int | None:
    """The word, None for a number."""
    kinds = [kind_of(c) for c in text]
    if set(kinds) == {"digit"}:
        return None
    state, before = 0x5354494C4C574154, ""
    for char, kind in zip(text, kinds, strict=True):
        if kind != "digit":
            state = absorb(state, ord(char))
        elif before != "digit":
            state = absorb(state, 0x110000)
        before = kind
    return finish(state)


def words_of(text: str) -> list[int]:
    flat, before = unicodedata.normalize("NFD", text), ""
    while flat != before:
        before, flat = flat, unicodedata.normalize("NFKD", flat.upper().casefold())
    flat = "".join(c for c in flat if unicodedata.combining(c) in (0, 9))
    runs: list[str] = []
    kinds: list[str] = []
    for char in flat:
        kind = kind_of(char)
        joins = (
            kinds
            and kinds[-1] != "gap"
            and (kind == "mark" or (kind in ("letter", "digit") and kinds[-1] != "single"))
        )
        if joins:
            runs[-1] += char
        elif kind != "gap":
            runs.append(char)
        kinds.append("single" if joins and kinds[-1] == "single" else kind)
    found: list[int | None] = []
    for run in runs:
        word = word_of(run)
        if word is not None or not found or found[-1] is not None:
            found.append(word)
    plain = [0x1CEB00DA5EEDF00D if word is None else word for word in found]
    return [siphash((word ^ 0xD17707977078336C).to_bytes(8, "little"), SECRET) for word in plain]


S = finish(0x7374696C6C)


def pairs_of(text: str) -> set[int]:
    return {finish(absorb(absorb(S, v), w)) >> 32 for v, w in itertools.pairwise(words_of(text))}


def sketch(features: set[int]) -> list[int]:
    values = []
    for i in range(128):
        factor, shift = finish(0x5157 + 2 * i) >> 32 | 1, finish(0x5158 + 2 * i) >> 32
        values.append(finish(min((f * factor + shift) % (1 << 32) for f in features) + S & WORD) >> 60)
    return values


def written(vector: dict[str, object], features: set[int], values: list[int]) -> str:
    size = next(name for least, name in RANGES if len(features) >= least)
    data = bytes(values[2 * j] | values[2 * j + 1] << 4 for j in range(64))
    told = base64.urlsafe_b64encode(data).decode().rstrip("=")
    return f"stillwatch-template/1 epoch={vector['epoch']} part={vector['part']} words={size} sketch={told}"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["template"][:12])
def test_vectors_follow_from_the_page(vector):
    texts = [vector["template"].format(value) for value in vector["values"]]
    features = set.intersection(*map(pairs_of, texts))
    values = sketch(features)
    assert written(vector, features, values) == vector["signature"]
    for match in vector["matches"]:
        agree = sum(a == b for a, b in zip(values, sketch(pairs_of(match["text"])), strict=True))
        assert agree == match["places"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["template"][:12])
def test_vectors_are_what_the_code_makes(vector):
    texts = [vector["template"].format(value) for value in vector["values"]]
    accounts = [f"a{i}" for i in range(len(texts))]
    made = making.make(texts, accounts, Key(SECRET), epoch=vector["epoch"], part=vector["part"])
    assert str(made.signature) == vector["signature"]
    matcher = Matcher([(Signature.parse(vector["signature"]), Key(SECRET))])
    for match in vector["matches"]:
        hit = matcher.match(pa.array([match["text"]]), vector["part"])[2].tolist()
        assert hit == [match["places"]] * (match["places"] >= AGREE)


def test_the_page_names_the_figures_of_the_code():
    assert len(VECTORS) >= 2
    assert f"**{AGREE}** of {POSITIONS} places" in PAGE
    assert f"places i = 0 to {POSITIONS - 1}" in PAGE
    assert (BITS, LEAST_PAIRS, making.ACCOUNTS, making.CONSTANT, making.MOST) == (4, 12, 5, 0.8, 8)
    assert "fewer than twelve constant pairs" in PAGE
    assert "up to eight templates" in PAGE
    assert all(f"`{words}`" in PAGE for words in form.WORDS)
