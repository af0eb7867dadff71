"""Column-mapping files, and the errors they can have."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.adapters.mapping import follow, load_mapping
from stillwatch.records.digests import credential_digest
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.tables import open_usage

MAPPING = """
version: 1
columns:
  event_id: request_id
  time: {from: ts, unit: ms}
  account_id: {from: auth.key, digest: true}
  model: {constant: large-1}
  status: {from: http.code, values: {200: ok, 429: rate_limited}, otherwise: error}
  input_text: messages.-1.content
  input_tokens: usage.input
"""
RECORD = {
    "request_id": 17,
    "ts": 1760000000250,
    "auth": {"key": "opaque-key"},
    "http": {"code": 429},
    "messages": [{"content": "a"}, {"content": "b"}],
    "usage": {"input": 12},
}


def write(folder: Path, text: str) -> Path:
    (folder / "map.yaml").write_text(text)
    return folder / "map.yaml"


def read(path: Path, mapping: Path) -> list[dict]:
    with RejectLog() as rejects:
        rows = [
            row for batch in open_usage(path, rejects=rejects, mapping=mapping) for row in batch.to_pylist()
        ]
        assert not rejects.counts
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def test_nested_records_from_any_format(tmp_path: Path) -> None:
    mapping = write(tmp_path, MAPPING)
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD))
    pq.write_table(pa.Table.from_pylist([RECORD]), tmp_path / "b.parquet")
    as_text = {
        name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in RECORD.items()
    }
    pq.write_table(pa.Table.from_pylist([as_text]), tmp_path / "c.parquet")
    for name in ("a.jsonl", "b.parquet", "c.parquet"):
        (row,) = read(tmp_path / name, mapping)
        assert row.pop("time").timestamp() == 1760000000.25
        assert row == {
            "event_id": "17",
            "account_id": credential_digest("opaque-key"),
            "model": "large-1",
            "status": "rate_limited",
            "input_text": "b",
            "input_tokens": 12,
        }, name


def test_csv_formats_of_times_and_values(tmp_path: Path) -> None:
    mapping = write(
        tmp_path,
        "columns:\n"
        "  event_id: id\n"
        '  time: {from: "the time", format: "%d/%m/%Y %H:%M:%S"}\n'
        "  account_id: acct\n"
        "  model: m\n"
        "  stream: {from: mode, values: {S: true, N: false}}\n",
    )
    (tmp_path / "t.csv").write_text(
        "id,the time,acct,m,mode\n1,01/03/2026 12:00:00,a,x,S\n2,02/03/2026 12:00:00,b,x,N\n"
    )
    rows = read(tmp_path / "t.csv", mapping)
    assert [row["time"].isoformat() for row in rows] == [
        "2026-03-01T12:00:00+00:00",
        "2026-03-02T12:00:00+00:00",
    ]
    assert [row["stream"] for row in rows] == [True, False]


@pytest.mark.parametrize(
    ("unit", "value"), [("s", 1760000000), ("ms", 1760000000000), ("us", 1760000000000000)]
)
def test_units_are_taken_at_their_word(tmp_path: Path, unit: str, value: int) -> None:
    text = "columns: {event_id: e, time: {from: t, unit: %s}, account_id: a, model: m}"
    (tmp_path / "t.jsonl").write_text(
        "\n".join(json.dumps({"e": i, "t": v, "a": 1, "m": 1}) for i, v in ((1, value), (2, str(value))))
    )
    assert [row["time"].timestamp() for row in read(tmp_path / "t.jsonl", write(tmp_path, text % unit))] == [
        1760000000
    ] * 2
    # 1500 of any unit is 1970, though 1500 s in microseconds would look like seconds of 2017.
    (tmp_path / "t.jsonl").write_text(json.dumps({"e": 1, "t": 1500, "a": 1, "m": 1}))
    with RejectLog() as rejects:
        assert not list(open_usage(tmp_path / "t.jsonl", rejects=rejects, mapping=tmp_path / "map.yaml"))
    assert rejects.counts == {("usage", "time out of range"): 1}


def test_the_salt_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = write(tmp_path, MAPPING.replace("version: 1", "version: 1\nsalt_env: OUR_SALT"))
    (tmp_path / "a.jsonl").write_text(json.dumps(RECORD))
    with pytest.raises(InputError, match="OUR_SALT is not set"):
        read(tmp_path / "a.jsonl", mapping)
    monkeypatch.setenv("OUR_SALT", "pepper")
    assert read(tmp_path / "a.jsonl", mapping)[0]["account_id"] == credential_digest("opaque-key", b"pepper")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("columns:\n  evnt_id: a\n", 2, "allowed are event_id"),
        ("colums: {}\n", 1, "allowed are version"),
        ("columns: {event_id: a\n", 2, "expected"),
        ("just text", 1, "must be a mapping"),
        ("", 0, "must be a mapping"),
        ("version: 2\ncolumns: {}\n", 1, "version"),
        ("adapter: nginx\ncolumns: {}\n", 1, "allowed are native, litellm, otel, envoy"),
        ("columns: {event_id: a}\n", 1, "no field is named for time, account_id, model"),
        ("adapter: envoy\ncolumns:\n  turn: {unit: s}\n", 3, "either 'from' or 'constant'"),
        ("adapter: envoy\ncolumns:\n  turn: {from: a, unit: s}\n", 3, "is for times"),
        ("adapter: envoy\ncolumns:\n  time: {from: a, unit: h}\n", 3, "allowed are s, ms, us, ns"),
        ("adapter: envoy\ncolumns:\n  time: {from: a, unit: s, format: b}\n", 3, "use one of them"),
        ("adapter: envoy\ncolumns:\n  turn: a\n  turn: b\n", 4, "there twice"),
        ("adapter: envoy\ncolumns:\n  status: {from: a, values: {x: good}}\n", 3, "allowed are ok, refused"),
        ("adapter: envoy\ncolumns:\n  status: {from: a, values: [x]}\n", 3, "must map"),
        ("adapter: envoy\ncolumns:\n  turn: [a]\n", 3, "must be a mapping"),
        ("adapter: envoy\ncolumns:\n  turn: {from: {a: b}}\n", 3, "a single value"),
        ("adapter: envoy\ncolumns:\n  account_id: {from: a, digest: often}\n", 3, "true or false"),
        ("adapter: envoy\ncolumns:\n  turn: {from: a, otherwise: 1}\n", 3, "needs 'values'"),
        ("adapter: envoy\ncolumns:\n  ? [a]\n  : b\n", 3, "a single value"),
    ],
)
def test_errors_name_the_line_and_what_is_allowed(tmp_path: Path, text: str, line: int, what: str) -> None:
    with pytest.raises(InputError) as caught:
        load_mapping(write(tmp_path, text))
    assert what in str(caught.value)
    assert "map.yaml" in str(caught.value)
    if line:
        assert f"line {line}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unreadable_mapping_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        load_mapping(tmp_path / "none.yaml")
    (tmp_path / "bin.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_mapping(tmp_path / "bin.yaml")


def test_fields_that_are_not_there_are_told_at_once(tmp_path: Path) -> None:
    mapping = write(tmp_path, "columns: {event_id: id, time: t, account_id: user.name, model: m}")
    (tmp_path / "t.csv").write_text("id,t,m\n1,2,3\n")
    with pytest.raises(InputError, match=r"user\.name.*fields of this file are id, m, t"):
        open_usage(tmp_path / "t.csv", rejects=RejectLog(), mapping=mapping)


@settings(max_examples=200)
@given(st.text(alphabet="adcolumns:[]{}'\"\n -?!&*|>%@`1\t#", max_size=60))
def test_no_mapping_file_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("m") / "map.yaml"
    path.write_text(text)
    with pytest.raises(InputError):
        load_mapping(path)


def test_paths() -> None:
    record = {"a": {"b.c": {"d": [1, {"e": 2}]}}, "a.b": 5, "j": '{"k": [7]}', "bad": "{"}
    assert follow(record, "a.b") == 5
    assert follow(record, "a.b.c.d.-1.e") is None  # the name "a.b" wins over the object "a"
    assert follow({"x": record["a"]}, "x.b.c.d.-1.e") == 2
    assert follow(record, "j.k.0") == 7
    assert follow(record, "bad.k") is None
    assert follow(record, "a.b.c.d.9") is None


def test_what_the_base_writes_for_nothing_is_nothing(tmp_path):
    """Else all traffic without a user is that of one account "-"."""
    (tmp_path / "m.yaml").write_text("adapter: envoy\ncolumns:\n  account_id: x-user\n")
    adapter = load_mapping(tmp_path / "m.yaml")
    line = {"gen_ai.request.model": "m", "start_time": "2026-03-01T00:00:00Z", "x-user": "-"}
    (row,) = adapter.documents(json.dumps(line).encode())
    assert row.values["account_id"] is None
    (row,) = adapter.documents(json.dumps({**line, "x-user": "u1"}).encode())
    assert row.values["account_id"] == "u1"
