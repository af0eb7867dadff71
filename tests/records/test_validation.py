"""Whole columns give what single values give, and nothing that values hold makes them fail."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records import coercion
from stillwatch.records.rejects import TIME_NOT_READABLE, TIME_OUT_OF_RANGE, TOO_LONG, missing
from stillwatch.records.schema import ACCOUNTS, AGREEMENTS, TABLES, USAGE, Column
from stillwatch.records.validation import convert, python_values, validate

COLUMNS = [column for table in TABLES for column in table.columns]
GOOD = {"event_id": "e", "time": "2026-01-01T00:00:00Z", "account_id": "a", "model": "m"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            " ",
            "ok",
            "OK ",
            "api",
            "hosting",
            "true",
            "No",
            "1",
            "-3",
            "7.0",
            "1.5",
            "1e3",
            "NaN",
            "inf",
            "+4",
            "1760000000",
            "1760000000000",
            "1760000000.25",
            "99999999999999999999",
            "0001",
            "3000000000",
            "2026-01-01T00:00:00Z",
            "2026-01-01 00:00:00",
            "2026-01-01T00:00:00.123456789+02:00",
            "2026-01-01",
            "1999-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2200-01-01T00:00:00",
            "20260101T000000Z",
            "12/31/2026",
            "1.2.3.4",
            "1.2.3.4:80",
            "[2001:DB8::1]:443",
            "::ffff:1.2.3.4",
            "999.1.1.1",
            "fe80::1%eth0",
            "sk-abcdefghijklmnop",
            "Bearer abc",
            '["a","b"]',
            "a;b",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
        ]
    ),
)
numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-5, 5000),
    st.integers(1_400_000_000, 4_200_000_000),
    st.integers(1_400_000_000_000, 4_200_000_000_000),
)
floats = st.one_of(
    st.floats(), st.floats(-2, 5000), st.integers(-5, 5000).map(float), st.floats(1.4e9, 4.2e9)
)
KINDS = {
    pa.string(): texts,
    pa.large_string(): texts,
    pa.string_view(): texts,
    pa.binary(): st.one_of(st.binary(max_size=8), texts.map(lambda t: t.encode("utf-8", "replace"))),
    pa.dictionary(pa.int32(), pa.string()): texts,
    pa.int64(): numbers,
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.int8(): st.integers(-128, 127),
    pa.uint16(): st.integers(0, 65535),
    pa.float64(): floats,
    pa.float32(): st.floats(width=32),
    pa.bool_(): st.booleans(),
    pa.decimal128(20, 3): st.decimals(-1000, 5000, places=3),
    pa.timestamp("us", "UTC"): st.datetimes(timezones=st.just(UTC)),
    pa.timestamp("s"): st.datetimes().map(lambda d: d.replace(microsecond=0)),
    pa.timestamp("ms", "Europe/Berlin"): st.datetimes(
        datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)
    ).map(lambda d: d.replace(microsecond=0)),
    pa.date32(): st.dates(),
    pa.list_(pa.string()): st.lists(texts, max_size=3),
    pa.struct([("a", pa.int64())]): st.fixed_dictionaries({"a": st.integers(0, 5)}),
    pa.duration("s"): st.timedeltas().map(lambda d: d - d % d.resolution),
    pa.null(): st.none(),
}


@st.composite
def arrays(draw: st.DrawFn) -> pa.Array:
    kind = draw(st.sampled_from(list(KINDS)))
    values = draw(st.lists(st.one_of(st.none(), KINDS[kind]), max_size=6))
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError):
        return pa.array([None] * len(values), kind)


def one_by_one(column: Column, values: list[object]) -> tuple[list[object], list[str | None]]:
    coerce = coercion.coercer(column)
    done = [(None, None) if value is None else coerce(value) for value in values]
    return [value for value, _ in done], [problem for _, problem in done]


def comparable(column: Column, array: pa.Array) -> list[object]:
    return array.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(column.type) else array.to_pylist()


@settings(max_examples=400)
@given(st.sampled_from(COLUMNS), arrays())
def test_a_whole_column_gives_what_its_values_give(column: Column, array: pa.Array) -> None:
    done = convert(column, array)
    values, problems = one_by_one(column, python_values(array))
    assert done.array.type == column.type
    assert comparable(column, done.array) == values
    told: list[str | None] = [None] * len(array)
    for reason, mask in done.problems.items():
        for place in np.flatnonzero(mask):
            assert told[place] is None, "one value has one reason"
            told[place] = reason
    assert told == problems


anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        texts,
        st.text(st.characters(codec=None), max_size=5),
        st.binary(max_size=6),
        st.datetimes(),
        st.dates(),
        st.decimals(),
        st.uuids(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(max_examples=300)
@given(st.sampled_from(TABLES), st.data())
def test_anything_at_all_is_taken_or_told(table, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 4))
    columns = {c.name: data.draw(st.lists(anything, min_size=rows, max_size=rows)) for c in table.columns}
    result = validate(table, columns, rows)
    assert result.batch.schema == table.schema
    result.batch.validate(full=True)
    rejected = [place for places in result.rejected.values() for place in places]
    assert sorted(rejected) == sorted(set(rejected))
    assert result.batch.num_rows + len(rejected) == rows
    for column in table.columns:
        if column.required:
            assert result.batch.column(column.name).null_count == 0


def check(table, column: str, values, kind=None) -> tuple[list[object], dict[str, int], dict[str, list[int]]]:
    array = pa.array(values, kind) if kind is not None else values
    rows = len(values)
    columns = {name: [GOOD[name]] * rows for name in GOOD} | {column: array}
    if "event_id" in columns and column != "event_id":
        columns["event_id"] = [str(i) for i in range(rows)]
    result = validate(table, columns, rows)
    dropped = {reason: n for (name, reason), n in result.dropped.items() if name == column}
    return result.batch.column(column).to_pylist(), dropped, result.rejected


def test_required_values_reject_their_row_with_a_reason() -> None:
    values, _, rejected = check(USAGE, "account_id", ["a", "", None, " ", "x" * 2000, "b"], pa.string())
    assert values == ["a", "b"]
    assert rejected == {missing("account_id"): [1, 2, 3], TOO_LONG: [4]}


def test_times_of_every_kind() -> None:
    us = int(NOON.timestamp()) * 1_000_000
    for values in (
        ["2026-03-01T12:00:00Z"],
        ["2026-03-01T13:00:00+01:00"],
        ["2026-03-01 12:00:00"],
        [us // 1_000_000],
        [us // 1000],
        [us],
        [us * 1000],
        [us / 1e6],
        [str(us // 1000)],
        [NOON],
    ):
        assert check(USAGE, "time", values)[0] == [NOON], values
    assert check(USAGE, "time", [NOON.replace(tzinfo=None)], pa.timestamp("ns"))[0] == [NOON]
    assert check(USAGE, "time", [date(2026, 3, 1)])[0] == [NOON.replace(hour=0)]


def test_bad_times_are_told_apart() -> None:
    values = [
        "2014-12-31T23:59:59.999999Z",
        "2015-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        "soon",
        None,
        "",
        "17",
    ]
    good, _, rejected = check(USAGE, "time", values, pa.string())
    assert good == [datetime(2015, 1, 1, tzinfo=UTC)]
    assert rejected == {TIME_OUT_OF_RANGE: [0, 2, 6], TIME_NOT_READABLE: [3], missing("time"): [4, 5]}


def test_bad_optional_values_become_null_and_are_counted() -> None:
    values, dropped, rejected = check(
        USAGE, "input_tokens", [5.0, math.nan, math.inf, -1.0, 1e15, 1.5], pa.float64()
    )
    assert values == [5, None, None, None, None, None]
    assert not rejected
    assert dropped == {
        coercion.NOT_FINITE: 2,
        coercion.NEGATIVE: 1,
        coercion.TOO_LARGE: 1,
        coercion.WRONG_TYPE: 1,
    }


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.int16(), pa.uint32(), pa.int64(), pa.float32(), pa.decimal128(9, 2)]
)
def test_other_widths_of_numbers(kind: pa.DataType) -> None:
    array = pa.array([Decimal(7) if pa.types.is_decimal(kind) else 7, None], kind)
    assert check(USAGE, "turn", array)[0] == [7, None]
    assert check(USAGE, "output_tokens", array)[0] == [7, None]
    assert check(USAGE, "temperature", array)[0] == [7.0, None]


def test_invalid_utf8_is_replaced_and_the_row_stays() -> None:
    broken = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 2, 4], np.int32)), pa.py_buffer(b"a\xffbc")]
    )
    values, dropped, rejected = check(USAGE, "input_text", broken)
    assert values == ["a\ufffd", "bc"]
    assert dropped == {coercion.REPAIRED: 1}
    assert not rejected


def test_lone_surrogates_and_nul_pass() -> None:
    values, dropped, _ = check(USAGE, "input_text", ["a\ud800b", "\ud83d\ude00", "a\0b"])
    assert values == ["a\ufffdb", "😀", "a\0b"]
    assert dropped == {coercion.REPAIRED: 2}


def test_addresses_are_made_canonical() -> None:
    values, dropped, _ = check(
        USAGE,
        "client_address",
        ["1.2.3.4", "1.2.3.4:8080", "2001:DB8:0::1", "[::1]:80", "::ffff:9.9.9.9", "x"],
    )
    assert values == ["1.2.3.4", "1.2.3.4", "2001:db8::1", "::1", "9.9.9.9", None]
    assert dropped == {coercion.NOT_AN_ADDRESS: 1}


def test_vocabularies_are_closed() -> None:
    values, dropped, _ = check(
        USAGE, "status", ["ok", " Refused", "great", ""], pa.dictionary(pa.int8(), pa.string())
    )
    assert values == ["ok", "refused", None, None]
    assert dropped == {coercion.NOT_IN_VOCABULARY: 1}


def test_raw_credentials_become_digests() -> None:
    raw = "sk-live-0123456789abcdef"
    plain = validate(USAGE, {name: [GOOD[name]] for name in GOOD} | {"credential_id": pa.array([raw])}, 1)
    keyed = validate(USAGE, {name: [GOOD[name]] for name in GOOD} | {"credential_id": [raw]}, 1, salt=b"s")
    first, second = (r.batch.column("credential_id")[0].as_py() for r in (plain, keyed))
    assert raw not in (first, second)
    assert first != second
    assert len(first) == len(second) == 32


def test_booleans_and_lists() -> None:
    result = validate(ACCOUNTS, {"account_id": list("abcde"), "verified": ["true", "0", 1, "maybe", None]}, 5)
    assert result.batch.column("verified").to_pylist() == [True, False, True, None, None]
    result = validate(
        AGREEMENTS, {"agreement_id": list("abcd"), "models": [["m", "n"], '["m"]', "m; n", {"m": 1}]}, 4
    )
    assert result.batch.column("models").to_pylist() == [["m", "n"], ["m"], ["m", "n"]]
    assert result.rejected == {"models: wrong type": [3]}


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("ends_at", "31.12.2024"),
        ("starts_at", float("nan")),
        ("max_exchanges", "1,0"),
        ("max_exchanges", -1),
        ("models", '["other"'),
        ("purpose", "everything"),
    ],
)
def test_a_limit_that_cannot_be_read_is_not_the_absence_of_one(limit: str, value: object) -> None:
    """Null means no limit: an agreement whose limit is damaged would else cover everything for ever."""
    result = validate(AGREEMENTS, {"agreement_id": ["good", "bad"], limit: [None, value]}, 2)
    assert result.batch.column("agreement_id").to_pylist() == ["good"]
    ((reason, places),) = result.rejected.items()
    assert reason.startswith(f"{limit}: ")
    assert places == [1]


@pytest.mark.parametrize("as_arrow", [False, True])
def test_agreements_may_begin_before_any_log_and_end_after(as_arrow: bool) -> None:
    values = ["1999-01-01", "9999-12-31", "2026-01-01 00:00:00 UTC"]
    raw = pa.array(values) if as_arrow else values
    result = validate(AGREEMENTS, {"agreement_id": list("abc"), "ends_at": raw}, 3)
    assert not result.rejected
    years = [t.year for t in result.batch.column("ends_at").to_pylist()]
    assert years == [2015, 2099, 2026]
    log = validate(
        USAGE,
        {name: [GOOD[name]] * 3 for name in GOOD} | {"time": pa.array(values) if as_arrow else values},
        3,
    )
    assert sum(map(len, log.rejected.values())) == 2, "in logs such a time is damage"
