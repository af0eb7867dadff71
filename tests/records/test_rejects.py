"""Rejected rows are counted and kept aside."""

import json
from pathlib import Path

from stillwatch.records.rejects import (
    DUPLICATE_EVENT,
    FILE_NOT_READABLE,
    NOT_PARSEABLE,
    RejectLog,
    in_words,
    missing,
)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_no_folder_without_rejects(tmp_path: Path) -> None:
    with RejectLog(tmp_path / "rejected") as log:
        log.count("usage", DUPLICATE_EVENT, 0)
        log.file("usage", "a.parquet", FILE_NOT_READABLE)
    assert not (tmp_path / "rejected").exists()


def test_rows_are_written_masked_and_counted(tmp_path: Path) -> None:
    with RejectLog(tmp_path / "rejected", buffer_rows=2) as log:
        for i in range(5):
            log.add(
                "usage", NOT_PARSEABLE, "a.jsonl", i + 1, {"api_key": "abc", "text": f"sk-{'x' * 30} ü\ud800"}
            )
        log.add_many("accounts", missing("account_id"), "b.csv", [7, 9], lambda i: {"i": i})
        log.count("usage", DUPLICATE_EVENT, 3)
    found = lines(tmp_path / "rejected" / "usage.jsonl")
    assert [(row["source"], row["row"], row["reason"]) for row in found] == [
        ("a.jsonl", i + 1, NOT_PARSEABLE) for i in range(5)
    ]
    assert found[0]["content"] == {"api_key": "[masked]", "text": "[masked] ü\ufffd"}
    assert [row["content"]["i"] for row in lines(tmp_path / "rejected" / "accounts.jsonl")] == [0, 1]
    assert log.by_reason("usage") == {DUPLICATE_EVENT: 3, NOT_PARSEABLE: 5}
    assert log.total("usage") == 8
    assert log.total("accounts") == 2


def test_a_later_run_replaces_what_an_earlier_one_left(tmp_path: Path) -> None:
    for _ in range(2):
        with RejectLog(tmp_path) as log:
            log.add("usage", NOT_PARSEABLE, "a", 1, None)
    assert len(lines(tmp_path / "usage.jsonl")) == 1


def test_without_a_folder_rows_are_only_counted() -> None:
    log = RejectLog()
    log.add_many("usage", NOT_PARSEABLE, "a", [1, 2], lambda i: 1 / 0)
    log.close()
    assert log.counts == {("usage", NOT_PARSEABLE): 2}


def test_a_file_is_noted_once() -> None:
    log = RejectLog()
    for _ in range(2):
        log.file("usage", "a.parquet", FILE_NOT_READABLE, "why")
    assert [(entry.source, entry.reason) for entry in log.files] == [("a.parquet", FILE_NOT_READABLE)]


def test_reasons_in_words_name_the_commonest_and_lose_none() -> None:
    assert in_words({}) == ""
    assert in_words({"b": 2, "a": 2, "c": 1_000}) == "1,000 c, 2 a, 2 b"
    assert in_words({"a": 9, "b": 8, "c": 7, "d": 6, "e": 5}, most=2) == "9 a, 8 b, 18 for other reasons"
