"""What a drill writes: tables as the contract says, equal for equal seeds, nothing half-written."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.drill.exercise import Settings
from stillwatch.drill.writer import run_drill
from stillwatch.records.errors import InputError
from stillwatch.records.schema import ACCOUNTS, AGREEMENTS, RELEASES, USAGE
from stillwatch.records.sketched import SKETCHED_SCHEMA, TEXT_COLUMNS
from stillwatch.records.sketches import SKETCH_SCHEMA, Key, sketch

FILES = (
    "accounts",
    "releases",
    "agreements",
    "truth/accounts",
    "truth/exchanges",
    "truth/groups",
    "usage/part-00000",
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drill") / "small"
    run_drill(Settings("small", seed=3), out)
    return out


def usage(folder: Path) -> pa.Table:
    return pq.read_table(folder / "usage")


def test_tables_have_the_columns_and_types_of_the_records(small: Path) -> None:
    assert pq.read_schema(small / "usage" / "part-00000.parquet").equals(USAGE.schema)
    for table, name in ((ACCOUNTS, "accounts"), (RELEASES, "releases"), (AGREEMENTS, "agreements")):
        assert pq.read_schema(small / f"{name}.parquet").equals(table.schema), name


def test_vocabularies_are_closed(small: Path) -> None:
    for table, rows in ((USAGE, usage(small)), (ACCOUNTS, pq.read_table(small / "accounts.parquet"))):
        for column in table.columns:
            if column.values:
                found = set(rows[column.name].to_pylist()) - {None}
                assert found <= set(column.values), column.name


def test_totals_are_as_asked_and_ids_are_unique(small: Path) -> None:
    rows = usage(small)
    accounts = pq.read_table(small / "accounts.parquet")
    assert rows.num_rows == 15_000
    assert accounts.num_rows == 800
    assert pc.count_distinct(rows["event_id"]).as_py() == 15_000
    assert pc.count_distinct(accounts["account_id"]).as_py() == 800
    assert set(rows["account_id"].to_pylist()) == set(accounts["account_id"].to_pylist())


def test_rows_are_in_order_of_time(small: Path) -> None:
    times = usage(small)["time"].cast(pa.int64()).to_numpy()
    assert (np.diff(times) >= 0).all()


def test_nothing_happens_before_the_account_exists(small: Path) -> None:
    made = dict(
        zip(
            *(pq.read_table(small / "accounts.parquet")[c].to_pylist() for c in ("account_id", "created_at")),
            strict=True,
        )
    )
    rows = usage(small)
    early = [
        a
        for a, t in zip(rows["account_id"].to_pylist(), rows["time"].to_pylist(), strict=True)
        if t < made[a]
    ]
    assert not early


def test_new_models_are_asked_for_only_after_their_release(small: Path) -> None:
    released = {r["model"]: r["released_at"] for r in pq.read_table(small / "releases.parquet").to_pylist()}
    rows = usage(small)
    assert all(
        t >= released[m] for m, t in zip(rows["model"].to_pylist(), rows["time"].to_pylist(), strict=True)
    )


def test_turns_of_a_conversation_follow_each_other(small: Path) -> None:
    rows = usage(small).select(["conversation_id", "turn", "time"]).to_pylist()
    last: dict[str, int] = {}
    for row in rows:
        if row["conversation_id"] is not None:
            assert row["turn"] == last.get(row["conversation_id"], 0) + 1
            last[row["conversation_id"]] = row["turn"]


def test_truth_points_at_rows_accounts_and_groups_that_exist(small: Path) -> None:
    events = set(usage(small)["event_id"].to_pylist())
    groups = {g["group_id"]: g for g in pq.read_table(small / "truth" / "groups.parquet").to_pylist()}
    exchanges = pq.read_table(small / "truth" / "exchanges.parquet").to_pylist()
    accounts = pq.read_table(small / "truth" / "accounts.parquet").to_pylist()
    assert {e["event_id"] for e in exchanges} <= events
    assert {e["group_id"] for e in exchanges} == set(groups)
    assert {a["group_id"] for a in accounts} - {None} == set(groups)
    for e in exchanges:
        assert not e["extracting"] or groups[e["group_id"]]["unauthorised"]
    assert any(e["extracting"] for e in exchanges)


def test_truth_times_are_those_of_the_extracting_rows(small: Path) -> None:
    times = dict(zip(*(usage(small)[c].to_pylist() for c in ("event_id", "time")), strict=True))
    exchanges = pq.read_table(small / "truth" / "exchanges.parquet").to_pylist()
    for g in pq.read_table(small / "truth" / "groups.parquet").to_pylist():
        own = [
            times[e["event_id"]]
            for e in exchanges
            if e["group_id"] == g["group_id"] and (e["extracting"] or not g["unauthorised"])
        ]
        assert (g["first_time"], g["last_time"]) == (min(own), max(own))


def test_equal_seeds_make_equal_bytes_and_other_seeds_other_rows(small: Path, tmp_path: Path) -> None:
    run_drill(Settings("small", seed=3), tmp_path / "again")
    run_drill(Settings("small", seed=4), tmp_path / "other")
    for name in FILES:
        first = (small / f"{name}.parquet").read_bytes()
        assert first == (tmp_path / "again" / f"{name}.parquet").read_bytes(), name
    ours, theirs = (set(usage(f)["event_id"].to_pylist()) for f in (small, tmp_path / "other"))
    assert not ours & theirs


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "letter.txt").write_text("keep me")
    with pytest.raises(InputError, match="no earlier drill"):
        run_drill(Settings("small"), out, force=True)
    assert [p.name for p in out.iterdir()] == ["letter.txt"]


def test_an_earlier_drill_is_replaced_only_with_force(tmp_path: Path) -> None:
    settings = Settings("small", accounts=300, exchanges=3000)
    run_drill(settings, tmp_path / "d")
    with pytest.raises(InputError, match="--force"):
        run_drill(settings, tmp_path / "d")
    run_drill(Settings("small", accounts=310, exchanges=3000), tmp_path / "d", force=True)
    assert pq.read_table(tmp_path / "d" / "accounts.parquet").num_rows == 310
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="groups need"):
        run_drill(Settings("small", knobs=("template_harvest.accounts=5000",)), tmp_path / "d")
    assert not list(tmp_path.iterdir())


def test_labs_share_actors_and_nothing_else(tmp_path: Path) -> None:
    summary = run_drill(
        Settings("class:multi_lab", exchanges=12_000, accounts=900, labs=2, seed=9), tmp_path / "d"
    )
    labs = [tmp_path / "d" / f"lab-{i}" for i in (1, 2)]
    accounts = [set(pq.read_table(f / "accounts.parquet")["account_id"].to_pylist()) for f in labs]
    assert not accounts[0] & accounts[1]
    groups = [set(pq.read_table(f / "truth" / "groups.parquet")["group_id"].to_pylist()) for f in labs]
    assert len(groups[0] & groups[1]) == 1
    raw = [pq.read_table(f / "identifiers.parquet").to_pylist() for f in labs]
    for kind in ("mail", "payment"):
        values = [{r["value"] for r in lab if r["type"] == kind} for lab in raw]
        assert values[0] & values[1], kind
    prints = [set(pq.read_table(f / "accounts.parquet")["email_fingerprint"].to_pylist()) for f in labs]
    assert not prints[0] & prints[1], "fingerprints are keyed by lab"
    texts = []
    for f in labs:
        truth = pq.read_table(f / "truth" / "exchanges.parquet")
        guilty = truth.filter(truth["extracting"])["event_id"]
        rows = usage(f)
        texts.append(
            set(rows.filter(pc.is_in(rows["event_id"], guilty.combine_chunks()))["input_text"].to_pylist())
        )
    assert texts[0] and not texts[0] & texts[1], "one list, divided over the labs"
    assert len(summary["labs"]) == 2
    assert json.loads((tmp_path / "d" / "drill.json").read_text())["settings"]["labs"] == 2


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch, small: Path, tmp_path: Path) -> None:
    from stillwatch.drill import writer

    monkeypatch.setattr(writer, "CHUNK", 4000)
    run_drill(Settings("small", seed=3), tmp_path / "d")
    assert usage(tmp_path / "d").equals(usage(small))


def test_with_a_key_it_has_sketches_and_everything_else_is_the_same(small: Path, tmp_path: Path) -> None:
    key = Key(bytes(16))
    summary = run_drill(Settings("small", seed=3), tmp_path / "s", key=key, threads=1)
    assert summary["sketch_key"] == key.id
    found, texts = usage(tmp_path / "s"), usage(small)
    assert found.schema.names == SKETCHED_SCHEMA.names
    kept = [name for name in texts.schema.names if name not in TEXT_COLUMNS]
    assert found.select(kept).equals(texts.select(kept))
    drawn = sketch(texts["input_text"], texts["system_text"], key, 1)
    assert found.select(SKETCH_SCHEMA.names).cast(SKETCH_SCHEMA).equals(pa.Table.from_batches([drawn]))
    for name in FILES[:-1]:
        assert pq.read_table(tmp_path / "s" / f"{name}.parquet").equals(
            pq.read_table(small / f"{name}.parquet")
        ), name
