"""Results appear whole or not at all."""

import pytest

from stillwatch.detection.out_folder import Kind, making
from stillwatch.records.errors import InputError

RUN = Kind("run.json", ("a.txt", "run.json", "rejected", "shadow"))
OURS = '{"versions": {"stillwatch": "1"}}'


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_made_appears_at_the_end(tmp_path):
    out = tmp_path / "deep" / "out"
    with making(out, "usage.parquet", RUN) as folder:
        (folder.made / "a.txt").write_text("a")
        (folder.work / "scratch").mkdir()
        assert not (out / "a.txt").exists()
    assert names(out) == ["a.txt"]


def test_what_an_earlier_run_left_goes_and_nothing_else(tmp_path):
    for kind in ("rejected", "shadow", "mine"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "old").write_text("")
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "run.json").write_text(OURS)
    with making(tmp_path, "usage.parquet", RUN) as folder:
        (folder.made / "shadow").mkdir()
        (folder.made / "shadow" / "new").write_text("")
        (folder.made / "run.json").write_text(OURS)
    assert names(tmp_path) == ["mine", "run.json", "shadow"]
    assert names(tmp_path / "shadow") == ["new"]
    assert names(tmp_path / "mine") == ["old"]


@pytest.mark.parametrize(
    "record", [None, "", "[]", '{"versions": {"other": "1"}}', '{"versions": 3}', '{"runs": 3}']
)
@pytest.mark.parametrize("name", ["rejected", "a.txt"])
def test_what_no_earlier_run_wrote_stays(tmp_path, name, record):
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").write_text("mine")
    if record is not None:
        (tmp_path / "run.json").write_text(record)
    before = names(tmp_path)
    says = "no run.json of an earlier run that wrote it; give another folder"
    with pytest.raises(InputError, match=says), making(tmp_path, "usage.parquet", RUN):
        pass
    assert names(tmp_path) == before
    assert names(tmp_path / name) == ["mine"]


def test_a_link_in_place_of_a_folder_goes_and_what_it_leads_to_stays(tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    (out / "rejected").symlink_to(elsewhere)
    (out / "run.json").write_text(OURS)
    with making(out, "usage.parquet", RUN) as folder:
        (folder.made / "rejected").mkdir()
    assert names(elsewhere) == ["mine"]
    assert not (out / "rejected").is_symlink()


def test_after_an_error_the_earlier_results_stay(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "run.json").write_text(OURS)
    with pytest.raises(ZeroDivisionError), making(tmp_path, "usage.parquet", RUN) as folder:
        (folder.made / "a.txt").write_text("new")
        raise ZeroDivisionError
    assert names(tmp_path) == ["a.txt", "run.json"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_after_an_error_a_fresh_folder_is_gone(tmp_path):
    with pytest.raises(ZeroDivisionError), making(tmp_path / "out", "usage.parquet", RUN):
        raise ZeroDivisionError
    assert not (tmp_path / "out").exists()


def test_not_among_the_logs_and_not_into_a_file(tmp_path):
    with pytest.raises(InputError, match="among the logs"), making(tmp_path, str(tmp_path), RUN):
        pass
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot write there"),
        making(tmp_path / "file", "usage.parquet", RUN),
    ):
        pass
