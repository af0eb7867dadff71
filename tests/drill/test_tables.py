"""The tables beside usage."""

from datetime import timedelta

import pyarrow.compute as pc
import pytest

from stillwatch.drill import tables
from stillwatch.drill.exercise import Exercise, Settings, make


@pytest.fixture(scope="module")
def e() -> Exercise:
    return make(Settings("small", seed=8))


def test_accounts_are_in_order_of_their_ids(e: Exercise) -> None:
    ids = tables.accounts_table(e.setting, e.accounts)["account_id"].to_pylist()
    assert ids == sorted(ids)
    assert len(set(ids)) == 800


def test_a_partner_is_covered_by_its_agreement(e: Exercise) -> None:
    (row,) = tables.agreements_table(e.setting.people, e.agreements).to_pylist()
    accounts = tables.accounts_table(e.setting, e.accounts)
    own = accounts.filter(pc.equal(accounts["organisation"], row["organisation"])).to_pylist()
    truth = tables.truth_accounts(e.setting, e.accounts, e.members).to_pylist()
    partners = {t["account_id"] for t in truth if t["class"] == "partner"}
    assert {a["account_id"] for a in own} == partners
    assert all(a["verified"] for a in own)
    assert row["purpose"] == "distillation"
    assert row["ends_at"] - row["starts_at"] > timedelta(days=30)
    numbers = next(n for n, _, kind, _ in e.members if kind == "partner")
    spent = sum(int(x in set(numbers.tolist())) for x in e.schedule.account.tolist())
    assert row["max_exchanges"] is None or row["max_exchanges"] > spent


def test_equal_raw_identities_have_equal_values_and_no_real_ones(e: Exercise) -> None:
    rows = tables.identifiers_table(e.setting, e.accounts).to_pylist()
    for row in rows:
        if row["type"] == "mail":
            assert row["value"].endswith(".example")  # RFC 2606
        if row["type"] == "phone":
            assert row["value"].startswith("+999")
    paying = [r["value"] for r in rows if r["type"] == "payment"]
    assert len(paying) == int((e.accounts["payment"] > 0).sum())
    assert 1 < len(set(paying)) < len(paying)
