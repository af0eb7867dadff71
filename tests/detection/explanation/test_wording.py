import math
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.explanation import wording


@given(st.text(st.characters(codec=None)))  # lone surrogates included
def test_clean_text_can_be_written_and_hides_nothing(text):
    cleaned = wording.clean(text)
    cleaned.encode("utf-8")
    assert not {c for c in cleaned if unicodedata.category(c) == "Cc"} - {"\n", "\t"}
    assert not set("\u202e\u2066\u200b\u2028") & set(cleaned)
    assert wording.clean(cleaned) == cleaned


def test_clean_keeps_what_languages_need():
    assert wording.clean("naïve 中文 नमस्ते می‌خواهم 👩‍🔬") == "naïve 中文 नमस्ते می‌خواهم 👩‍🔬"
    assert wording.clean("a\r\nb\tc") == "a\nb\tc"
    assert wording.clean("pay\u202eload") == "pay\ufffdload"


def test_clean_says_how_much_it_cut():
    assert wording.clean("x" * 5000, 100) == "x" * 100 + " … (4,900 more characters)"


@given(st.text(), st.integers(4, 60))
def test_short_is_short(text, limit):
    assert len(wording.short(text, limit)) <= limit


def test_short_keeps_both_ends():
    assert wording.short("sha256:0123456789abcdef", 12) == "sha256:…cdef"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "50.0%"),
        (0.9971, "99.7%"),
        (0.99999, "> 99.9%"),
        (1.0, "> 99.9%"),
        (0.0, "< 0.1%"),
        (math.nan, "not known"),
    ],
)
def test_probability(value, shown):
    assert wording.probability(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        (math.nan, "none"),
        (0.0, "< 1 × 10⁻³⁰⁰"),
        (0.049, "0.049"),
        (3.2e-81, "3.2 × 10⁻⁸¹"),
        (1.0, "1"),
    ],
)
def test_p_value(value, shown):
    assert wording.p_value(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        (math.inf, "none"),
        (412.0, "412"),
        (0.41234, "0.4123"),
        (12345.678, "12,345.7"),
        (1e9, "1e+09"),
    ],
)
def test_statistic(value, shown):
    assert wording.statistic(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.01, "1 in 100"), (0.5, "1 in 2"), (0.75, "75.0%"), (0, "not known")]
)
def test_prior(value, shown):
    assert wording.prior(value) == shown


def test_counts_and_signs():
    assert wording.plural(1, "account") == "1 account"
    assert wording.plural(24_000, "account") == "24,000 accounts"
    assert wording.plural(2, "child", "children") == "2 children"
    assert wording.signed(-4.6) == "−4.60"
    assert wording.signed(math.inf) == "not known"


def test_times_are_utc():
    east = timezone(timedelta(hours=5, minutes=30))
    assert wording.time(datetime(2026, 9, 1, 5, 30, tzinfo=east)) == "2026-09-01 00:00 UTC"
    assert wording.time(datetime(2026, 9, 1)) == "2026-09-01 00:00 UTC"
    assert wording.time(None) == "–"
    assert wording.epoch(int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())) == "2026-09-01 00:00 UTC"
    assert wording.epoch(10**15) == "not known"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.784, "0.78"), (-0.784, "-0.78"), (9.94, "9.9"), (412.0, "410"), (1_234_567.0, "1,200,000")],
)
def test_multiples_are_written_out(value, said):
    assert wording.multiple(value) == said


@pytest.mark.parametrize(("log10", "said"), [(0.3, "2"), (2.985, "970"), (7.3, "10⁷"), (4_000.2, "10⁴⁰⁰⁰")])
def test_factors_beyond_a_million_are_powers_of_ten(log10, said):
    assert wording.factor(log10) == said
