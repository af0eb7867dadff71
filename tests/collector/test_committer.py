"""Deliveries that share a write: each has its own receipt, and none suffers for another."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from stillwatch.collector import committer as committer_module
from stillwatch.collector.committer import Committer, Delivery, NotStored
from stillwatch.collector.metrics import Metrics
from stillwatch.collector.payloads import litellm_rows
from stillwatch.collector.store import Store
from stillwatch.collector.writing import Written
from stillwatch.records.adapters.base import Row
from stillwatch.records.adapters.litellm import LiteLLMAdapter
from stillwatch.records.rejects import RejectLog


class Bench:
    """A committer over a folder, its threads started by hand."""

    def __init__(self, parts, folder, *, rows=100_000, seconds=60.0):
        self.parts = parts
        self.events = parts.Told()
        written = Written(text=True)
        self.store = Store(folder, written.schema, self.events, rows=rows, seconds=seconds)
        self.rejects = RejectLog(self.store.rejected)
        self.metrics = Metrics(lambda: self.store.pending)
        self.committer = Committer(self.store, written, self.rejects, self.metrics, self.events)

    def delivery(self, *names, **changes):
        body = json.dumps([self.parts.payload(name, **changes) for name in names]).encode()
        return Delivery("/v1/litellm", litellm_rows(LiteLLMAdapter(), body))

    def stored(self):
        return [row["event_id"] for row in self.parts.stored(self.store.folder)]

    def kept(self):
        text = (self.store.rejected / "usage.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def bench(parts, tmp_path):
    made = []

    def make(**options):
        made.append(Bench(parts, tmp_path / "dir", **options))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


def test_each_delivery_has_its_own_receipt(bench):
    b = bench()
    rows = b.delivery("good-1", "good-2").rows
    rows.insert(1, Row({}, {"n": 1}, skipped="not a model call"))
    rows.insert(2, Row({}, {"n": 2}, rejected="not parseable"))
    mixed = Delivery("/v1/litellm", rows)
    bad = b.delivery("bad", startTime=None)
    done = [b.committer.put(each) for each in (b.delivery("a", "b", "c"), mixed, bad)]
    b.committer.start()
    first, second, third = (each.result(30) for each in done)
    assert (first.accepted, first.rejected, first.skipped) == (3, {}, {})
    assert (second.accepted, second.rejected, second.skipped) == (
        2,
        {"not parseable": 1},
        {"not a model call": 1},
    )
    assert (third.accepted, third.rejected) == (0, {"missing time": 1})
    assert b.store.pending == 5
    assert [(line["source"], line["row"], line["reason"]) for line in b.kept()] == [
        ("/v1/litellm #2", 3, "not parseable"),
        ("/v1/litellm #3", 1, "missing time"),
    ]
    b.committer.stop()
    assert b.stored() == ["a", "b", "c", "good-1", "good-2"]
    assert [event for event, _ in b.events.list] == ["file"]


def test_a_group_is_written_at_once(bench, monkeypatch):
    b = bench()
    appended = []
    append = b.store.append
    monkeypatch.setattr(b.store, "append", lambda batch: (appended.append(batch.num_rows), append(batch)))
    done = [b.committer.put(b.delivery(f"e-{n}")) for n in range(20)]
    b.committer.start()
    assert all(each.result(30).accepted == 1 for each in done)
    b.committer.stop()
    assert appended == [20]


def test_groups_have_a_bound(bench, monkeypatch):
    monkeypatch.setattr(committer_module, "GROUP_ROWS", 4)
    b = bench()
    appended = []
    append = b.store.append
    monkeypatch.setattr(b.store, "append", lambda batch: (appended.append(batch.num_rows), append(batch)))
    for n in range(5):
        b.committer.put(b.delivery(f"a-{n}", f"b-{n}"))
    b.committer.start()
    b.committer.stop()
    assert appended == [4, 4, 2]
    assert len(b.stored()) == 10


def test_a_delivery_that_brings_about_a_fault_fails_alone(bench, monkeypatch):
    b = bench()
    validate = committer_module.validate

    def faulty(table, columns, rows, **options):
        if "poison" in columns.get("event_id", ()):
            raise ZeroDivisionError
        return validate(table, columns, rows, **options)

    monkeypatch.setattr(committer_module, "validate", faulty)
    good, poison, other = (b.committer.put(b.delivery(name)) for name in ("good", "poison", "other"))
    b.committer.start()
    assert good.result(30).accepted == other.result(30).accepted == 1
    with pytest.raises(ZeroDivisionError):
        poison.result(30)
    b.committer.stop()
    assert b.stored() == ["good", "other"]


def test_a_full_disk_is_told_and_passes(bench, parts):
    b = bench()
    b.committer.start()
    assert b.committer.put(b.delivery("a")).result(30).accepted == 1
    with parts.disk_of(b.store._current.size + 100):
        refused = b.committer.put(b.delivery(*(f"lost-{n}" for n in range(500))))
        with pytest.raises(NotStored, match="file too large"):
            refused.result(30)
    assert b.metrics.text().count(b"rows_accepted_total{") == 1
    assert b.committer.put(b.delivery("b")).result(30).accepted == 1
    b.committer.stop()
    assert b.stored() == ["a", "b"]
    assert b.events.list[0][0] == "journal_refused"


def test_files_that_cannot_be_written_stay_in_the_journal(bench, parts):
    b = bench(rows=1)
    # A file where the day's folder should be: no disk is needed that is really full.
    now = datetime.now(UTC)
    blocks = [b.store.usage / f"day={now + timedelta(days=n):%Y-%m-%d}" for n in (0, 1)]
    for block in blocks:
        block.write_text("")
    b.committer.start()
    assert b.committer.put(b.delivery("a", "b")).result(30).accepted == 2
    b.committer.stop()
    assert b.store.pending == 2
    told = dict(b.events.list)
    assert told["file_refused"]["problem"] == "file exists"
    assert told["left_in_journal"] == {"rows": 2}
    b.store.close()
    for block in blocks:
        block.unlink()
    again = bench()
    assert again.store.recover() == 2
    assert again.stored() == ["a", "b"]


def test_files_are_due_by_rows_and_by_age(bench, parts):
    b = bench(rows=10, seconds=0.3)
    b.committer.start()
    for n in range(25):
        b.committer.put(b.delivery(f"e-{n}")).result(30)
    deadline = parts.time.monotonic() + 30
    while b.store.pending and parts.time.monotonic() < deadline:
        parts.time.sleep(0.02)
    assert b.store.pending == 0
    rows = [fields["rows"] for event, fields in b.events.list if event == "file"]
    assert sum(rows) == 25
    assert len(rows) >= 3
    b.committer.stop()
    assert len(b.stored()) == 25


def test_rejected_rows_that_cannot_be_kept_cost_the_good_ones_nothing(bench):
    b = bench()
    b.store.rejected.parent.mkdir()
    b.store.rejected.write_text("a file in the way")
    b.committer.start()
    mixed = Delivery("/v1/litellm", b.delivery("a").rows + b.delivery("bad", startTime=None).rows)
    receipt = b.committer.put(mixed).result(30)
    assert (receipt.accepted, receipt.rejected) == (1, {"missing time": 1})
    b.committer.stop()
    assert b.stored() == ["a"]
    assert b.events.list[0][0] == "rejected_not_kept"


def test_rejected_rows_kept_aside_have_a_bound(bench, monkeypatch):
    monkeypatch.setattr(committer_module, "MAX_KEPT_REJECTS", 3)
    b = bench()
    b.committer.start()
    receipt = b.committer.put(b.delivery(*map(str, range(5)), startTime=None)).result(30)
    assert receipt.rejected == {"missing time": 5}
    assert len(b.kept()) == 3
    assert b.rejects.total("usage") == 5
    b.committer.stop()
