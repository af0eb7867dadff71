"""What is new in a folder: files that came, grew, went or bear another name."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.watch.folder import key_of, look


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
    assert not look(logs, news.watched.seen, {}).any()


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
    assert not look(logs, news.watched.seen | {"deep/b.jsonl": known["deep/b.jsonl"]}, {}).any()


def test_a_file_under_another_name_is_not_read_again(logs):
    known = look(logs, {}, {}).watched.seen
    (logs / "a.jsonl").rename(logs / "old.jsonl")
    news = look(logs, known, {})
    assert (news.watched.files, news.watched.renamed, news.watched.gone) == ((), {"old.jsonl": "a.jsonl"}, ())
    assert not news.any()
    (logs / "old.jsonl").unlink()
    assert look(logs, known, {}).watched.gone == ("a.jsonl",)


def test_a_small_table_is_news_when_it_changes(logs, tmp_path):
    table = tmp_path / "accounts.csv"
    table.write_text("account_id\na\n")
    tables = {"accounts": str(table), "releases": None}
    known = look(logs, {}, tables).watched.seen
    assert not look(logs, known, tables).any()
    table.write_text("account_id\na\nb\n")
    news = look(logs, known, tables)
    assert news.any()
    assert news.tables.keys() == {"table:accounts"}


def test_an_empty_folder_is_no_mistake_and_a_missing_one_is(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "begun.parquet").touch()
    assert not look(tmp_path / "empty", {}, {}).any()
    with pytest.raises(InputError, match="no such file or folder"):
        look(tmp_path / "absent", {}, {})


NAMES = st.one_of(
    st.binary(min_size=1, max_size=6),
    st.tuples(st.sampled_from([b"bytes:", b"table:", b"%"]), st.binary(max_size=4)).map(b"".join),
).map(os.fsdecode)


@given(NAMES, NAMES)
def test_keys_are_utf_8_and_no_two_names_share_one(one, other):
    for name in (one, other):
        key_of(name).encode()
        assert not key_of(name).startswith("table:")
    assert (key_of(one) == key_of(other)) == (one == other)


def test_a_name_that_is_not_utf_8_has_a_key_and_its_path(logs):
    path = logs / os.fsdecode(b"caf\xe9.jsonl")
    path.write_text("{}\n")
    news = look(logs, {}, {})
    assert news.watched.files == ("a.jsonl", "bytes:caf%E9.jsonl", "deep/b.jsonl")
    assert news.watched.paths == {"bytes:caf%E9.jsonl": path}
    assert not look(logs, news.watched.seen, {}).any()


@pytest.mark.parametrize("given_as", ["accounts", "accounts/*.csv"])
def test_of_a_table_in_several_files_each_counts(logs, tmp_path, given_as):
    folder = tmp_path / "accounts"
    folder.mkdir()
    for name in ("1.csv", "2.csv"):
        (folder / name).write_text("account_id\na\n")
    tables = {"accounts": str(tmp_path / given_as)}
    known = look(logs, {}, tables).watched.seen
    assert "table:accounts" in known
    assert not look(logs, known, tables).any()
    (folder / "1.csv").write_text("account_id\nb\n")
    os.utime(folder / "1.csv", ns=(1, 1))
    assert look(logs, known, tables).any()
    known = look(logs, known, tables).watched.seen
    (folder / "3.csv").write_text("account_id\nc\n")
    assert look(logs, known, tables).any()


def test_a_file_that_could_not_be_read_is_no_news_until_it_changes(logs):
    known = look(logs, {}, {}).watched.seen
    unread = {"a.jsonl": known.pop("a.jsonl")}
    news = look(logs, known, {})
    assert news.watched.files == ("a.jsonl",), "it is tried again with others"
    assert news.waiting(unread) == []
    assert not news.any(unread)
    assert news.any()
    (logs / "a.jsonl").write_text("now it can\n")
    assert look(logs, known, {}).waiting(unread) == ["a.jsonl"]
