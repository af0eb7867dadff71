"""What is new in a folder: files that came, grew, went or bear another name."""

import os

import pytest

from stillwatch.records.errors import InputError
from stillwatch.watch.folder import look


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.jsonl").write_text("{ }\n")
    (folder / "deep" / "b.jsonl").write_text("two\n")
    return folder


def test_everything_is_new_at_first_and_nothing_afterwards(logs):
    news = look(logs, {}, {})
    assert news.watched.files == ("a.jsonl", "deep/b.jsonl")
    assert not look(logs, news.watched.seen, {}).any


def test_a_file_that_grew_is_read_again(logs):
    known = look(logs, {}, {}).watched.seen
    with (logs / "a.jsonl").open("a") as file:
        file.write("more\n")
    assert look(logs, known, {}).watched.files == ("a.jsonl",)


def test_a_file_of_the_same_size_that_was_written_anew_is_read_again(logs):
    known = look(logs, {}, {}).watched.seen
    (logs / "a.jsonl").write_text("own\n")
    os.utime(logs / "a.jsonl", ns=(1, known["a.jsonl"].changed_ns + 5))
    assert look(logs, known, {}).watched.files == ("a.jsonl",)


def test_rotation_reads_nothing_twice(logs):
    known = look(logs, {}, {}).watched.seen
    (logs / "a.jsonl").rename(logs / "a.jsonl.1")
    (logs / "a.jsonl").write_text("{}\n{}\n")
    news = look(logs, known, {})
    assert news.watched.files == ("a.jsonl",)
    assert (news.watched.renamed, news.watched.gone) == ({"a.jsonl.1": "a.jsonl"}, ())
    assert not look(logs, news.watched.seen | {"deep/b.jsonl": known["deep/b.jsonl"]}, {}).any


def test_a_file_under_another_name_is_not_read_again(logs):
    known = look(logs, {}, {}).watched.seen
    (logs / "a.jsonl").rename(logs / "old.jsonl")
    news = look(logs, known, {})
    assert (news.watched.files, news.watched.renamed, news.watched.gone) == ((), {"old.jsonl": "a.jsonl"}, ())
    assert not news.any
    (logs / "old.jsonl").unlink()
    assert look(logs, known, {}).watched.gone == ("a.jsonl",)


def test_a_small_table_is_news_when_it_changes(logs, tmp_path):
    table = tmp_path / "accounts.csv"
    table.write_text("account_id\na\n")
    tables = {"accounts": str(table), "releases": None}
    known = look(logs, {}, tables).watched.seen
    assert not look(logs, known, tables).any
    table.write_text("account_id\na\nb\n")
    news = look(logs, known, tables)
    assert news.any
    assert news.tables.keys() == {"table:accounts"}


def test_an_empty_folder_is_no_mistake_and_a_missing_one_is(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "begun.parquet").touch()
    assert not look(tmp_path / "empty", {}, {}).any
    with pytest.raises(InputError, match="no such file or folder"):
        look(tmp_path / "absent", {}, {})
