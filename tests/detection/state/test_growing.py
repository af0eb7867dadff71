"""A state is worth what one scan of everything is, however the input came."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.detection import similarity
from stillwatch.detection.settings import Settings
from stillwatch.detection.state.growing import accounts_so_far, other_accounts
from stillwatch.detection.state.manifest import Seen
from stillwatch.detection.state.reading import Watched
from stillwatch.records.errors import InputError
from stillwatch.records.schema import ACCOUNTS, TIME
from stillwatch.records.sketches import Key


def day(number):
    return pa.scalar(datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=number), TIME)


@st.composite
def splits(draw):
    """(number of scans, seed, share of rows given twice, share of ids given again otherwise, by time or mixed)."""
    return (
        draw(st.integers(2, 3)),
        draw(st.integers(0, 2**16)),
        draw(st.sampled_from([0.0, 0.1])),
        draw(st.sampled_from([0.0, 0.02])),
        draw(st.booleans()),
    )


def parts_of(table, scans, seed, twice, altered, by_time):
    """Rows dealt out to scans: by time with some late, or mixed; some given again, in the same scan or another."""
    random = np.random.default_rng(seed)
    n = table.num_rows
    part = random.integers(0, scans, n)
    if by_time:
        rank = np.argsort(np.argsort(table["time"].cast(pa.int64()).to_numpy()))
        part = np.where(random.random(n) < 0.02, part, rank * scans // n)
    again = random.choice(n, int(twice * n), replace=False)
    other = random.choice(n, int(altered * n), replace=False)
    model = pa.array(["another model"] * len(other), table.schema.field("model").type)
    differing = table.take(other).set_column(table.schema.get_field_index("model"), "model", model)
    differing = differing.cast(table.schema)
    whole = pa.concat_tables([table, table.take(again), differing])
    part = np.concatenate([part, random.integers(0, scans, len(again) + len(other))])
    order = random.permutation(whole.num_rows)
    return [whole.take(order[part[order] == k]) for k in range(scans)]


@pytest.fixture(params=[similarity.VISITS, 256])
def visits(request, monkeypatch):
    """Also in a little log accounts meet only some of the others, as in a large one."""
    monkeypatch.setattr(similarity, "VISITS", request.param)


@pytest.mark.usefixtures("visits")
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(splits())
def test_any_split_into_scans_gives_what_one_scan_of_all_gives(
    little, little_rows, run_scan, results, tmp_path_factory, split
):
    folder = tmp_path_factory.mktemp("split")
    parts = parts_of(little_rows, *split)
    accounts = pq.read_table(little / "accounts.parquet")
    (folder / "all").mkdir()
    for number, part in enumerate(parts):
        pq.write_table(part, folder / "all" / f"{number}.parquet")
        tables = folder / f"tables-{number}"
        tables.mkdir()
        # The table of accounts grows, too, and is not given whole again.
        if number == 0:
            for name in ("releases", "agreements"):
                (tables / f"{name}.parquet").write_bytes((little / f"{name}.parquet").read_bytes())
        own = pa.array(np.arange(accounts.num_rows) % len(parts) == number)
        pq.write_table(accounts.filter(own), tables / "accounts.parquet")
        run_scan(folder / "all" / f"{number}.parquet", tables, folder / "out", folder / "state")
    run_scan(folder / "all", little, folder / "full")
    grown, full = results(folder / "out"), results(folder / "full")
    assert grown == full
    assert any(group["verdict"] == "extraction" for group in full[0])


@pytest.fixture(scope="module")
def by_days(exercise, run_scan, tmp_path_factory):
    """The exercise of all tests in three scans, with dates; the last one brings late rows of the fourth day, too."""
    folder = tmp_path_factory.mktemp("days")
    usage = pq.read_table(exercise / "usage")
    days = pc.days_between(day(0).cast(pa.timestamp("us")), usage["time"].cast(pa.timestamp("us"))).to_numpy()
    late = (days == 3) & (np.random.default_rng(5).random(len(days)) < 0.01)
    assert late.any()
    parts = ((days < 5) & ~late, (days == 5) & ~late, (days > 5) | late)
    for number, part in enumerate(parts):
        pq.write_table(usage.filter(pa.array(part)), folder / f"{number}.parquet")
        run_scan(
            folder / f"{number}.parquet",
            exercise,
            folder / f"out-{number}",
            folder / "state",
            settings=Settings(),
        )
    return folder


def test_dates_are_those_of_a_full_scan(by_days, scanned, results):
    grown, full = results(by_days / "out-2"), results(scanned)
    assert grown == full
    assert sum(group["detected_at"] is not None for group in full[0]) > 1


def test_a_look_at_the_past_is_taken_once(by_days):
    looks = [json.loads((by_days / f"out-{k}" / "run.json").read_text())["state"]["looks"] for k in range(3)]
    assert looks[0]["taken"] > 3
    assert looks[1]["taken"] == 0, "nothing of the past is new, and who is accused was so before"
    assert looks[1]["held"] > looks[0]["taken"]


def test_retention_is_a_full_scan_since_then(little, little_rows, run_scan, results, tmp_path):
    ordered = little_rows.sort_by("time")
    half = ordered.num_rows // 2
    for number, part in enumerate((ordered.slice(0, half), ordered.slice(half - 50))):
        pq.write_table(part, tmp_path / f"{number}.parquet")
        run_scan(tmp_path / f"{number}.parquet", little, tmp_path / "out", tmp_path / "state", retain=5)
    newest = pc.max(little_rows["time"]).as_py()
    cut = datetime(newest.year, newest.month, newest.day, tzinfo=UTC) - timedelta(days=4)
    assert pc.min(ordered["time"]).as_py() < cut
    (tmp_path / "all").mkdir()
    for number in range(2):
        (tmp_path / f"{number}.parquet").rename(tmp_path / "all" / f"{number}.parquet")
    run_scan(tmp_path / "all", little, tmp_path / "full", since=int(cut.timestamp() * 1e6))
    assert results(tmp_path / "out") == results(tmp_path / "full")
    kept = list((tmp_path / "state").rglob("exchanges/*.parquet"))
    assert min(pc.min(pq.read_table(p)["time"]).as_py() for p in kept) >= cut, (
        "what is out of retention is gone"
    )


def test_the_same_file_again_changes_nothing_but_counts(few, little, run_scan, results, tmp_path):
    for _ in range(2):
        run_scan(few, little, tmp_path / "out", tmp_path / "state")
    run_scan(few, little, tmp_path / "full")
    (groups, members, run), full = results(tmp_path / "out"), results(tmp_path / "full")
    assert (groups, members) == full[:2]
    assert run["rows"] == full[2]["rows"] | {"read": 1200, "rejected": 600}
    assert run["rejected"] == {"usage": {"duplicate event_id": 600}}


def test_a_folder_without_logs_adds_nothing(few, little, run_scan, results, tmp_path):
    run_scan(few, little, tmp_path / "out", tmp_path / "state")
    before = results(tmp_path / "out")
    (tmp_path / "empty").mkdir()
    run_scan(tmp_path / "empty", None, tmp_path / "out", tmp_path / "state")
    assert results(tmp_path / "out") == before
    with pytest.raises(InputError, match="this folder holds no table"):
        run_scan(tmp_path / "empty", None, tmp_path / "out", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_what_does_not_fit_a_state_is_refused_and_changes_nothing(few, little, run_scan, tmp_path):
    run_scan(few, little, tmp_path / "out", tmp_path / "state")
    before = (tmp_path / "state" / "manifest.json").read_bytes()
    middle = pc.max(pq.read_table(few)["time"]).cast(pa.int64()).as_py()
    for says, more in (
        ("stands under the sketch key", {"key": Key(bytes(range(16)))}),
        ("holds exchanges of --until and after", {"until": middle}),
        ("holds exchanges from before --since", {"since": middle}),
    ):
        with pytest.raises(InputError, match=says):
            run_scan(few, little, tmp_path / "out", tmp_path / "state", **more)
    assert (tmp_path / "state" / "manifest.json").read_bytes() == before
    assert not list((tmp_path / "state").glob("g000002"))


def test_accounts_that_are_given_later_stand_for_the_earlier_ones():
    def table(*rows):
        return pa.Table.from_pylist([{"account_id": a, "plan": p} for a, p in rows], schema=ACCOUNTS.schema)

    whole = accounts_so_far(table(("a", "paid"), ("c", "free")), table(("b", "free"), ("a", None)))
    assert [(r["account_id"], r["plan"]) for r in whole.to_pylist()] == [
        ("a", None),
        ("b", "free"),
        ("c", "free"),
    ]


def test_accounts_whose_row_is_another():
    def table(*rows):
        return pa.Table.from_pylist(
            [{"account_id": a, "plan": p, "verified": v} for a, p, v in rows], schema=ACCOUNTS.schema
        )

    before = table(("a", "paid", True), ("b", None, True), ("c", "free", None), ("d", "free", None))
    now = table(
        ("a", "paid", True), ("b", "free", True), ("c", "free", False), ("d", "free", None), ("e", None, None)
    )
    assert other_accounts(before, now) == ("b", "c", "e")
    assert other_accounts(None, now) == ("a", "b", "c", "d", "e")


def test_a_time_far_ahead_of_the_clock_makes_nothing_old(few, little, run_scan, tmp_path):
    little_rows = pq.read_table(few)
    ahead = pa.array([datetime.now(UTC) + timedelta(days=300)], little_rows.schema.field("time").type)
    row = little_rows.slice(0, 1).set_column(little_rows.schema.get_field_index("time"), "time", ahead)
    row = row.cast(little_rows.schema)
    pq.write_table(pa.concat_tables([little_rows, row]), tmp_path / "log.parquet")
    many = (datetime.now(UTC) - pc.min(little_rows["time"]).as_py()).days + 3
    result = run_scan(tmp_path / "log.parquet", little, tmp_path / "out", tmp_path / "state", retain=many)
    assert result.run["rows"]["outside_window"] == 0


def test_a_scan_until_then_loses_no_account_of_the_state(few, little, run_scan, results, tmp_path):
    rows = pq.read_table(few)
    until = pc.max(rows["time"]).cast(pa.int64()).as_py() + 1
    accounts = pq.read_table(little / "accounts.parquet")
    late = pc.greater_equal(accounts["created_at"].cast(pa.int64()), until)
    assert pc.sum(late).as_py(), "some accounts are made afterwards"
    run_scan(few, little, tmp_path / "out", tmp_path / "state", until=until)
    run_scan(few, little, tmp_path / "until", until=until)
    assert results(tmp_path / "out") == results(tmp_path / "until")
    (tmp_path / "empty").mkdir()
    run_scan(tmp_path / "empty", None, tmp_path / "out", tmp_path / "state")
    run_scan(few, little, tmp_path / "full")
    assert results(tmp_path / "out") == results(tmp_path / "full")


def watched(folder, seen):
    return Watched(folder, tuple(seen), seen=seen)


@pytest.mark.parametrize(
    "then",
    [Seen(50, 2, 1), Seen(500, 2, 9), Seen(500, 2, 1)],
    ids=["cut short", "another inode", "nothing shows it"],
)
def test_a_watched_file_that_is_another_now_takes_no_rows_along(
    little, little_rows, run_scan, results, tmp_path, then
):
    logs, log = tmp_path / "logs", tmp_path / "logs" / "log.parquet"
    logs.mkdir()
    pq.write_table(little_rows.slice(0, 600), log)
    run_scan(
        logs, little, tmp_path / "out", tmp_path / "state", watched=watched(logs, {log.name: Seen(100, 1, 1)})
    )
    before = results(tmp_path / "out")
    unusable = pa.array([None] * 5, little_rows.schema.field("time").type)
    bad = little_rows.slice(0, 5).set_column(little_rows.schema.get_field_index("time"), "time", unusable)
    pq.write_table(bad, log)
    run_scan(logs, little, tmp_path / "out", tmp_path / "state", watched=watched(logs, {log.name: then}))
    groups, members, run = results(tmp_path / "out")
    assert (groups, members) == before[:2]
    assert run["rows"]["scanned"] == 600
    assert all(n > 0 for n in run["rejected"]["usage"].values())
    assert sum(run["rejected"]["usage"].values()) == run["rows"]["rejected"] == 5
