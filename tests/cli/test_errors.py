"""What each kind of error tells the user, and how the process ends."""

import errno
import os
import re
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.cli import errors
from stillwatch.records.errors import InputError


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    """No debugging, and tracebacks into a folder of the test's own."""
    monkeypatch.delenv(errors.DEBUG_VARIABLE, raising=False)
    monkeypatch.setattr(errors.tempfile, "tempdir", str(tmp_path))


def fault() -> Exception:
    try:
        raise LookupError("secret of a record")
    except LookupError as error:
        return error


def test_fault_is_one_line_and_a_private_file(capsys):
    assert errors.report(fault()) == errors.FAILED
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "secret" not in err
    path = Path(re.search(r"the traceback is in (\S+)", err).group(1))
    assert "LookupError: secret of a record" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_debugging_prints_the_traceback(monkeypatch, capsys):
    monkeypatch.setenv(errors.DEBUG_VARIABLE, "1")
    assert errors.report(fault()) == errors.FAILED
    assert "LookupError: secret of a record" in capsys.readouterr().err


def test_debugging_shows_where_a_user_s_error_arose(monkeypatch, capsys):
    monkeypatch.setenv(errors.DEBUG_VARIABLE, "1")
    assert errors.report(InputError("bad")) == errors.BAD_INPUT
    err = capsys.readouterr().err
    assert "InputError" in err
    assert err.endswith("stillwatch: bad\n")


def test_fault_without_a_place_for_its_traceback(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(errors.tempfile, "tempdir", str(tmp_path / "absent"))
    assert errors.report(fault()) == errors.FAILED
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert errors.DEBUG_VARIABLE in err


def test_file_error_names_the_file(capsys, tmp_path):
    try:
        (tmp_path / "absent").read_text()
    except OSError as error:
        assert errors.report(error) == errors.BAD_INPUT
    err = capsys.readouterr().err
    assert str(tmp_path / "absent") in err
    assert os.strerror(errno.ENOENT) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_is_the_user_s_to_mend(capsys, number):
    assert errors.report(OSError(number, "Error writing bytes to file. Detail: [errno]")) == errors.BAD_INPUT
    assert f"{os.strerror(number)}; free some space" in capsys.readouterr().err


def test_no_memory_is_one_line(capsys):
    assert errors.report(MemoryError()) == errors.BAD_INPUT
    assert capsys.readouterr().err.count("\n") == 1


def test_other_system_errors_are_faults(capsys):
    assert errors.report(OSError("strange")) == errors.FAILED
    assert "OSError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (click.UsageError("Missing option '--out'."), "missing option '--out'; see stillwatch --help"),
        (click.BadParameter("5 is too few.\nGive more."), "invalid value: 5 is too few. Give more; see"),
        (click.FileError("a.csv", "No such file"), "could not open file 'a.csv': No such file; see"),
    ],
)
def test_click_s_errors_are_one_line(error, line, capsys):
    assert errors.report(error) == errors.BAD_INPUT
    err = capsys.readouterr().err
    assert err.startswith(f"stillwatch: {line}")
    assert err.count("\n") == 1


@given(st.text(min_size=1), st.text(), st.text())
def test_whatever_an_input_error_says_is_one_line(what, where, mend):
    import contextlib
    import io

    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        assert errors.report(InputError(what, where=where, mend=mend)) == errors.BAD_INPUT
    assert len(stream.getvalue().splitlines()) == 1
