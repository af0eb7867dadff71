"""Results appear whole or not at all."""

import pytest

from stillwatch.detection.out_folder import making
from stillwatch.records.errors import InputError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_made_appears_at_the_end(tmp_path):
    out = tmp_path / "deep" / "out"
    with making(out, "usage.parquet") as folder:
        (folder.made / "a.txt").write_text("a")
        (folder.work / "scratch").mkdir()
        assert not (out / "a.txt").exists()
    assert names(out) == ["a.txt"]


def test_folders_of_an_earlier_run_go(tmp_path):
    for kind in ("rejected", "shadow", "mine"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "old").write_text("")
    (tmp_path / "a.txt").write_text("old")
    with making(tmp_path, "usage.parquet"):
        pass
    assert names(tmp_path) == ["a.txt", "mine", "shadow"], "a run that makes no shadow leaves it"
    with making(tmp_path, "usage.parquet", ("rejected", "shadow")) as folder:
        (folder.made / "shadow").mkdir()
        (folder.made / "shadow" / "new").write_text("")
        (folder.made / "a.txt").write_text("new")
    assert names(tmp_path) == ["a.txt", "mine", "shadow"]
    assert names(tmp_path / "shadow") == ["new"]
    assert (tmp_path / "a.txt").read_text() == "new"


def test_after_an_error_the_earlier_results_stay(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), making(tmp_path, "usage.parquet") as folder:
        (folder.made / "a.txt").write_text("new")
        raise ZeroDivisionError
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_after_an_error_a_fresh_folder_is_gone(tmp_path):
    with pytest.raises(ZeroDivisionError), making(tmp_path / "out", "usage.parquet"):
        raise ZeroDivisionError
    assert not (tmp_path / "out").exists()


def test_not_among_the_logs_and_not_into_a_file(tmp_path):
    with pytest.raises(InputError, match="among the logs"), making(tmp_path, str(tmp_path)):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write there"), making(tmp_path / "file", "usage.parquet"):
        pass
