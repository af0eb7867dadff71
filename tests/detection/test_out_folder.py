"""Results appear whole or not at all."""

import signal
import subprocess
import sys

import pytest

from stillwatch.detection.out_folder import Kind, check_whole, making
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


RUN_THAT_IS_KILLED = """
import os, signal, sys
from pathlib import Path
from stillwatch.detection.out_folder import Kind, making
out, moves = Path(sys.argv[1]), int(sys.argv[2])
replace = Path.replace
def killed(self, target):
    global moves
    if moves == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    moves -= 1
    return replace(self, target)
Path.replace = killed
with making(out, "usage.parquet", Kind("run.json", ("a.txt", "b.txt", "run.json"))) as folder:
    for name in ("a.txt", "b.txt", "run.json"):
        (folder.made / name).write_text('{"versions": {"stillwatch": "2"}}')
    if moves < 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""
THREE = Kind("run.json", ("a.txt", "b.txt", "run.json"))


@pytest.mark.parametrize("moves", [-1, 0, 1, 2])
def test_a_run_that_is_killed_leaves_old_results_or_none_that_pass_for_results(tmp_path, moves):
    out = tmp_path / "out"
    out.mkdir()
    for name in THREE.names:
        (out / name).write_text(OURS)
    command = [sys.executable, "-c", RUN_THAT_IS_KILLED, str(out), str(moves)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    if moves < 0:
        check_whole(out)
        assert all((out / name).read_text() == OURS for name in THREE.names)
    else:
        with pytest.raises(InputError, match="interrupted; run it again"):
            check_whole(out)
    # The next run starts clean, and nothing of the killed one stays.
    with making(out, "usage.parquet", THREE) as folder:
        (folder.made / "a.txt").write_text("new")
        (folder.made / "run.json").write_text(OURS)
    assert names(out) == ["a.txt", "run.json"]
    assert (out / "a.txt").read_text() == "new"
    check_whole(out)


def test_two_runs_into_one_folder_leave_each_other_alone(tmp_path):
    with making(tmp_path, "usage.parquet", RUN) as one:
        (one.made / "a.txt").write_text("first")
        with making(tmp_path, "usage.parquet", RUN) as other:
            assert one.work.exists()
            (other.made / "run.json").write_text(OURS)
    assert (tmp_path / "a.txt").read_text() == "first"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_what_is_thrown_away_may_lie_elsewhere_and_goes_as_well(tmp_path):
    with making(tmp_path / "out", "usage.parquet", RUN, tmp_path / "shared" / "work") as folder:
        assert folder.work.parent == tmp_path / "shared" / "work"
        (folder.work / "part").write_text("")
        (folder.made / "a.txt").write_text("a")
    assert names(tmp_path / "out") == ["a.txt"]
    assert names(tmp_path / "shared" / "work") == []


def test_a_folder_to_work_in_that_cannot_be_is_told_and_nothing_stays(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match=r"file/work: cannot write there .*--work"),
        making(tmp_path / "out", "usage.parquet", RUN, tmp_path / "file" / "work"),
    ):
        pass
    assert names(tmp_path) == ["file"]
