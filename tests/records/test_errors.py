"""One line for the user: what, where, how to mend; and no names of classes in it."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError, or_the_like, plainly


@given(st.text(), st.text(), st.text())
def test_it_is_one_line_whatever_is_put_in(what, where, mend):
    assert len(str(InputError(what, where=where, mend=mend)).splitlines()) <= 1


def test_the_parts_stand_in_order():
    assert str(InputError("is a file", where="out", mend="give a folder")) == "out: is a file; give a folder"
    assert str(InputError("is a file")) == "is a file"


def raised(action):
    with pytest.raises(Exception) as caught:
        action()
    return caught.value


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (Path("/nonexistent/file").read_text, "no such file or directory"),
        (lambda: pa.OSFile("/nonexistent/file"), "no such file or directory"),
        (lambda: b"ab\xff".decode("utf-8"), "not UTF-8 at byte 2"),
        (lambda: json.loads("[1,"), "not JSON: expecting value at column 4"),
        (lambda: int("x\ny"), "invalid literal for int() with base 10: 'x\\ny'"),
        (lambda: next(iter(())), "StopIteration"),
    ],
)
def test_errors_of_libraries_in_plain_words(action, says):
    assert plainly(raised(action)) == says


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name():
    assert or_the_like("smal", ["default", "small"]) == "; did you mean small?"
    assert or_the_like("nothing like it", ["default", "small"]) == ""
