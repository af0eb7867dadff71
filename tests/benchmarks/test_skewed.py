"""The copies that the skew benchmark scans: what they share, and the one thing in which they differ."""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def skewed(monkeypatch):
    """The module, as benchmarks are no part of the package; accounts' rows lie in many batches."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import _skewed

    monkeypatch.setattr(_skewed, "BATCH", 1000)
    yield _skewed
    sys.modules.pop("_skewed", None)


@pytest.fixture(scope="module")
def drill(exercise, tmp_path_factory):
    """Some rows of an exercise, in two files."""
    folder = tmp_path_factory.mktemp("skewed")
    (folder / "usage").mkdir()
    whole = pq.read_table(exercise / "usage")
    pq.write_table(whole.slice(0, 2500), folder / "usage" / "part-00000.parquet")
    pq.write_table(whole.slice(2500, 3500), folder / "usage" / "part-00001.parquet")
    shutil.copy(exercise / "accounts.parquet", folder)
    return folder


@pytest.fixture
def copies(skewed, drill, tmp_path):
    """The original, and both copies of a case, as tables."""

    def made(case: str, **sizes: int):
        wanted = skewed.Sizes(**{"template_accounts": 1, "reseller_exchanges": 0, "heavy_exchanges": 0}
                              | {"address_accounts": 1} | sizes)  # fmt: skip
        crowd = skewed.Crowd.of(drill)
        found = []
        for kind in (False, True):
            change = skewed.CASES[case](crowd, wanted, skewed=kind)
            rows = skewed.write_copy(drill / "usage", tmp_path / str(kind), crowd, change)
            found.append(pq.read_table(tmp_path / str(kind)))
            assert rows == found[-1].num_rows
        return crowd, pq.read_table(drill / "usage"), *found

    return made


def changed(one: pa.Table, other: pa.Table) -> set[str]:
    assert one.schema == other.schema
    return {name for name in one.column_names if not one[name].equals(other[name])}


def bytes_of(table: pa.Table) -> int:
    return pc.sum(pc.binary_length(table["input_text"])).as_py()


def accounts(table: pa.Table) -> set[str]:
    return set(table["account_id"].to_pylist())


def test_one_template_or_as_many_of_the_same_bytes(copies, skewed):
    crowd, original, plain, one = copies("template", template_accounts=40)
    assert changed(original, plain) == changed(original, one) == {"input_text"}
    assert bytes_of(plain) == bytes_of(one) > bytes_of(original)
    mine = set(crowd.ids[:40].to_pylist())
    heads: dict[str, set[str]] = {}
    sent: dict[str, int] = {}
    columns = ("account_id", "input_text")
    for before, a, b in zip(original["input_text"].to_pylist(), *(
        zip(*(t[c].to_pylist() for c in columns), strict=True) for t in (plain, one)
    ), strict=True):  # fmt: skip
        who = a[0]
        number = sent[who] = sent.get(who, -1) + 1
        if who in mine and number % 2 == 0:
            head, slot, tail = b[1].split("\n", 1)[0], b[1].split("\n", 1)[1].rsplit("\n", 1)[0], b[1]
            assert head == skewed.HEAD
            assert tail.endswith("\n" + skewed.TAIL)
            assert before is None or slot == before
            assert [len(word) for word in a[1].split()] == [len(word) for word in b[1].split()]
            heads.setdefault(who, set()).add(a[1].split("\n", 1)[0])
        else:
            assert a[1] == b[1] == before
    assert heads.keys() == mine
    assert all(len(own) == 1 for own in heads.values())
    assert len(set.union(*heads.values())) == 40


@pytest.mark.parametrize("case", ["reseller", "heavy"])
def test_rows_of_others_change_hands(copies, case):
    crowd, original, plain, one = copies(case, **{f"{case}_exchanges": 4000})
    only = {"account_id"} if case == "reseller" else {"account_id", "credential_id", "client_address"}
    assert changed(plain, one) == only
    assert accounts(one) == accounts(plain) == accounts(original)
    assert plain["account_id"].equals(original["account_id"])
    big = crowd.ids[crowd.one].as_py()
    theirs = pc.equal(one["account_id"], big)
    assert pc.sum(theirs).as_py() == 4000
    moved = pc.and_(theirs, pc.not_equal(original["account_id"], big))
    # Others' rows are as they were.
    assert not changed(one.filter(pc.invert(moved)), original.filter(pc.invert(moved)))
    # Spread evenly: as many in the first half as in the second, but for first rows of accounts, which stay.
    half = original.num_rows // 2
    early = pc.sum(moved.slice(0, half)).as_py()
    assert 0.4 < early / pc.sum(moved).as_py() < 0.52
    resold = one.filter(moved)
    users, places = (
        {name: len(set(t.filter(moved)[name].to_pylist())) for name in ("credential_id", "client_address")}
        for t in (one, plain)
    )
    if case == "reseller":
        senders = len(set(original.filter(moved)["account_id"].to_pylist()))
        assert users == places == {"credential_id": senders, "client_address": senders}
        assert len(set(resold["end_user_id"].to_pylist())) == senders
    else:
        assert users == {"credential_id": 1, "client_address": 1}
        assert places["credential_id"] == places["client_address"] > 100


def test_more_than_there_is_to_give_is_refused(copies):
    with pytest.raises(SystemExit, match=r"at most [45],\d{3} of this exercise"):
        copies("heavy", heavy_exchanges=6000)


def test_one_address_or_one_for_each(copies, skewed):
    crowd, original, plain, one = copies("address", address_accounts=50)
    assert changed(plain, one) == {"client_address"}
    mine = pc.is_in(original["account_id"], crowd.ids[:50])
    assert not changed(one.filter(pc.invert(mine)), original.filter(pc.invert(mine)))
    assert set(one.filter(mine)["client_address"].to_pylist()) == {skewed.SHARED}
    each = plain.filter(mine).group_by("account_id").aggregate([("client_address", "count_distinct")])
    assert each["client_address_count_distinct"].to_pylist() == [1] * 50
    assert len(set(plain.filter(mine)["client_address"].to_pylist())) == 50
    for name, value in skewed.CARRIER.items():
        assert set(one.filter(mine)[name].to_pylist()) == {value}


def test_more_accounts_than_there_are_are_refused(copies):
    with pytest.raises(SystemExit, match="9,999 accounts: this exercise has"):
        copies("address", address_accounts=9_999)


def test_the_one_account_is_the_first_made_of_those_that_sent(skewed, tmp_path):
    (tmp_path / "usage").mkdir()
    pq.write_table(pa.table({"account_id": ["c", "a", "c", "b"]}), tmp_path / "usage" / "part.parquet")
    day = datetime(2026, 1, 1, tzinfo=UTC)
    known = {
        "account_id": ["a", "b", "c", "d"],
        "plan": ["free", "enterprise", "enterprise", "enterprise"],
        "created_at": [day, day + timedelta(1), day, day - timedelta(1)],
    }
    pq.write_table(pa.table(known), tmp_path / "accounts.parquet")
    crowd = skewed.Crowd.of(tmp_path)
    assert crowd.ids.to_pylist() == ["a", "b", "c"]
    assert crowd.rows.tolist() == [1, 1, 2]
    assert crowd.ids[crowd.one].as_py() == "c"
    pq.write_table(pa.table(known | {"plan": ["free"] * 4}), tmp_path / "accounts.parquet")
    with pytest.raises(SystemExit, match="no enterprise account"):
        skewed.Crowd.of(tmp_path)


def test_addresses_are_different_ones_in_their_canonical_form(skewed):
    found = skewed.addresses(np.array([0, 255, 256, 65_536, 200_000])).to_pylist()
    assert found == ["10.0.0.0", "10.0.0.255", "10.0.1.0", "10.1.0.0", "10.3.13.64"]


def test_figures_are_those_of_the_copies(skewed):
    import skew

    sys.modules.pop("skew")
    assert {*skew.WHOLE} == {"exchanges", "accounts", *skewed.Sizes.__dataclass_fields__}
    assert skew.WHOLE["reseller_exchanges"] * 2 == skew.WHOLE["exchanges"]
    # A row of each account has to stay.
    assert skew.WHOLE["heavy_exchanges"] <= skew.WHOLE["exchanges"] - skew.WHOLE["accounts"]
