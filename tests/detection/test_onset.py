"""The first hour at which a group is accused, by bisection over a stand-in for a replay of the past."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.onset import accuses, first_hours

FIRST = 1000


def judged(members, verdict="extraction", first=FIRST):
    """As much of a judged group as onset reads."""
    members = np.array(members, dtype=np.int64)
    starts = np.full(100, float(first * HOUR_US + 5))
    return SimpleNamespace(
        verdict=verdict,
        group=SimpleNamespace(accounts=members),
        case=SimpleNamespace(view=SimpleNamespace(totals={"first": starts})),
    )


class Past:
    """A replay in which each group is accused from its hour on, with this share of its members."""

    def __init__(self, groups, hours):
        self.groups, self.hours, self.asked = groups, hours, []

    def __call__(self, hour, about):
        self.asked.append(hour)
        wanted = [a.tolist() for a in about]
        assert wanted, "nobody asked"
        return [
            g.group.accounts
            for g, h in zip(self.groups, self.hours, strict=True)
            if g.group.accounts.tolist() in wanted and hour >= h
        ]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=5))
def test_finds_the_first_hour_of_every_group(after):
    groups = [judged(range(10 * k, 10 * k + 6)) for k in range(len(after))]
    hours = [FIRST + a for a in after]
    past = Past(groups, hours)
    assert first_hours(groups, past, FIRST + 500, 32) == hours
    assert len(past.asked) == len(set(past.asked)), "an hour is replayed once for all groups"
    assert len(past.asked) <= 21 + 5 * len(groups), "500 hours are 21 days, and a day has five halves"
    assert all(FIRST < h < FIRST + 500 for h in past.asked)


def test_a_verdict_that_goes_and_comes_again_is_dated_by_its_first_coming():
    group = judged(range(5))

    def replay(hour, about):
        accused = FIRST + 30 <= hour < FIRST + 100 or hour >= FIRST + 400
        return [np.arange(5)] if accused else []

    assert first_hours([group], replay, FIRST + 500, 32) == [FIRST + 30]


def test_a_long_time_is_not_looked_at_day_by_day():
    group = judged(range(5))
    past = Past([group], [FIRST + 300 * 24 + 7])
    assert first_hours([group], past, FIRST + 366 * 24, 32) == [FIRST + 300 * 24 + 7]
    assert len(past.asked) <= 32 + 9


def test_a_group_known_only_at_the_end():
    group = judged(range(5))
    assert first_hours([group], Past([group], [FIRST + 9999]), FIRST + 40, 32) == [FIRST + 40]


def test_nobody_accused_asks_nothing():
    past = Past([], [])
    assert first_hours([], past, FIRST + 40, 32) == []
    assert past.asked == []


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([[1, 2]], True),
        ([[1, 2, 50, 51, 52]], True),
        ([[1]], False),
        ([[1], [2]], False),
        ([[1], [2, 3]], True),
        ([], False),
    ],
)
def test_accused_is_a_group_that_holds_half(earlier, expected):
    assert accuses([np.array(group) for group in earlier], np.array([1, 2, 3, 4])) is expected
