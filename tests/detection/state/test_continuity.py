"""Ids that last: who goes on, who merged, who was split off, and that every id is borne once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.state.continuity import Known, follow

AT = datetime(2026, 3, 1, tzinfo=UTC)


def known(name, accounts, verdict="extraction", told=None):
    accounts = frozenset(accounts)
    return Known(name, name, verdict, accounts, 10, 0.9, ("heavy_account",), told or len(accounts))


def followed(before, now, sequence=0):
    found = follow(before, now, at=AT, recorded_at=AT, scan=2, sequence=sequence)
    return found, {change.campaign_id: change for change in found.changes}


def test_a_group_that_grew_keeps_its_id():
    found, changes = followed([known("a", "pqrs")], [known("b", "pqrstu")])
    assert found.names == {"b": "a"}
    change = changes["a"]
    assert (change.event, change.previous_ids, change.id_in_full_scan) == ("grown", ("a",), "b")
    assert (change.accounts_before, change.accounts_after, change.joined, change.left) == (4, 6, 2, 0)


@pytest.mark.parametrize(
    ("accounts", "verdict", "event"),
    [
        (20, "extraction", "continued"),
        (21, "extraction", "continued"),
        (22, "extraction", "grown"),
        (17, "extraction", "shrunk"),
        (20, "review", "verdict_changed"),
    ],
)
def test_events_of_a_group_that_goes_on(accounts, verdict, event):
    _, changes = followed([known("a", range(20))], [known("b", range(accounts), verdict)])
    assert changes["a"].event == event


def test_slow_growth_is_told_when_it_has_added_up():
    events, groups = [], [known("a", range(20))]
    for size in (21, 22, 23, 24, 25):
        found = follow(
            groups, [known(f"full-{size}", range(size))], at=AT, recorded_at=AT, scan=2, sequence=0
        )
        groups = found.groups
        events.append(found.changes[0].event)
    assert events == ["continued", "grown", "continued", "continued", "grown"]


def test_a_merger_is_recorded_on_both_sides():
    found, changes = followed([known("a", "pqrstu"), known("b", "vwx")], [known("c", "pqrstuvwx")])
    assert found.names == {"c": "a"}
    assert (changes["a"].event, changes["a"].previous_ids) == ("merged", ("a", "b"))
    assert (changes["b"].event, changes["b"].next_ids) == ("ended", ("a",))


def test_a_group_goes_on_where_most_of_it_is_and_not_in_a_remnant():
    """43 accounts, of which 31 are in a group of 61 and 6 in one of 6; that of 61 has 26 of another group's 27."""
    large, other = [f"a{k}" for k in range(43)], [f"b{k}" for k in range(27)]
    both = [*large[:31], *other[:26], *(f"c{k}" for k in range(4))]
    found, changes = followed(
        [known("a", large), known("b", other)], [known("n", both), known("r", large[31:37])]
    )
    assert found.names == {"n": "a", "r": "r"}
    assert (changes["a"].event, changes["a"].previous_ids, changes["a"].left) == ("merged", ("a", "b"), 12)
    assert (changes["b"].event, changes["b"].next_ids) == ("ended", ("a",))
    assert (changes["r"].event, changes["r"].previous_ids) == ("split", ("a",))
    # And where another of more accounts goes on in it.
    more = [f"b{k}" for k in range(50)]
    both = [*large[:31], *more]
    found, changes = followed(
        [known("a", large), known("b", more)], [known("n", both), known("r", large[31:])]
    )
    assert found.names == {"n": "b", "r": "r"}
    assert (changes["a"].event, changes["a"].next_ids) == ("ended", ("b",))
    assert (changes["r"].event, changes["r"].previous_ids) == ("split", ("a",))


def test_of_equal_numbers_in_common_the_group_more_alike_goes_on():
    found, _ = followed([known("a", "pqrs"), known("b", "pqrstuvw")], [known("n", "pqrs")])
    assert found.names == {"n": "a"}


def test_a_split_is_recorded():
    found, changes = followed([known("a", "pqrstuvw")], [known("b", "pqrst"), known("c", "uvw")])
    assert found.names == {"b": "a", "c": "c"}
    assert (changes["c"].event, changes["c"].previous_ids) == ("split", ("a",))
    assert changes["a"].event == "shrunk"


def test_what_is_new_and_what_ended():
    _, changes = followed([known("a", "pq")], [known("b", "rs")], sequence=7)
    assert [(c.event, c.sequence) for c in changes.values()] == [("new", 8), ("ended", 9)]
    assert changes["a"].next_ids == ()


def test_an_id_that_a_grown_group_bears_is_not_given_again():
    found, _ = followed([known("a", "pqrs")], [known("b", "pqrstuvw"), known("a", "wxyz")])
    assert found.names["b"] == "a"
    assert found.names["a"] not in ("a", "b")


def test_cleared_groups_are_followed_and_not_numbered():
    found, changes = followed(
        [known("a", "pq", "legitimate"), known("c", "xy")],
        [known("b", "pqrs", "legitimate"), known("c", "xy", "legitimate")],
    )
    assert found.names == {"b": "a", "c": "c"}
    assert changes["a"].sequence is None
    assert (changes["c"].event, changes["c"].sequence) == ("verdict_changed", 1)


sets = st.lists(st.frozensets(st.integers(0, 14), min_size=1, max_size=8), max_size=6, unique=True)


@given(sets, sets)
def test_ids_are_one_to_one_and_nothing_is_lost(before, now):
    old = [known(f"old-{k}", map(str, accounts)) for k, accounts in enumerate(before)]
    new = [known(f"full-{k}", map(str, accounts)) for k, accounts in enumerate(now)]
    found = follow(old, new, at=AT, recorded_at=AT, scan=2, sequence=0)
    assert len(set(found.names.values())) == len(now)
    assert [group.full_id for group in found.groups] == [group.full_id for group in new]
    told = [change.campaign_id for change in found.changes]
    assert sorted(told) == sorted({*found.names.values(), *(group.campaign_id for group in old)})
    again = follow(old[::-1], new[::-1], at=AT, recorded_at=AT, scan=2, sequence=0)
    assert again.names == found.names, "order of groups means nothing"
    for group in found.groups:
        if group.accounts in set(map(frozenset, (map(str, a) for a in before))):
            assert group.campaign_id.startswith("old-"), "the same accounts are the same group"


def test_a_scan_that_dates_nobody_keeps_the_dates_of_before():
    before = replace(known("a", "pqrs"), detected_at=50, dated_from=40, dated_under="x")
    found, _ = followed([before], [known("b", "pqrs")])
    assert found.groups[0] == replace(before, full_id="b")
    again = replace(known("b", "pqrs"), detected_at=51, dated_from=45, dated_under="y")
    found, _ = followed([before], [again])
    assert found.groups[0] == replace(again, campaign_id="a"), "another date stands for it"
    found, _ = followed([before], [known("b", "pqrs", "review")])
    assert found.groups[0].detected_at is None, "only accusations have a date"
