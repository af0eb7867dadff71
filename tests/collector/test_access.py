"""Tokens: which are let in, and which files of them are refused."""

import pytest

from stillwatch.collector.access import Tokens
from stillwatch.records.errors import InputError

FIRST, SECOND = "0123456789abcdef0123", "ABCDEFGHIJKLMNOP-._~+/="


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"\n{FIRST}\n  {SECOND}\n\n")
    return path


def test_any_of_the_tokens_will_do(file):
    tokens = Tokens.load(file)
    assert tokens.admits(f"Bearer {FIRST}")
    assert tokens.admits(f"bearer  {SECOND} ")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        FIRST,
        f"Basic {FIRST}",
        f"Bearer {FIRST}x",
        f"Bearer {FIRST[:-1]}",
        "Bearer ü\udcff",
    ],
)
def test_nothing_else_will(file, header):
    assert not Tokens.load(file).admits(header)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "holds no token"),
        (" \n", "holds no token"),
        ("short\n", "fewer than 16"),
        ("two words are no token\n", "others than"),
    ],
)
def test_a_file_of_something_else_is_one_line(tmp_path, content, problem):
    path = tmp_path / "tokens"
    path.write_text(content)
    with pytest.raises(InputError, match=problem) as error:
        Tokens.load(path)
    assert content.strip() == "" or content.strip() not in str(error.value)


def test_no_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"can't be read \(no such file"):
        Tokens.load(tmp_path / "absent")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="can't be read"):
        Tokens.load(tmp_path / "bytes")


def test_tokens_are_not_shown(file):
    assert FIRST not in repr(vars(Tokens.load(file)))
