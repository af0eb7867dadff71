"""Single values: what a column accepts, and the reason why it does not."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records import coercion
from stillwatch.records.schema import USAGE

MOMENT = datetime(2026, 3, 2, 12, 30, 0, 250_000, tzinfo=UTC)
MICROSECONDS = int(MOMENT.timestamp() * 1_000_000)


@pytest.mark.parametrize(
    "value",
    [
        MOMENT,
        MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))),
        "2026-03-02T12:30:00.250Z",
        "2026-03-02 12:30:00.250",
        "2026-03-02T14:30:00.250+02:00",
        MICROSECONDS / 1e6,
        MICROSECONDS // 1000,
        MICROSECONDS,
        MICROSECONDS * 1000,
        str(MICROSECONDS),
    ],
)
def test_a_time_in_any_form(value):
    assert coercion.time_us(value)[0] == MICROSECONDS


@pytest.mark.parametrize("value", ["soon", [], float("nan"), float("inf"), "1800-01-01", 10**30, -5])
def test_what_is_no_time_has_a_reason(value):
    found, reason = coercion.time_us(value)
    assert found is None
    assert reason


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_every_column_takes_a_value_or_says_why_not(value):
    for column in USAGE.columns:
        found, reason = coercion.coercer(column)(value)
        assert found is None or not reason


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("192.0.2.1:443", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("not an address", None),
    ],
)
def test_addresses_are_canonical(value, clean):
    assert coercion.clean_address(value) == clean


def test_a_key_in_an_identifier_becomes_a_digest():
    raw = "sk-" + "a1B2c3D4" * 5
    found, _ = coercion.text(raw, USAGE["credential_id"])
    assert found
    assert raw not in found
