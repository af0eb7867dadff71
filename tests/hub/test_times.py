import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub.times import now, parse, stamp

SINCE, UNTIL = parse("0001-01-01T00:00:00Z"), parse("9999-12-31T23:59:59.999999Z")


@given(st.integers(SINCE, UNTIL))
def test_a_time_survives_being_written(moment):
    assert parse(stamp(moment)) == moment
    assert len(stamp(moment)) == 27


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-23T10:00:00+02:00", "2026-11-23T08:00:00Z"),
        ("2026-11-23t10:00:00.5z", "2026-11-23T10:00:00.500000Z"),
        ("2026-11-23T10:00:00.1234567Z", "2026-11-23T10:00:00.123456Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
    ],
)
def test_other_ways_to_write_it(text, same):
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    "text",
    ["", "2026-11-23", "2026-11-23T10:00:00", "2026-13-23T10:00:00Z", "2026-11-23T10:00:00Z\n", "last"],
)
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match=r".*"):
        parse(text)


def test_now_is_in_microseconds():
    assert stamp(now()) > "2026-"
