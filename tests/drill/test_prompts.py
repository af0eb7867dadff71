"""Texts: real variety in ten languages, work lists without repeats, wordings by the hundred."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.drill.prompts.items import KINDS, WorkList
from stillwatch.drill.prompts.library import read_prompts
from stillwatch.drill.prompts.ordinary import OrdinaryPrompts
from stillwatch.drill.prompts.packs import language_names, packs
from stillwatch.drill.prompts.templates import KINDS as WORDINGS
from stillwatch.drill.prompts.templates import draw
from stillwatch.drill.randomness import mix
from stillwatch.records.errors import InputError

LANGUAGES = language_names()


def test_the_ten_languages_are_there() -> None:
    assert set(LANGUAGES) >= {"en", "zh", "es", "ar", "hi", "fr", "de", "pt", "ja", "ru"}
    assert LANGUAGES[0] == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_vocabularies_have_no_doubles(language: str) -> None:
    for name, words in packs()[language].words.items():
        listed = words.to_pylist()
        assert len(listed) == len(set(listed)), (name, [w for w in listed if listed.count(w) > 1])
        assert all(w.strip() for w in listed)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_items_are_all_different(language: str, kind: str) -> None:
    work = WorkList(packs()[language], kind, secret=123_456_789)
    assert work.size > 1_000_000
    texts = work.texts(np.arange(20_000)).to_pylist()
    assert len(set(texts)) == len(texts)
    assert not any("{" in t for t in texts[:500]), "every slot is filled"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 900_000), min_size=2, max_size=40, unique=True),
    st.integers(0, 2**40),
    st.sampled_from(LANGUAGES),
)
def test_different_numbers_give_different_items(numbers: list[int], secret: int, language: str) -> None:
    work = WorkList(packs()[language], "question", secret)
    texts = work.texts(np.array(numbers)).to_pylist()
    assert len(set(texts)) == len(numbers)
    # An item depends on its number alone, not on what stands around it.
    assert work.texts(np.array(numbers[:1])).to_pylist() == texts[:1]


def test_an_unknown_kind_of_item_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        WorkList(packs()["en"], "nonsense", 1)


@pytest.mark.parametrize("kind", WORDINGS)
def test_a_class_has_hundreds_of_wordings(kind: str) -> None:
    words = draw(np.random.default_rng(1), packs()["en"], kind, 300)
    pairs = set(zip(words.before.to_pylist(), words.after.to_pylist(), strict=True))
    assert len(pairs) == len(words) == 300


def ordinary(n: int, **more: object) -> list[str]:
    keys = mix(np.arange(n))
    language = np.arange(n) % len(LANGUAGES)
    prompts = OrdinaryPrompts(LANGUAGES, **more)  # type: ignore[arg-type]
    return list(prompts.texts(language, keys, mix(keys), np.ones(n, np.int16)).to_pylist())


def test_ordinary_first_requests_are_mostly_unique() -> None:
    texts = ordinary(20_000)
    assert all(texts)
    assert len(set(texts)) > 15_000
    greetings = sum(texts.count(g) for g in {"hi", "你好", "hola", "привет"})
    assert greetings > 4, "and some are what everybody types"


def test_rows_do_not_depend_on_their_neighbours() -> None:
    keys, language = mix(np.arange(300)), np.arange(300) % len(LANGUAGES)
    prompts = OrdinaryPrompts(LANGUAGES)
    turn = np.ones(300, np.int16)
    whole = prompts.texts(language, keys, keys, turn).to_pylist()
    part = prompts.texts(language[100:120], keys[100:120], keys[100:120], turn[100:120]).to_pylist()
    assert whole[100:120] == part


def test_the_users_own_prompts_are_used() -> None:
    texts = ordinary(2000, library=["zebra crossing painting advice"])
    assert sum("zebra crossing" in t for t in texts) > 1000


def test_prompts_are_read_from_each_format(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a", "b", None, "a"], "kind": [1, 2, 3, 4]}), tmp_path / "p.parquet")
    (tmp_path / "p.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in ("a", "b")))
    (tmp_path / "p.txt").write_text("a\n\nb\n")
    for name in ("p.parquet", "p.jsonl", "p.txt"):
        assert read_prompts(tmp_path / name) == ["a", "b"], name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent.txt", None),
        ("empty.txt", b""),
        ("bad.jsonl", b"{not json"),
        ("bad.parquet", b"PAR1 not really"),
        ("latin.txt", b"\xff\xfe\xff"),
        ("rows.jsonl", b'{"prompt": "x"}'),
    ],
)
def test_bad_prompt_files_are_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_prompts(tmp_path / name)
