"""Work lists: no item twice, in any language."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.drill.prompts.items import KINDS, WorkList
from stillwatch.drill.prompts.packs import language_names, packs

LANGUAGES = language_names()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_items_are_all_different(language: str, kind: str) -> None:
    work = WorkList(packs()[language], kind, secret=123_456_789)
    assert work.size > 1_000_000
    texts = work.texts(np.arange(20_000)).to_pylist()
    assert len(set(texts)) == len(texts)
    assert not any("{" in t for t in texts[:500]), "every slot is filled"


@settings(max_examples=60)
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
