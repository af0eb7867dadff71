"""Stage 1 against plain Python on small random logs, and what it does with repeated event ids."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.detection.carried import CONTENT_KINDS, PHRASE_KINDS
from stillwatch.detection.intake import HOUR_US, KEPT, NUMBERS
from stillwatch.detection.ledger import _without_repeats, relate
from stillwatch.detection.settings import Settings
from stillwatch.detection.sharers import MOST_SHARERS
from stillwatch.engines import open_engine
from stillwatch.records.schema import USAGE
from stillwatch.records.sketches import SKETCH_SCHEMA, Key, luck, sketch

START = datetime(2026, 3, 2, tzinfo=UTC)
SCHEMA = pa.schema([*NUMBERS, *(pa.field(c, USAGE[c].type) for c in KEPT), *SKETCH_SCHEMA])

exchange = st.fixed_dictionaries(
    {
        "event_id": st.integers(0, 40).map(lambda n: f"e{n}"),
        "time": st.integers(0, 72 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
        "account_id": st.sampled_from(["a", "b", "c", "d", "e"]),
        "client_address": st.sampled_from([None, "192.0.2.1", "192.0.2.2"]),
        "tool_count": st.sampled_from([None, 0, 3]),
        "prefix_hash": st.sampled_from([None, 1, 2]),
        "model": st.just("m"),
    }
)


def _hear(heard, rows, share):
    heard.append((rows, share))


def computed(rows, tmp_path):
    lucks = luck(pa.array([row["event_id"] for row in rows], pa.large_string())).tolist()
    numbered = [{"row": i, "luck": lucks[i], "hour": hour(row["time"]), **row} for i, row in enumerate(rows)]
    table = pa.Table.from_pylist(numbered, schema=SCHEMA)
    with open_engine("duckdb", scratch=tmp_path / "s", threads=2, memory=1 << 30) as engine:
        return relate(engine, engine.table("log", table), Settings())


def unique(rows):
    """The earliest row of each event id; among equals the account decides."""
    kept = {}
    for row in sorted(rows, key=lambda r: (r["time"], r["account_id"])):
        kept.setdefault(row["event_id"], row)
    return list(kept.values())


def hour(moment):
    return int(moment.timestamp() * 1e6) // HOUR_US


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(exchange, min_size=1, max_size=60))
def test_ledger_and_shared_things_are_what_plain_python_finds(rows, tmp_path):
    found = computed(rows, tmp_path)
    kept = unique(rows)
    names = found.accounts["account_id"].to_pylist()
    assert names == sorted({row["account_id"] for row in kept})
    assert found.duplicates.num_rows == len(rows) - len(kept)
    expected = Counter((row["account_id"], hour(row["time"])) for row in kept)
    ledger = {(names[r["acc"]], r["hour"]): r["n"] for r in found.ledger.to_pylist()}
    assert ledger == dict(expected)
    users = defaultdict(dict)
    for row in sorted(kept, key=lambda r: r["time"]):
        if row["prefix_hash"] is not None:
            users[row["prefix_hash"]].setdefault(row["account_id"], hour(row["time"]))
    ready = {value: sorted(first.values())[2] for value, first in users.items() if len(first) >= 3}
    prefix = CONTENT_KINDS.index("prefix")
    objects = {r["value"]: r["ready"] for r in found.objects.to_pylist() if r["kind"] == prefix}
    assert objects == ready
    holders = defaultdict(set)
    for row in kept:
        if row["client_address"]:
            holders[row["client_address"]].add(row["account_id"])
    shared = defaultdict(set)
    for r in found.shared.to_pylist():
        if r["kind"] == "address":
            shared[r["value"]].add(names[r["acc"]])
    assert shared == {address: who for address, who in holders.items() if len(who) > 1}


def test_endings_and_looks_are_counted_by_hour_and_scripts_by_first_use(tmp_path):
    told = (
        ("ok", 0.01, 1),
        ("refused", 0.2, 1),
        ("blocked", 0.081, 2),
        (None, None, None),
        ("refused", 0.079, 0),  # a text without letters has no script
    )
    rows = [
        {"event_id": f"e{n}", "time": START, "account_id": "a", "model": "m", "status": status,
         "symbol_share": symbols, "script": script, "item_hash": None if symbols is None else n}
        for n, (status, symbols, script) in enumerate(told)
    ]  # fmt: skip
    found = computed(rows, tmp_path)
    (row,) = found.ledger.to_pylist()
    names = ("n", "texts", "blocked", "refused", "status_known", "symbolic")
    assert {name: row[name] for name in names} == {
        "n": 5, "texts": 4, "blocked": 1, "refused": 2, "status_known": 4, "symbolic": 2
    }  # fmt: skip
    (fresh,) = [r["fresh"] for r in found.novelty.to_pylist() if r["kind"] == "script"]
    assert fresh == 2


def test_japanese_in_kana_and_in_chinese_characters_is_one_script(tmp_path):
    texts = ["契約書要約：利用規約", "この文章をわかりやすくしてください", "Please translate this letter"]
    sketched = sketch(pa.array(texts), None, Key(bytes(16))).to_pylist()
    assert len({row["script"] for row in sketched}) == 3
    rows = [
        {"event_id": f"e{n}", "time": START, "account_id": "a", "model": "m", "script": row["script"], "item_hash": n}
        for n, row in enumerate(sketched)
    ]  # fmt: skip
    (fresh,) = [r["fresh"] for r in computed(rows, tmp_path).novelty.to_pylist() if r["kind"] == "script"]
    assert fresh == 2


@pytest.mark.parametrize("turned", [False, True])
def test_of_repeats_the_earliest_stays_in_any_order(tmp_path, turned):
    rows = [
        {"event_id": "x", "time": START + timedelta(hours=h), "account_id": account, "model": "m"}
        for h, account in ((5, "late"), (1, "early"), (3, "middle"))
    ]
    found = computed(rows[::-1] if turned else rows, tmp_path)
    assert found.accounts["account_id"].to_pylist() == ["early"]
    assert sorted(found.duplicates["account_id"].to_pylist()) == ["late", "middle"]


def test_two_ids_with_one_hash_are_two(tmp_path):
    ids = ["x", "y", "y", "z"]
    rows = [
        {"row": i, "event_id": ids[i], "luck": 7, "time": START, "account_id": "one", "model": "m"}
        for i in range(4)
    ]
    with open_engine("duckdb", scratch=tmp_path, threads=1, memory=1 << 30) as engine:
        kept, lost = _without_repeats(engine, engine.table("log", pa.Table.from_pylist(rows, schema=SCHEMA)))
        assert sorted(engine.fetch(kept.select("event_id"))["event_id"].to_pylist()) == ["x", "y", "z"]
    assert lost["event_id"].to_pylist() == ["y"]


READ = [name for name in SCHEMA.names if name not in ("row", "luck", "event_id", "phrases", "system_phrases")]


@pytest.mark.parametrize("column", READ)
def test_whatever_tells_repeats_apart_the_number_of_the_row_does_not(tmp_path, column):
    values = pa.array([1, 2]).cast(SCHEMA.field(column).type, safe=False)
    if pa.types.is_boolean(values.type):
        values = pa.array([True, False])
    pair = [{"event_id": "x", "luck": 7, "time": START, "account_id": "one", "model": "m"} for _ in range(2)]
    kept = []
    for name, order in (("a", (0, 1)), ("b", (1, 0))):
        rows = [{"row": i, **pair[k], column: values[k].as_py()} for i, k in enumerate(order)]
        with open_engine("duckdb", scratch=tmp_path / name, threads=1, memory=1 << 30) as engine:
            log = engine.table("log", pa.Table.from_pylist(rows, schema=SCHEMA))
            unique_rows, _ = _without_repeats(engine, log)
            kept.append(engine.fetch(unique_rows.select(column)).to_pylist())
    assert kept[0] == kept[1]
    assert len(kept[0]) == 1


def drawn(n, seed):
    """Exchanges of which many share texts, some ids come twice, and little is null everywhere."""
    draw = np.random.default_rng(seed)
    return [
        {
            "event_id": f"e{draw.integers(20 * n)}",
            "time": START + timedelta(minutes=int(draw.integers(60 * 24))),
            "account_id": f"a{draw.integers(30)}",
            "model": str(draw.choice(["m", "n"])),
            "text_words": 5,
            "prefix_hash": int(draw.integers(60)) or None,
            "item_hash": int(draw.integers(n)),
            "phrases": draw.choice(80, int(draw.integers(4)), replace=False).tolist(),
            "system_phrases": None if draw.random() < 0.5 else [int(draw.integers(5))],
            "marks": int(draw.integers(8)),
            "turn": int(draw.integers(3)) or None,
        }
        for _ in range(n)
    ]


@pytest.mark.parametrize("accounts", [3, MOST_SHARERS, MOST_SHARERS + 1])
def test_what_is_counted_here_is_what_an_engine_of_many_processes_groups(accounts, tmp_path):
    rows = drawn(1500, accounts)
    lucks = luck(pa.array([row["event_id"] for row in rows], pa.large_string())).tolist()
    numbered = [{"row": i, "luck": lucks[i], "hour": hour(row["time"]), **row} for i, row in enumerate(rows)]
    table = pa.Table.from_pylist(numbered, schema=SCHEMA)
    found = []
    for workers in (1, 2):
        with open_engine("duckdb", scratch=tmp_path / str(workers), threads=2, memory=1 << 30) as engine:
            engine.workers = workers
            told = Settings(content_accounts=accounts, looked_at=16)
            heard = []
            found.append(relate(engine, engine.table("log", table), told, partial(_hear, heard)))
        assert len(heard) >= 3 if workers == 1 else len(heard) == 1
        assert heard == sorted(heard)
        assert all(0 < share <= 1 and rows <= 1500 for rows, share in heard)
    ours, theirs = found
    assert ours.objects.num_rows > 40
    assert ours.duplicates.num_rows > 10
    for name in ("accounts", "ledger", "novelty", "objects", "shared", "models", "duplicates"):
        a, b = (
            getattr(one, name).sort_by([(c, "ascending") for c in getattr(one, name).column_names])
            for one in (ours, theirs)
        )
        assert a.equals(b), name
    a, b = (
        {
            row: (one.acc[i], one.marks[i], one.carried[one.start[i] : one.start[i + 1]].tolist())
            for i, row in enumerate(one.row.tolist())
        }
        for one in (ours.exchanges, theirs.exchanges)
    )
    assert a == b


@pytest.mark.parametrize(("kind", "column"), PHRASE_KINDS.items())
def test_phrases_count_from_the_third_account_on(kind, column, tmp_path):
    """Whoever sends one repeatedly is one account; the third account's first use is the hour from which it counts."""
    told = (
        ("a", 0, [7, 8]),
        ("a", 1, [7]),
        ("b", 2, [7, 8, 9]),
        ("c", 5, [7, 9]),
        ("d", 8, [7]),
        ("e", 9, []),
    )
    rows = [
        {
            "event_id": f"e{n}",
            "time": START + timedelta(hours=h),
            "account_id": who,
            "model": "m",
            "text_words": 3,
            column: own,
        }
        for n, (who, h, own) in enumerate(told)
    ]
    relations = computed(rows, tmp_path)
    (found,) = relations.objects.to_pylist()  # two accounts are too few for 8 and 9
    assert found == {"kind": CONTENT_KINDS.index(kind), "value": 7, "ready": hour(START) + 5}
    carriers = np.diff(relations.exchanges.start) == 1
    assert sorted(relations.exchanges.row[carriers].tolist()) == [0, 1, 2, 3, 4]
    assert relations.exchanges.carried.tolist() == [0] * 5


def test_of_exchanges_with_shared_texts_marks_and_flags_are_kept(tmp_path):
    told = (
        (1, 2, 3, 2),  # a mark of the system text counts as one of the text
        (None, 4, 0, 1),
        (1, None, None, None),
        (None, None, None, None),
    )
    rows = [
        {"event_id": f"e{n}", "time": START + timedelta(hours=n), "account_id": who, "model": "m",
         "text_words": 9, "prefix_hash": 1, "marks": marks, "system_marks": system, "tool_count": tools, "turn": turn}
        for n, (who, (marks, system, tools, turn)) in enumerate(zip("abcd", told, strict=True))
    ]  # fmt: skip
    rows.append(
        {
            "event_id": "x",
            "time": START,
            "account_id": "a",
            "model": "m",
            "text_words": 9,
            "prefix_hash": 2,
            "marks": 1,
        }
    )
    kept = computed(rows, tmp_path).exchanges
    order = np.argsort(kept.row)
    assert np.diff(kept.start)[order].tolist() == [1, 1, 1, 1, 0], "what nobody else sent is no object"
    assert kept.marks[order].tolist() == [3, 4, 1, 0, 1]
    assert kept.tools[order].tolist() == [1, 0, -1, -1, -1]
    assert kept.later[order].tolist() == [1, 0, -1, -1, -1]
    assert kept.time[order].tolist() == [
        int((START + timedelta(hours=n)).timestamp() * 1e6) for n in (0, 1, 2, 3, 0)
    ]
