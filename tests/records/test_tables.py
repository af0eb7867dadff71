"""Reading whole tables: what comes out, what is told, and that order does not matter."""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from stillwatch.records.digests import credential_digest
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import (
    DUPLICATE_ACCOUNT,
    DUPLICATE_AGREEMENT,
    DUPLICATE_RELEASE,
    FILE_CUT_SHORT,
    FILE_NO_ADAPTER,
    FILE_NOT_READABLE,
    UNREADABLE_PART,
    RejectLog,
    missing,
)
from stillwatch.records.schema import ACCOUNTS, RELEASES, USAGE
from stillwatch.records.tables import open_usage
from stillwatch.records.whole_tables import read_accounts, read_agreements, read_releases


def usage_rows(rows: int, start: int = 0) -> list[dict]:
    return [
        {
            "event_id": f"e{i}",
            "time": f"2026-03-01T00:{i // 60 % 60:02}:{i % 60:02}Z",
            "account_id": f"a{i % 7}",
            "model": "m",
            "input_tokens": i,
            "stream": i % 2 == 0,
            "input_text": f"text {i}, with a comma\nand a line",
        }
        for i in range(start, start + rows)
    ]


def as_jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: object, **options) -> tuple[list[dict], object, RejectLog]:
    with RejectLog() as rejects:
        reader = open_usage(path, rejects=rejects, **options)
        batches = list(reader)
    for batch in batches:
        assert batch.schema == USAGE.schema
        batch.validate(full=True)
    assert reader.rows_out == sum(batch.num_rows for batch in batches)
    assert reader.rows_read == reader.rows_out + rejects.total("usage") + sum(reader.rows_skipped.values())
    return [row for batch in batches for row in batch.to_pylist()], reader, rejects


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    rows = usage_rows(100)
    as_jsonl(tmp_path / "a.jsonl", rows)
    (tmp_path / "b.json").write_text(json.dumps(rows, indent=1))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    pyarrow.csv.write_csv(pa.Table.from_pylist(rows), tmp_path / "d.csv")
    (tmp_path / "e.csv.gz").write_bytes(pa.compress((tmp_path / "d.csv").read_bytes(), "gzip", asbytes=True))
    found = [read(path)[0] for path in sorted(tmp_path.iterdir())]
    assert len(found[0]) == 100
    assert all(other == found[0] for other in found[1:])
    whole, reader, _ = read(tmp_path)
    assert len(whole) == 500
    assert reader.adapters == {"native": 5}
    assert reader.present_columns == set(rows[0])


def test_batches_are_no_longer_than_asked_for(tmp_path: Path) -> None:
    rows = usage_rows(100)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    as_jsonl(tmp_path / "a.jsonl", rows)
    with RejectLog() as rejects:
        sizes = [batch.num_rows for batch in open_usage(tmp_path, rejects=rejects, batch_rows=30)]
    assert sizes == [30, 30, 30, 10] * 2


def test_how_much_is_read_grows_to_the_whole(tmp_path: Path) -> None:
    rows = usage_rows(200)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    lines = as_jsonl(tmp_path / "b.jsonl", rows).read_bytes()
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines))
    (tmp_path / "d.jsonl.zst").write_bytes(pa.compress(lines, "zstd", asbytes=True))
    (tmp_path / "e.jsonl").write_text("[]")
    reader = open_usage(tmp_path, rejects=RejectLog(), batch_rows=50)
    assert reader.share_read == 0
    shares = [reader.share_read for _ in reader]
    assert shares == sorted(shares)
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert shares[0] == pytest.approx(sizes[0] / 4 / sum(sizes))
    assert shares[3] == pytest.approx(sizes[0] / sum(sizes))
    assert reader.share_read == 1


def test_a_reader_is_iterated_once(tmp_path: Path) -> None:
    reader = open_usage(as_jsonl(tmp_path / "a.jsonl", usage_rows(1)), rejects=RejectLog())
    list(reader)
    with pytest.raises(RuntimeError):
        list(reader)


def test_extra_columns_are_ignored_and_names_that_are_there_twice_do_no_harm(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(usage_rows(3)).append_column("extra", pa.array([[1]] * 3))
    pq.write_table(table.append_column("model", pa.array(["n"] * 3)), tmp_path / "t.parquet")
    rows, _, _ = read(tmp_path / "t.parquet")
    assert [row["model"] for row in rows] == ["m"] * 3


def test_rejected_rows_tell_file_line_and_reason(tmp_path: Path) -> None:
    rows = usage_rows(3)
    rows[1]["account_id"] = ""
    as_jsonl(tmp_path / "a.jsonl", rows)
    with RejectLog(tmp_path / "rejected") as rejects:
        list(open_usage(tmp_path / "a.jsonl", rejects=rejects))
    (line,) = (tmp_path / "rejected" / "usage.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert (told["source"], told["row"], told["reason"]) == ("a.jsonl", 2, missing("account_id"))
    assert told["content"]["event_id"] == "e1"


def test_dropped_values_are_counted(tmp_path: Path) -> None:
    rows = usage_rows(4)
    rows[0]["input_tokens"] = -1
    rows[1]["input_tokens"] = "many"
    rows[2]["stream"] = "perhaps"
    found, reader, _ = read(as_jsonl(tmp_path / "a.jsonl", rows))
    assert len(found) == 4
    assert reader.values_dropped == {
        ("input_tokens", "negative"): 1,
        ("input_tokens", "wrong type"): 1,
        ("stream", "wrong type"): 1,
    }


def test_a_broken_file_is_noted_and_the_rest_goes_on(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(usage_rows(5)), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    (tmp_path / "c.parquet").write_bytes(b"")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "d.parquet")
    rows, _, rejects = read(tmp_path)
    assert len(rows) == 5
    assert [(entry.source, entry.reason) for entry in rejects.files] == [
        ("b.parquet", FILE_NOT_READABLE),
        ("c.parquet", FILE_NOT_READABLE),
        ("d.parquet", FILE_NO_ADAPTER),
    ]


def test_nothing_but_broken_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(InputError, match=r"a\.parquet: file not readable"):
        open_usage(tmp_path, rejects=RejectLog())
    with pytest.raises(InputError) as error:
        open_usage(tmp_path, rejects=RejectLog())
    assert error.value.where == str(tmp_path / "a.parquet"), "as it was given, and not by its name alone"
    with pytest.raises(InputError) as error:
        open_usage(tmp_path / "a.parquet", rejects=RejectLog())
    assert error.value.where == str(tmp_path / "a.parquet")


def test_a_damaged_row_group_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.Table.from_pylist(usage_rows(3000)),
        path,
        row_group_size=1000,
        compression="gzip",
        use_dictionary=False,
    )
    about = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    data[about.data_page_offset + 40 : about.data_page_offset + 240] = bytes(200)
    path.write_bytes(data)
    rows, _, rejects = read(path)
    assert {row["event_id"] for row in rows} == {f"e{i}" for i in range(3000) if not 1000 <= i < 2000}
    assert rejects.counts == {("usage", UNREADABLE_PART): 1000}


def test_a_compressed_file_that_breaks_off_gives_what_is_there(tmp_path: Path) -> None:
    rng = random.Random(1)
    rows = [row | {"input_text": rng.randbytes(200).hex()} for row in usage_rows(2000)]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / "a.jsonl.gz").write_bytes(pa.compress(data, "gzip", asbytes=True)[:-5000])
    found, _, rejects = read(tmp_path / "a.jsonl.gz")
    assert 1900 < len(found) < 2000
    assert [entry.reason for entry in rejects.files] == [FILE_CUT_SHORT]


def test_lines_of_damage_at_the_beginning_do_not_hide_the_adapter(tmp_path: Path) -> None:
    as_jsonl(tmp_path / "a.jsonl", usage_rows(2))
    (tmp_path / "b.jsonl").write_text("garbage\n" * 300 + json.dumps(usage_rows(1, 9)[0]))
    rows, _, rejects = read(tmp_path)
    assert [row["event_id"] for row in rows] == ["e0", "e1", "e9"]
    assert rejects.total("usage") == 300


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "event_id, time, account_id, model are missing"),
        ({"adapter": "native"}, "missing"),
        ({"adapter": "x"}, "allowed"),
    ],
)
def test_what_does_not_fit_is_told_with_the_way_out(tmp_path: Path, options: dict, what: str) -> None:
    as_jsonl(tmp_path / "a.jsonl", [{"id": 1, "when": 2}])
    with pytest.raises(InputError) as caught:
        open_usage(tmp_path / "a.jsonl", rejects=RejectLog(), **options)
    assert what in str(caught.value)
    if not options:
        assert "--mapping" in str(caught.value)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.csv", "c.pb"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(InputError):
            list(open_usage(tmp_path / name, rejects=RejectLog()))


def test_an_empty_parquet_file_gives_no_batches(tmp_path: Path) -> None:
    pq.write_table(USAGE.schema.empty_table(), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[0] == []


ACCOUNT_ROWS = [
    {"account_id": "b", "plan": "free"},
    {"account_id": "a", "plan": "paid", "organisation": "x", "verified": True},
    {"account_id": "a", "plan": "paid", "organisation": "w", "verified": True},
    {"account_id": "a", "plan": "free", "created_at": "2026-01-01"},
    {"account_id": "", "plan": "free"},
]


def test_accounts_come_once_whatever_the_order(tmp_path: Path) -> None:
    seen = []
    for seed in range(6):
        rows = list(ACCOUNT_ROWS)
        random.Random(seed).shuffle(rows)
        folder = tmp_path / str(seed)
        folder.mkdir()
        as_jsonl(folder / "1.jsonl", rows[: seed % 4])
        as_jsonl(folder / "2.jsonl", rows[seed % 4 :])
        rejects = RejectLog()
        table = read_accounts(folder, rejects)
        assert table.schema == ACCOUNTS.schema
        assert rejects.by_reason("accounts") == {DUPLICATE_ACCOUNT: 2, missing("account_id"): 1}
        seen.append(table.to_pylist())
    assert [(row["account_id"], row["organisation"]) for row in seen[0]] == [("a", "w"), ("b", None)]
    assert all(other == seen[0] for other in seen)


def test_releases_keep_the_earliest(tmp_path: Path) -> None:
    rows = [
        {"model": "m", "released_at": 1760000000},
        {"model": "m", "released_at": "2025-01-01"},
        {"model": "n"},
    ]
    rejects = RejectLog()
    table = read_releases(as_jsonl(tmp_path / "r.jsonl", rows), rejects)
    assert table.schema == RELEASES.schema
    assert [(row["model"], row["released_at"].year) for row in table.to_pylist()] == [("m", 2025)]
    assert rejects.by_reason("releases") == {DUPLICATE_RELEASE: 1, missing("released_at"): 1}


def test_agreements_may_have_several_rows(tmp_path: Path) -> None:
    rows = [
        {
            "agreement_id": "g",
            "account_id": "a",
            "models": ["m"],
            "purpose": "distillation",
            "max_exchanges": 5,
        },
        {"agreement_id": "g", "account_id": "b", "models": None, "purpose": "resale"},
        {"agreement_id": "g", "account_id": "b", "models": None, "purpose": "resale"},
    ]
    rejects = RejectLog()
    table = read_agreements(as_jsonl(tmp_path / "g.jsonl", rows), rejects)
    assert [(row["account_id"], row["models"]) for row in table.to_pylist()] == [("a", ["m"]), ("b", None)]
    assert rejects.by_reason("agreements") == {DUPLICATE_AGREEMENT: 1}


def test_other_tables_tell_what_is_missing(tmp_path: Path) -> None:
    as_jsonl(tmp_path / "a.jsonl", [{"id": 1}])
    with pytest.raises(InputError, match="account_id is missing"):
        read_accounts(tmp_path / "a.jsonl", RejectLog())


def test_a_person_may_say_null(tmp_path):
    head = "event_id,time,account_id,model,input_text\n"
    (tmp_path / "u.csv").write_text(head + "e,2026-03-01T00:00:00Z,a,m,NULL\n")
    (batch,) = open_usage(tmp_path / "u.csv", rejects=RejectLog())
    assert batch.column("input_text").to_pylist() == ["NULL"]


@pytest.mark.parametrize("end", ["gz", "zst"])
def test_of_a_short_compressed_file_that_breaks_off_the_good_rows_are_read(tmp_path, end):
    source = random.Random(1)
    lines = [
        json.dumps(
            {"event_id": f"e{i}", "time": "2026-03-01", "account_id": f"a{source.random()}", "model": "m"}
        )
        for i in range(8000)
    ]
    data = "\n".join(lines).encode()
    assert len(data) < 1 << 20, "less than is looked at to tell the format"
    packed = gzip.compress(data) if end == "gz" else pa.compress(data, "zstd", asbytes=True)
    (tmp_path / f"log.jsonl.{end}").write_bytes(packed[: len(packed) * 3 // 4])
    rejects = RejectLog()
    reader = open_usage(tmp_path / f"log.jsonl.{end}", rejects=rejects)
    assert 1000 < sum(batch.num_rows for batch in reader) < 8000
    assert [f.reason for f in rejects.files] == [FILE_CUT_SHORT]


def test_an_adapter_beside_a_mapping_that_says_otherwise_is_refused(tmp_path):
    (tmp_path / "m.yaml").write_text("adapter: envoy\ncolumns:\n  account_id: x-user\n")
    (tmp_path / "log.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match="--adapter litellm beside a mapping file that says otherwise"):
        open_usage(
            tmp_path / "log.jsonl", rejects=RejectLog(), adapter="litellm", mapping=tmp_path / "m.yaml"
        )


def test_raw_keys_as_account_ids_join_across_tables_under_one_salt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = "gsk_" + "a1B2c3D4" * 6
    as_jsonl(tmp_path / "usage.jsonl", [row | {"account_id": raw} for row in usage_rows(3)])
    as_jsonl(tmp_path / "accounts.jsonl", [{"account_id": raw, "plan": "paid"}])
    agreement = {"agreement_id": "g1", "account_id": raw, "purpose": "distillation"}
    as_jsonl(tmp_path / "agreements.jsonl", [agreement])
    (tmp_path / "map.yaml").write_text(
        "version: 1\nadapter: native\nsalt_env: TEST_SALT\ncolumns: {model: model}\n"
    )
    monkeypatch.setenv("TEST_SALT", "pepper")
    rejects = RejectLog()
    reader = open_usage(tmp_path / "usage.jsonl", rejects=rejects, mapping=tmp_path / "map.yaml")
    (batch,) = list(reader)
    ids = set(batch["account_id"].to_pylist())
    assert ids == {credential_digest(raw, b"pepper")}
    accounts = read_accounts(tmp_path / "accounts.jsonl", rejects, reader.salt)
    assert set(accounts["account_id"].to_pylist()) == ids
    agreements = read_agreements(tmp_path / "agreements.jsonl", rejects, reader.salt)
    assert set(agreements["account_id"].to_pylist()) == ids
