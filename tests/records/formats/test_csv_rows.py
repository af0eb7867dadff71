"""CSV rows come out whole; a damaged one costs itself alone."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.formats import csv_rows as module
from stillwatch.records.formats.csv_rows import csv_rows

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8)


def pieces(data: bytes, size: int):
    return (data[i : i + size] for i in range(0, len(data), size))


def written(rows: list[list[str]], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return out.getvalue().encode()


@settings(max_examples=150)
@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), max_size=6),
    st.integers(1, 50),
    st.sampled_from(",;\t|"),
)
def test_what_was_written_comes_out(rows: list[list[str]], size: int, delimiter: str) -> None:
    found = list(csv_rows(pieces(written([["a", "b", "c"], *rows], delimiter), size)))
    assert [list(row.values) for row in found] == [["a", "b", "c"], *rows]
    assert all(row.problem is None for row in found)


def test_rows_of_another_width_are_told_with_their_line() -> None:
    found = list(csv_rows(iter([b"a,b\n1,2\n1\n\n1,2,3\n3,4"])))
    assert [(row.number, list(row.values), row.problem is None) for row in found] == [
        (1, ["a", "b"], True),
        (2, ["1", "2"], True),
        (3, [], False),
        (5, [], False),
        (6, ["3", "4"], True),
    ]


def test_a_quote_that_is_never_closed_costs_one_line() -> None:
    data = b'a,b\n1,"2\n' + b"".join(b"%d,x\n" % i for i in range(50))
    found = list(csv_rows(iter([data])))
    assert [row.number for row in found if row.problem is not None] == [2]
    assert [row.values[0] for row in found if row.problem is None] == ["a", *map(str, range(50))]


def test_a_field_that_runs_on_is_called_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROW_CHARACTERS", 200)
    data = b'a,b\n1,"2\n' + b"".join(b"%d,x\n" % i for i in range(500))
    found = list(csv_rows(iter([data])))
    assert sum(row.problem is not None for row in found) == 1
    assert sum(row.problem is None for row in found) == 501


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(1, 32))
def test_no_bytes_make_it_fail(data: bytes, size: int) -> None:
    found = list(csv_rows(pieces(data, size)))
    assert len({len(row.values) for row in found if row.problem is None}) <= 1


@settings(max_examples=300)
@given(st.text(alphabet='",\n\r ab\0', max_size=60), st.integers(1, 16))
def test_no_quoting_makes_it_fail(text: str, size: int) -> None:
    for row in list(csv_rows(pieces(b"x,y\n" + text.encode(), size)))[1:]:
        assert row.problem is not None or len(row.values) == 2
