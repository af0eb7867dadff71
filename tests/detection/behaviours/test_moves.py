"""Moves to old models: of all accounts at every hour in one pass, the same as of each account at each hour."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.behaviours import _moves
from stillwatch.detection.behaviours._moves import Hours, Moves, sums

ACCOUNTS, HOURS, SHARE = 6, range(100, 112), 0.4
USES = st.lists(
    st.tuples(st.integers(0, ACCOUNTS - 1), st.integers(HOURS.start, HOURS.stop + 2), st.integers(1, 3)),
    max_size=40,
)


def table(rows):
    """Account, hour, exchanges: one row for each account and hour, in their order."""
    rows = sorted({(acc, hour): n for acc, hour, n in rows}.items())
    return (
        tuple(
            np.array([*column], np.int32) for column in zip(*((a, h, n) for (a, h), n in rows), strict=True)
        )
        or (np.zeros(0, np.int32),) * 3
    )


def moves(uses, old, accounts, at, until):
    """By hand."""
    before, after = np.zeros((2, len(uses), len(accounts)))
    for number, rows in enumerate(uses.values()):
        for acc, hour, n in zip(*rows, strict=True):
            if acc in accounts and hour < until and hour != at:
                (before if hour < at else after)[number, accounts.index(acc)] += n
    is_old = np.array([model in old for model in uses])
    sent = [each.sum(axis=0) for each in (before[is_old], before, after[is_old], after)]
    return (before, after), Moves(*sent, SHARE)


@given(st.tuples(USES, USES, USES), st.sets(st.sampled_from("abc")), st.sets(st.integers(0, ACCOUNTS - 1)))
def test_all_accounts_at_every_hour_are_each_at_each(rows, old, gone):
    uses = dict(zip("abc", map(table, rows), strict=True))
    active = np.ones(ACCOUNTS, bool)
    active[list(gone)] = False
    hours = Hours.of(uses, old, active, HOURS, SHARE)
    some = np.flatnonzero(active)
    for at in HOURS:
        summed, by_hand = moves(uses, old, some.tolist(), at, HOURS.stop)
        found = sums(list(uses.values()), some, at, HOURS.stop)
        np.testing.assert_array_equal(found, summed)
        assert hours.at(at) == (by_hand.eligible.sum(), by_hand.moved.sum())


def test_accounts_that_are_put_together_in_blocks(monkeypatch):
    rng = np.random.default_rng(4)
    uses = {
        m: table(zip(*(rng.integers(*b, 300) for b in ((0, 90), (100, 112), (1, 4))), strict=True))
        for m in "ab"
    }
    whole = Hours.of(uses, {"a"}, np.ones(90, bool), HOURS, SHARE)
    monkeypatch.setattr(_moves, "BLOCK", 7)
    parts = Hours.of(uses, {"a"}, np.ones(90, bool), HOURS, SHARE)
    assert [parts.at(at) for at in HOURS] == [whole.at(at) for at in HOURS]
    assert 0 < whole.at(105)[1] < whole.at(105)[0]


def test_who_used_old_models_before_has_not_moved_to_them():
    found = Moves(
        *(np.array(each, float) for each in ([0, 2, 0, 0], [5, 5, 0, 5], [3, 3, 2, 1], [5, 5, 2, 1])), SHARE
    )
    assert found.already.tolist() == [False, True, False, False]
    assert found.eligible.tolist() == [True, False, True, False]
    assert found.moved.tolist() == [True, False, True, False]
