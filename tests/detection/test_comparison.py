"""Two runs held against each other: groups are matched by their accounts, and what differs is said."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.comparison import ALIKE, Seen, compare, jaccard, match

GROUPS = st.lists(st.frozensets(st.integers(0, 11).map("a{:02}".format), max_size=8), max_size=6)


def group(name, accounts, verdict="review", accused=(), **what):
    return Seen(
        campaign_id=name,
        accounts=frozenset(accounts),
        accused=frozenset(accused),
        verdict=verdict,
        kind_of_use=what.pop("kind_of_use", "extraction"),
        probability=what.pop("probability", 0.5),
        log10_bayes_factor=what.pop("log10_bayes_factor", 1.0),
        **what,
    )


def pairs_of(a, b):
    """The matched pairs as accounts, since places change with order."""
    return sorted((sorted(a[i]), sorted(b[j])) for i, j in match(a, b))


@given(GROUPS, GROUPS)
def test_each_group_is_in_one_pair_at_most_and_pairs_are_alike(a, b):
    pairs = match(a, b)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(jaccard(a[i], b[j]) >= ALIKE for i, j in pairs)


@given(GROUPS, GROUPS)
def test_no_two_alike_groups_are_left_alone(a, b):
    pairs = match(a, b)
    left_a = set(range(len(a))) - {i for i, _ in pairs}
    left_b = set(range(len(b))) - {j for _, j in pairs}
    assert all(jaccard(a[i], b[j]) < ALIKE for i, j in product(left_a, left_b))


@given(GROUPS, GROUPS)
def test_nobody_would_rather_be_in_another_pair(a, b):
    """Two groups that are not a pair, each more alike to the other than to its own partner, do not exist."""
    pairs = match(a, b)
    own_a = {i: jaccard(a[i], b[j]) for i, j in pairs}
    own_b = {j: jaccard(a[i], b[j]) for i, j in pairs}
    for i, j in product(range(len(a)), range(len(b))):
        alike = jaccard(a[i], b[j])
        assert alike < ALIKE or alike <= max(own_a.get(i, 0), own_b.get(j, 0))


@given(GROUPS, GROUPS)
def test_it_does_not_matter_which_is_called_a(a, b):
    assert pairs_of(a, b) == sorted((y, x) for x, y in pairs_of(b, a))


@given(GROUPS, GROUPS, st.randoms())
def test_the_order_of_groups_does_not_matter(a, b, random):
    mixed_a, mixed_b = random.sample(a, len(a)), random.sample(b, len(b))
    assert pairs_of(a, b) == pairs_of(mixed_a, mixed_b)


@given(GROUPS)
def test_a_run_matches_itself(a):
    full = [g for g in a if g]
    assert pairs_of(full, full) == sorted((sorted(g), sorted(g)) for g in full)


@given(
    GROUPS.map(lambda groups: [g for i, g in enumerate(groups) if g and not set().union(*groups[:i]) & g]),
    GROUPS,
)
def test_of_groups_without_common_accounts_all_alike_pairs_are_found(a, b):
    """More than half in common with one, there is no room for another: the pairs are exactly those that are alike."""
    b = [g for i, g in enumerate(b) if not set().union(*b[:i]) & g]
    strictly = {(i, j) for i, j in product(range(len(a)), range(len(b))) if jaccard(a[i], b[j]) > ALIKE}
    assert strictly <= set(match(a, b))


@pytest.mark.parametrize(
    ("other", "found"),
    [("abcd", True), ("ab", True), ("abef", False), ("a", False), ("abcdefgh", True), ("", False)],
)
def test_half_of_all_accounts_is_enough(other, found):
    assert bool(match([frozenset("abcd")], [frozenset(other)])) is found


def test_what_differs_is_said():
    a = [
        group("g-1", "abcd", "extraction", "abcd", probability=0.95, families={"content", "timing"}),
        group("g-2", "xyz", "legitimate"),
        group("g-3", "mnop"),
    ]
    b = [
        group(
            "g-1b", "abce", "review", probability=0.6, log10_bayes_factor=0.5, families={"content"},
            p_values={"timing": 0.03}, figures={"size": 4.0, "tools": None},
        ),
        group("g-3", "mnop"),
        group("g-4", "uvw", "extraction", "uv"),
    ]  # fmt: skip
    found = compare(a, b)
    assert [g.campaign_id for g in found.only_a] == ["g-2"]
    assert [g.campaign_id for g in found.only_b] == ["g-4"]
    assert (found.accused_only_a, found.accused_only_b) == (list("abcd"), list("uv"))
    (change,) = found.changed
    assert change.differs == {
        "accounts": {"only_a": ["d"], "only_b": ["e"]},
        "verdict": ["extraction", "review"],
        "probability": [0.95, 0.6],
        "log10_bayes_factor": [1.0, 0.5],
        "families": {"only_a": ["timing"], "only_b": [], "p_values": {"timing": [None, 0.03]}},
        "figures": {"size": [None, 4.0]},
    }
    told = found.as_dict()
    assert told["verdicts"]["a"] == {"extraction": 1, "review": 1, "legitimate": 1}
    assert told["accused"] == {"a": 4, "b": 2, "only_a": 4, "only_b": 2}
    assert told["groups"] == {"only_a": 1, "only_b": 1, "same": 1, "changed": 1, "verdict_changed": 1}
    assert told["changed"][0]["a"]["campaign_id"] == "g-1"
    assert found.sentence("A", "B") == (
        "Accounts accused: 4 under A (4 of them only there) and 2 under B (2 only there). Groups in both: 2, of which"
        " 1 with another verdict and 1 with any difference; only under A: 1, only under B: 1."
    )


def test_an_account_that_another_group_accuses_is_accused():
    """It changed its group and not its lot."""
    found = compare(
        [group("g-1", "abcd", "extraction", "abcd")], [group("g-2", "dxyz", "extraction", "dxyz")]
    )
    assert found.accused_only_a == list("abc")


@given(GROUPS)
def test_a_run_does_not_differ_from_itself(a):
    groups = [group(f"g-{i}", g, figures={"size": 1.0, "tools": None}) for i, g in enumerate(a) if g]
    found = compare(groups, list(reversed(groups)))
    assert not (found.only_a or found.only_b or found.changed or found.accused_only_a or found.accused_only_b)
    assert found.sentence("A", "B") == "No difference between A and B."
