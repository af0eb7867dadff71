"""The same input gives the same answer on every engine: all of stage 1's tables, and all that a scan writes."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from stillwatch.cli.scan import _add_bundle
from stillwatch.detection import distributed_intake, preparation
from stillwatch.detection.ledger import COPIED
from stillwatch.detection.run_record import Inputs, Resources
from stillwatch.detection.scan import scan
from stillwatch.detection.settings import Settings
from stillwatch.records import shares
from stillwatch.records.sketches import Key

TABLES = ("accounts", "ledger", "novelty", "objects", "shared", "models", "duplicates")
SETTINGS = Settings(looked_at=8, looks=1)
"""With so few looked at one by one of an account, most are samples."""


def scanned(folder, out, engine, monkeypatch, settings=None):
    """Scan the log on an engine: stage 1's results, and what was written."""
    found = []

    def kept(*given):
        found.append(relate(*given))
        return found[-1]

    def counted(*given):
        shared.extend(cut(*given))
        return shared

    shared = []
    cut = distributed_intake.shares
    monkeypatch.setattr(distributed_intake, "shares", counted)
    relate = preparation.relate
    monkeypatch.setattr(preparation, "relate", kept)
    inputs = Inputs(
        str(folder / "usage"),
        **{name: str(folder / f"{name}.parquet") for name in ("accounts", "releases", "agreements")},
    )
    resources = Resources(threads=2, memory=2 << 30, engine=engine, engine_settings=settings or {})
    scan(inputs, out, settings=SETTINGS, resources=resources, key=Key(bytes(16)), finish=_add_bundle)
    monkeypatch.undo()
    assert (len(shared) > 3) == (engine == "spark")
    (relations,) = found
    return relations, out


def ordered(table):
    """A table's rows in one order, whatever order they came in."""
    columns = sorted(table.column_names)
    return table.select(columns).sort_by([(name, "ascending") for name in columns]).combine_chunks()


def carried(exchanges):
    """Exchanges by account, time and luck, with what they carry; row numbers are an engine's own."""
    order = np.lexsort((exchanges.luck, exchanges.time, exchanges.acc))
    columns = {name: getattr(exchanges, name)[order].tolist() for name in COPIED if name != "row"}
    columns["model"] = [exchanges.models[m] for m in exchanges.model[order]]
    columns["carried"] = [
        exchanges.carried[exchanges.start[i] : exchanges.start[i + 1]].tolist() for i in order
    ]
    return columns


def record(out):
    """What run.json tells, versions, seconds, memory and the engine's name apart."""
    told = json.loads((out / "run.json").read_text())
    for name in ("versions", "seconds", "peak_memory_bytes", "resources"):
        told.pop(name)
    return told


def bundle(out):
    """Objects of the bundle, less what is drawn anew or told by the clock."""
    objects = json.loads((out / "bundle.json").read_text())["objects"]
    return sorted(o["type"] for o in objects)


def check(told, expected):
    """All of stage 1's tables, and all that was written."""
    (a, out_a), (b, out_b) = told, expected
    for name in TABLES:
        ours, theirs = ordered(getattr(a, name)), ordered(getattr(b, name))
        assert ours.schema == theirs.schema, name
        assert ours.num_rows == theirs.num_rows, name
        assert ours.equals(theirs), name
    ours, theirs = carried(a.exchanges), carried(b.exchanges)
    for name, values in theirs.items():
        assert ours[name] == values, name
    for name in ("campaigns", "members"):
        assert pq.read_table(out_a / f"{name}.parquet").equals(pq.read_table(out_b / f"{name}.parquet")), name
    assert record(out_a) == record(out_b)
    assert bundle(out_a) == bundle(out_b)
    assert (out_a / "rejected" / "usage.jsonl").read_text() == (
        out_b / "rejected" / "usage.jsonl"
    ).read_text()


def check_all_is_there(relations, out):
    """The log has what engines could differ in."""
    for name in TABLES:
        assert getattr(relations, name).num_rows > 0, name
    assert relations.exchanges.models
    told = record(out)
    assert len(relations.exchanges.row) < told["rows"]["scanned"]
    assert told["rejected"]["usage"]["duplicate event_id"] == 200
    assert len(told["rejected"]["usage"]) >= 4
    assert told["groups"]["extraction"] > 0


@pytest.mark.usefixtures("no_spark")
def test_spark_on_this_machine_and_on_a_cluster_finds_what_duckdb_finds(
    local, cluster, mixed_log, tmp_path, monkeypatch
):
    # One test: where tests run in several processes, each would scan the log for itself.
    expected = scanned(mixed_log, tmp_path / "duckdb", "duckdb", monkeypatch)
    check_all_is_there(*expected)
    for name, settings in (("local", local), ("cluster", cluster)):
        # Files of this size would else be one share.
        monkeypatch.setattr(shares, "LEAST_BYTES", 60_000)
        monkeypatch.setattr(shares, "MOST_BYTES", 60_000)
        check(scanned(mixed_log, tmp_path / name, "spark", monkeypatch, settings), expected)
