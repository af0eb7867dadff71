"""Garbage of every kind around good rows: no error escapes, every good row comes out, and counts add up."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.schema import USAGE
from stillwatch.records.tables import open_usage

FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([float("nan"), float("inf"), -1.0, 1e308, 10**400, -(2**63), 2**64]),
        st.text(st.characters(codec=None), max_size=8),
        st.sampled_from(
            ["", " ", "\0", "\ud800", "1999-01-01T00:00:00Z", "9" * 30, "sk-" + "a" * 20, "{", "[1]"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def native(i: int) -> dict:
    return {
        "event_id": f"good-{i}",
        "time": "2026-03-01T00:00:00Z",
        "account_id": "a",
        "model": "m",
        "input_tokens": i,
    }


def litellm(i: int) -> dict:
    return {
        "id": f"good-{i}",
        "startTime": 1760000000.5,
        "endTime": 1760000001.5,
        "call_type": "acompletion",
        "model": "m",
        "metadata": {"user_api_key_user_id": "u", "usage_object": {}},
        "messages": [{"role": "user", "content": "q"}],
        "response": {"choices": [{"finish_reason": "stop", "message": {"content": "a"}}]},
        "model_parameters": {"temperature": 1},
        "request_tags": ["User-Agent: x"],
        "error_information": {},
        "status": "success",
        "status_fields": {},
    }


def envoy(i: int) -> dict:
    return {
        "x-request-id": f"good-{i}",
        "start_time": "2026-03-01T00:00:00.123Z",
        "response_code": 200,
        "response_flags": "-",
        "genai_model_name": "m",
        "genai_tokens_input": 5,
        "x-user-id": "u",
        "duration": 5,
        "downstream_remote_address": "8.8.8.8:1",
        "x-forwarded-for": "9.9.9.9",
    }


def otel(i: int) -> dict:
    values = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.response.id": f"good-{i}",
        "user.id": "u",
        "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "q"}]}]',
    }
    span = {
        "traceId": "aa",
        "spanId": "bb",
        "startTimeUnixNano": "1760000000000000000",
        "endTimeUnixNano": "1760000001000000000",
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in values.items()],
        "events": [{"name": "gen_ai.choice", "attributes": []}],
        "status": {"code": 1},
    }
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [span]}]}]}


MAKERS: dict[str, Callable[[int], dict]] = {
    "native": native,
    "litellm": litellm,
    "envoy": envoy,
    "otel": otel,
}


def mutated(draw: st.DrawFn, value: object, depth: int = 0) -> object:
    """A record with one thing somewhere in it replaced."""
    if isinstance(value, dict) and value and (depth == 0 or draw(st.booleans())):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: mutated(draw, value[key], depth + 1)}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [mutated(draw, value[0], depth + 1), *value[1:]]
    return draw(junk)


@st.composite
def garbage_lines(draw: st.DrawFn, make: Callable[[int], dict]) -> bytes:
    kind = draw(st.integers(0, 4))
    if kind == 0:
        record = make(0) | {}
        changed = mutated(draw, record)
        text = json.dumps(changed, ensure_ascii=draw(st.booleans())).replace("good-", "bad-")
        return text.encode("utf-8", "surrogatepass")
    if kind == 1:
        line = json.dumps(make(0)).replace("good-", "bad-").encode()
        return line[: draw(st.integers(0, len(line) - 1))]
    if kind == 2:
        return draw(st.binary(max_size=40)).replace(b"\n", b"")
    if kind == 3:
        return json.dumps(draw(junk)).encode("utf-8", "surrogatepass")
    line = json.dumps(make(0)).replace("good-", "bad-").encode()
    place = draw(st.integers(0, len(line) - 1))
    return line[:place] + draw(st.binary(min_size=1, max_size=3)).replace(b"\n", b"?") + line[place + 1 :]


def read_all(path: Path, **options) -> tuple[list[str], dict[str, int]]:
    with RejectLog(path.parent / "rejected") as rejects:
        reader = open_usage(path, rejects=rejects, **options)
        batches = list(reader)
    for batch in batches:
        assert batch.schema == USAGE.schema
        batch.validate(full=True)
    skipped = sum(reader.rows_skipped.values())
    assert reader.rows_read == reader.rows_out + rejects.total("usage") + skipped
    assert reader.rows_out == sum(batch.num_rows for batch in batches)
    for kept in (path.parent / "rejected").glob("*.jsonl"):
        for line in kept.read_text("utf-8").splitlines():
            json.loads(line)
    ids = [i for batch in batches for i in batch.column("event_id").to_pylist() if i.startswith("good-")]
    return ids, rejects.by_reason("usage")


@pytest.mark.parametrize("name", list(MAKERS))
@FUZZ
@given(data=st.data())
def test_good_lines_among_garbage(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    make = MAKERS[name]
    good = data.draw(st.integers(1, 5))
    bad = data.draw(st.lists(garbage_lines(make), max_size=6))
    lines = data.draw(st.permutations([json.dumps(make(i)).encode() for i in range(good)] + bad))
    text = b"\n".join(lines) + b"\n"
    folder = tmp_path_factory.mktemp("f")
    packed = data.draw(st.booleans())
    path = folder / ("log.jsonl.gz" if packed else "log.jsonl")
    path.write_bytes(gzip.compress(text) if packed else text)
    ids, _ = read_all(path, adapter=name)
    assert sorted(set(ids)) == sorted(f"good-{i}" for i in range(good))
    assert len(ids) == good
    assert sorted(read_all(path)[0]) == sorted(ids)


@FUZZ
@given(data=st.data())
def test_good_rows_of_csv_among_garbage(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = data.draw(st.integers(1, 5))
    garbage = st.one_of(
        st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"").replace(b'"', b"'")),
        st.sampled_from(
            [b"", b",,,,", b'"open', b'x,"open,1', b"bad,2026-03-01T00:00:00Z,a,m,nan", b"bad,never,a,m,1"]
        ),
    )
    bad = data.draw(st.lists(garbage, max_size=5))
    rows = [f"good-{i},2026-03-01T00:00:00Z,a,m,{i}".encode() for i in range(good)]
    lines = data.draw(st.permutations(rows + bad))
    path = tmp_path_factory.mktemp("f") / "log.csv"
    path.write_bytes(b"event_id,time,account_id,model,input_tokens\n" + b"\n".join(lines) + b"\n")
    ids, _ = read_all(path)
    if sum(line.count(b'"') for line in bad) % 2 == 0 and any(b'"' in line for line in bad):
        # Two open quotes enclose what lies between them: that is one field by the rules of CSV.
        return
    assert sorted(ids) == sorted(f"good-{i}" for i in range(good))


@FUZZ
@given(data=st.data())
def test_columns_of_any_type_in_parquet(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rows = data.draw(st.integers(1, 4))
    columns: dict[str, pa.Array] = {name: pa.array([value] * rows) for name, value in native(0).items()}
    columns["event_id"] = pa.array([f"good-{i}" for i in range(rows)])
    kinds = [pa.int8(), pa.float64(), pa.string(), pa.binary(), pa.bool_(), pa.decimal128(12, 2), pa.date32()]
    kinds += [
        pa.list_(pa.int32()),
        pa.struct([("x", pa.int8())]),
        pa.timestamp("ns"),
        pa.time64("us"),
        pa.null(),
    ]
    for column in USAGE.columns:
        if column.required or not data.draw(st.booleans()):
            continue
        kind = data.draw(st.sampled_from(kinds))
        try:
            columns[column.name] = pa.array(data.draw(st.lists(junk, min_size=rows, max_size=rows)), kind)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            columns[column.name] = (
                pa.array([7] * rows).cast(kind, safe=False) if pa.types.is_integer(kind) else pa.nulls(rows)
            )
    path = tmp_path_factory.mktemp("f") / "log.parquet"
    pq.write_table(pa.table(columns), path)
    ids, reasons = read_all(path)
    assert ids == [f"good-{i}" for i in range(rows)]
    assert not reasons


@FUZZ
@given(data=st.data())
def test_parquet_with_any_bytes_changed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("f")
    path = folder / "b.parquet"
    pq.write_table(
        pa.Table.from_pylist([native(i) for i in range(50)]), path, row_group_size=20, use_dictionary=False
    )
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    pq.write_table(pa.Table.from_pylist([native(i) for i in range(100, 103)]), folder / "a.parquet")
    ids, _ = read_all(folder)
    assert {"good-100", "good-101", "good-102"} <= set(ids)


@FUZZ
@given(data=st.data())
def test_protobuf_with_any_bytes_changed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    traces = TracesData()
    scope = traces.resource_spans.add().scope_spans.add()
    span = scope.spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=1760000000000000000)
    for key, value in {"gen_ai.request.model": "m", "user.id": "u", "gen_ai.response.id": "good-0"}.items():
        span.attributes.add(key=key).value.string_value = value
    good = traces.SerializeToString()
    broken = bytearray(good.replace(b"good-0", b"bad--0"))
    for _ in range(data.draw(st.integers(1, 5))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    # With a length before each message, damage in one can't reach the next.
    framed = [struct.pack(">I", len(m)) + bytes(m) for m in (good, broken, good)]
    path = tmp_path_factory.mktemp("f") / "t.otlp"
    path.write_bytes(b"".join(framed))
    assert read_all(path)[0] == ["good-0", "good-0"]
    path.write_bytes(bytes(broken))
    try:
        read_all(path)
    except InputError as error:
        assert "\n" not in str(error)


@FUZZ
@given(
    st.binary(max_size=200),
    st.sampled_from(["x.jsonl", "x.csv", "x.parquet", "x.pb", "x.json.gz", "x.zst", "x"]),
)
def test_files_of_noise(tmp_path_factory: pytest.TempPathFactory, noise: bytes, name: str) -> None:
    path = tmp_path_factory.mktemp("f") / name
    path.write_bytes(noise)
    try:
        assert read_all(path)[0] == []
    except InputError as error:
        assert "\n" not in str(error)


def test_duplicate_event_ids_all_come_out(tmp_path: Path) -> None:
    """Which of them is kept is for the scan to say, which sees all files at once."""
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(native(1)) + "\n" for _ in range(3)))
    assert read_all(path)[0] == ["good-1"] * 3
