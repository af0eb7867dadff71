"""Wordings of templates, by the hundred."""

import numpy as np
import pytest

from stillwatch.drill.prompts.packs import language_names, packs
from stillwatch.drill.prompts.templates import KINDS as WORDINGS
from stillwatch.drill.prompts.templates import draw
from stillwatch.drill.strings import column


@pytest.mark.parametrize("kind", WORDINGS)
def test_a_class_has_hundreds_of_wordings(kind: str) -> None:
    words = draw(np.random.default_rng(1), packs()["en"], kind, 300)
    pairs = set(zip(words.before.to_pylist(), words.after.to_pylist(), strict=True))
    assert len(pairs) == len(words) == 300


@pytest.mark.parametrize("language", language_names())
def test_the_item_stands_inside_its_wording(language: str) -> None:
    words = draw(np.random.default_rng(2), packs()[language], "reasoning", 40)
    said = words.around(np.arange(40), column(["<the item>"] * 40)).to_pylist()
    assert all(text.count("<the item>") == 1 and len(text) > 15 for text in said)
    assert len(set(said)) == 40
    assert words.length == pytest.approx(np.mean([len(t) - len("<the item>") for t in said]))
