"""The registry of behaviours, and shares as people read them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.behaviours import REGISTRY
from stillwatch.detection.behaviours.base import EXAMPLES, most, percent
from stillwatch.records.findings import FAMILIES


@pytest.mark.parametrize("name", REGISTRY)
def test_behaviours_are_documented(name):
    behaviour = REGISTRY[name]
    assert behaviour.name == name
    assert behaviour.family in FAMILIES
    assert set(behaviour.field_numbers) <= set(range(1, 16))
    assert behaviour.field_numbers
    assert behaviour.atlas.startswith("AML.T")
    for text in (behaviour.title, behaviour.statistic, behaviour.null, behaviour.reference):
        assert text.strip() == text != ""


def test_every_family_has_behaviours_and_titles_are_distinct():
    assert {b.family for b in REGISTRY.values()} == set(FAMILIES)
    assert len({b.title for b in REGISTRY.values()}) == len(REGISTRY)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0.0%"),
        (0.0004, "under 0.1%"),
        (0.001, "0.1%"),
        (0.0994, "9.9%"),
        (0.0996, "10%"),
        (0.5, "50%"),
        (1.0, "100%"),
    ],
)
def test_percent(share, text):
    assert percent(share) == text


@given(st.lists(st.integers(-2, 3), max_size=9))
def test_examples_are_those_that_show_most(shown):
    accounts = np.arange(len(shown)) * 2 + 5
    chosen = most(accounts, np.array(shown, dtype=float))
    values = {int(a): v for a, v in zip(accounts, shown, strict=True)}
    assert len(chosen) == min(EXAMPLES, sum(v > 0 for v in shown))
    assert all(values[a] > 0 for a in chosen)
    left = [v for a, v in values.items() if a not in chosen]
    assert not chosen or max(left, default=0) <= min(values[a] for a in chosen)
    assert list(chosen) == sorted(chosen, key=lambda a: (-values[a], a))


@given(st.floats(0, 1))
def test_percent_is_never_further_off_than_it_shows(share):
    text = percent(share)
    if text != "under 0.1%":
        assert abs(float(text[:-1]) / 100 - share) <= (0.0005 if "." in text else 0.005) + 1e-9
