"""Consent: what agreements cover, hour by hour, and what they do not."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.agreements import Passed, cover, listed, read_agreements
from stillwatch.detection.view import NEVER
from stillwatch.records.schema import AGREEMENTS


def register(*rows):
    """The register with these rows; ids are given in order."""
    filled = [{"agreement_id": f"g{i}", "purpose": "distillation", **row} for i, row in enumerate(rows)]
    return pa.Table.from_pylist(filled, schema=AGREEMENTS.schema)


@pytest.fixture
def simple(worlds):
    """Three accounts of one organisation (the first alone verified), one of another; ten hours of one exchange each."""
    world = worlds.World()
    for number, (organisation, verified) in enumerate(
        [("Acme", True), ("Acme", False), ("Acme", None), ("acme", True)]
    ):
        world.account(number, organisation=organisation, verified=verified)
        for k in range(10):
            world.say(number, worlds.MONDAY + k, model="big" if k % 2 else "small")
    return world


def covered(world, *rows, until=int(NEVER)):
    evidence = world.evidence()
    return cover(read_agreements(register(*rows), evidence.accounts), evidence, until)


def test_without_a_register_nothing_is_covered(simple):
    evidence = simple.evidence()
    assert read_agreements(None, evidence.accounts) == []
    assert cover([], evidence, int(NEVER)).exchanges == {}
    assert not cover([], evidence, int(NEVER)).of("distillation", np.ones(4)).any()


def test_an_account_by_its_id(worlds, simple):
    found = covered(simple, {"account_id": worlds.name_of(2)})
    assert found.exchanges["distillation"].tolist() == [0, 0, 10, 0]
    assert found.of("distillation", np.full(4, 10.0)).tolist() == [False, False, True, False]
    assert not found.exceeded


def test_an_unknown_account_covers_nobody(simple):
    assert not covered(simple, {"account_id": "nobody"}).exchanges


def test_an_organisation_covers_verified_accounts_of_exactly_that_name(simple):
    found = covered(simple, {"organisation": "Acme"})
    assert found.exchanges["distillation"].tolist() == [10, 0, 0, 0]
    assert found.claimed == {1: ("g0", True), 2: ("g0", True)}


@pytest.mark.parametrize("name", ["ACME", " Acme", "Acme Inc.", ""])
def test_a_name_that_is_nearly_right_is_another(simple, name):
    found = covered(simple, {"organisation": name})
    assert not found.exchanges
    assert not found.claimed


def test_an_agreement_with_an_account_is_not_one_with_its_organisation(worlds, simple):
    found = covered(simple, {"account_id": worlds.name_of(3), "organisation": "Acme"})
    assert found.exchanges["distillation"].tolist() == [0, 0, 0, 10]
    assert not found.claimed


def test_dates_are_hours_from_inclusive_to_exclusive(worlds, simple):
    found = covered(
        simple,
        {
            "account_id": worlds.name_of(0),
            "starts_at": worlds.utc(worlds.MONDAY + 2),
            "ends_at": worlds.utc(worlds.MONDAY + 5),
        },
    )
    assert found.exchanges["distillation"].tolist() == [3, 0, 0, 0]
    dates = "Agreement g0 holds from 2026-08-25 02:00 UTC until 2026-08-25 05:00 UTC"
    assert found.exceeded == {0: (Passed(dates, 7, True),)}


def test_a_last_hour_that_no_calendar_has_is_named(worlds, simple):
    never = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    found = covered(
        simple,
        {"account_id": worlds.name_of(0), "starts_at": worlds.utc(worlds.MONDAY + 2), "ends_at": never},
    )
    (passed,) = found.exceeded[0]
    assert passed.exchanges == 2
    assert passed.limit.endswith("until 10000-01-01 00:00 UTC")


def test_an_agreement_that_ends_within_an_hour_covers_that_hour(worlds, simple):
    found = covered(
        simple,
        {"account_id": worlds.name_of(0), "ends_at": worlds.utc(worlds.MONDAY + 4) + timedelta(minutes=1)},
    )
    assert found.exchanges["distillation"][0] == 5


def test_models_outside_the_list_are_not_covered(worlds, simple):
    found = covered(simple, {"account_id": worlds.name_of(1), "models": ["big"]})
    assert found.exchanges["distillation"].tolist() == [0, 5, 0, 0]
    assert found.exceeded == {1: (Passed("Agreement g0 covers big", 5, True),)}
    assert (
        covered(simple, {"account_id": worlds.name_of(1), "models": []}).exchanges["distillation"].sum() == 0
    )


def test_other_purposes_cover_no_distillation(worlds, simple):
    for purpose in ("evaluation", "resale", "research"):
        found = covered(simple, {"account_id": worlds.name_of(1), "purpose": purpose})
        assert "distillation" not in found.exchanges
        assert found.exchanges[purpose].tolist() == [0, 10, 0, 0]


def test_a_limit_is_used_up_in_the_order_of_hours(worlds, simple):
    world = simple
    world.account(1, verified=True)
    found = covered(world, {"organisation": "Acme", "max_exchanges": 7})
    # Two accounts, one exchange each an hour: three hours whole, and one of the fourth.
    assert found.exchanges["distillation"].tolist() == [4, 3, 0, 0]
    assert found.exceeded[0] == (Passed("Agreement g0 allows 7 exchanges", 6, True),)
    (said,) = found.passed(np.array([0, 1]))
    assert said == Passed(
        "Agreement g0 allows 7 exchanges; 13 exchanges of 2 accounts are beyond that.", 13, True
    )
    assert found.passed(np.array([3])) == ()


def test_an_account_in_two_rows_of_one_agreement_is_one_account(worlds, simple):
    rows = (
        {"account_id": worlds.name_of(0), "models": [model], "max_exchanges": 2} for model in ("big", "small")
    )
    found = covered(simple, *({"agreement_id": "g", "purpose": "evaluation", **row} for row in rows))
    said = {one.limit: one for one in found.passed(np.array([0]))}
    allows = "Agreement g allows 2 exchanges in each of 2 rows; 6 exchanges of 1 account are beyond that."
    assert said[allows].exchanges == 6
    assert not said[allows].distillation


def test_until_looks_at_the_past_alone(worlds, simple):
    found = covered(simple, {"account_id": worlds.name_of(0)}, until=worlds.MONDAY + 3)
    assert found.exchanges["distillation"].tolist() == [3, 0, 0, 0]


HOURS = st.one_of(st.none(), st.integers(-2, 12))


@given(
    said=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 9), st.sampled_from(["big", "small"])),
        min_size=1,
        max_size=40,
    ),
    limit=st.one_of(st.none(), st.integers(0, 30)),
    start=HOURS,
    end=HOURS,
    models=st.one_of(st.none(), st.lists(st.sampled_from(["big", "small", "other"]), max_size=2)),
    until=st.integers(0, 10),
)
def test_never_more_than_every_limit_allows(worlds, said, limit, start, end, models, until):
    world = worlds.World()
    for number in range(4):
        world.account(number, organisation="Acme", verified=number != 3)
    for number, hour, model in said:
        world.say(number, worlds.MONDAY + hour, model=model)
    row = {
        "organisation": "Acme",
        "max_exchanges": limit,
        "models": models,
        "starts_at": None if start is None else worlds.utc(worlds.MONDAY + start),
        "ends_at": None if end is None else worlds.utc(worlds.MONDAY + end),
    }
    found = covered(world, row, until=worlds.MONDAY + until).exchanges.get("distillation", np.zeros(4))
    allowed = [
        (number, hour)
        for number, hour, model in said
        if number != 3
        and hour < until
        and (models is None or model in models)
        and (start is None or hour >= start)
        and (end is None or hour < end)
    ]
    expected = len(allowed) if limit is None else min(limit, len(allowed))
    assert found.sum() == pytest.approx(expected)
    numbers = sorted({n for n, _, _ in said})
    for code, number in enumerate(numbers):
        assert 0 <= found[code] <= sum(n == number for n, _ in allowed)
    assert np.all(found >= 0)


def test_two_agreements_cover_an_exchange_once(worlds, simple):
    # Else two agreements for half of the exchanges would hide the other half.
    account = worlds.name_of(0)
    found = covered(
        simple, {"account_id": account, "models": ["big"]}, {"account_id": account, "models": ["big"]}
    )
    assert found.exchanges["distillation"].tolist() == [5, 0, 0, 0]


def test_limits_of_two_agreements_add_up(worlds, simple):
    account = worlds.name_of(0)
    found = covered(
        simple, {"account_id": account, "max_exchanges": 3}, {"account_id": account, "max_exchanges": 4}
    )
    assert found.exchanges["distillation"].tolist() == [7, 0, 0, 0]


def test_a_limit_is_not_spent_on_what_is_covered_without_one(worlds, simple):
    account = worlds.name_of(0)
    found = covered(
        simple,
        {"account_id": account, "max_exchanges": 5},
        {"account_id": account, "models": ["small"]},
    )
    assert found.exchanges["distillation"].tolist() == [10, 0, 0, 0]
    assert found.exceeded == {}, "all of them are covered by one or the other"


def test_evidence_is_as_it_was(simple, worlds):
    evidence = simple.evidence()
    before = {model: n.copy() for model, (_, _, n) in evidence.models.items()}
    cover(read_agreements(register({"organisation": "Acme"}), evidence.accounts), evidence, int(NEVER))
    assert all((before[m] == evidence.models[m][2]).all() for m in before)


def test_an_account_counts_as_covered_from_95_in_100_on(worlds):
    world = worlds.World()
    for k in range(100):
        world.say(0, worlds.MONDAY + k, model="small")
    for limit, expected in ((94, False), (95, True)):
        found = covered(world, {"account_id": worlds.name_of(0), "max_exchanges": limit})
        assert found.of("distillation", np.array([100.0])).tolist() == [expected]
        assert found.exceeded[0] == (Passed(f"Agreement g0 allows {limit} exchanges", 100 - limit, True),)


def test_what_two_purposes_cover_is_counted_apart(worlds, simple):
    account = worlds.name_of(0)
    found = covered(
        simple,
        {"account_id": account, "purpose": "evaluation", "max_exchanges": 4},
        {"account_id": account},
    )
    assert {purpose: n[0] for purpose, n in found.exchanges.items()} == {"evaluation": 4, "distillation": 10}


EARLY = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("terms", "accounts", "exchanges", "why"),
    [
        ({"account_id": "account-00000"}, 1, 10, None),
        ({"account_id": "account-00000", "models": ["big"]}, 1, 5, None),
        ({"organisation": "acme"}, 1, 10, None),
        ({"account_id": "account-00000", "purpose": None}, 1, 10, "it has no purpose"),
        ({}, 0, 0, "it names neither an account nor an organisation"),
        ({"account_id": "nobody"}, 0, 0, "these logs have nothing of account nobody"),
        ({"organisation": "Nobody"}, 0, 0, "these logs have nothing of organisation Nobody"),
        ({"account_id": "account-00000", "models": ["m-9"]}, 1, 0, "these logs have no exchange with m-9"),
        ({"account_id": "account-00000", "max_exchanges": 0}, 1, 10, "its limit is 0 exchanges"),
        (
            {"account_id": "account-00000", "starts_at": EARLY, "ends_at": EARLY - timedelta(days=1)},
            1,
            0,
            "it ends before it begins",
        ),
        (
            {"account_id": "account-00000", "ends_at": EARLY},
            1,
            0,
            "none of its accounts' exchanges are within its dates and models",
        ),
    ],
)
def test_an_agreement_that_covers_nothing_says_why(simple, terms, accounts, exchanges, why):
    evidence = simple.evidence()
    agreements = read_agreements(register(terms), evidence.accounts)
    (row,) = listed(agreements, evidence)
    assert (row["accounts"], row["exchanges"], row["covers_nothing"]) == (accounts, exchanges, why)
    covers = sum(x.sum() for x in cover(agreements, evidence, int(NEVER)).exchanges.values())
    assert bool(covers > 0) is (why in (None, "it has no purpose"))


def test_a_name_that_only_unverified_accounts_claim_covers_nothing(worlds, simple):
    simple.account(0, organisation="Other")
    evidence = simple.evidence()
    (row,) = listed(read_agreements(register({"organisation": "Acme"}), evidence.accounts), evidence)
    assert (row["accounts"], row["accounts_not_verified"]) == (0, 2)
    assert row["covers_nothing"] == "none of the 2 accounts of organisation Acme is verified"
