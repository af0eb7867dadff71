"""A state changes in one step, for one run at a time, and sweeps what a killed run left."""

import subprocess
import sys

import msgspec
import pytest

from stillwatch.detection.state.manifest import Manifest
from stillwatch.detection.state.store import LOCK, opened
from stillwatch.records.errors import InputError


def put(store, name, text):
    path = store.fresh / name
    path.write_text(text)
    return store.filed(path)


def commit(store, text):
    base = store.manifest or Manifest("key", "intake", "")
    store.commit(msgspec.structs.replace(base, groups=put(store, "groups.parquet", text)))


def test_what_was_committed_is_there_and_what_it_replaced_is_gone(tmp_path):
    folder = tmp_path / "deep" / "state"
    for generation, text in enumerate(("one", "two"), 1):
        with opened(folder) as store:
            assert store.generation == generation
            commit(store, text)
    with opened(folder) as store:
        assert store.path(store.manifest.groups).read_text() == "two"
    assert sorted(p.name for p in folder.iterdir()) == ["g000002", LOCK, "manifest.json"]
    assert folder.stat().st_mode & 0o077 == 0


def test_what_was_not_committed_has_not_happened(tmp_path):
    with opened(tmp_path / "state") as store:
        commit(store, "one")
    with opened(tmp_path / "state") as store:
        (store.fresh / "deep").mkdir()
        put(store, "deep/part", "half")
        (tmp_path / "state" / ".manifest.json.aside").write_text("half")
    with opened(tmp_path / "state") as store:
        assert store.path(store.manifest.groups).read_text() == "one"
        assert sorted(p.name for p in store.folder.iterdir()) == ["g000001", LOCK, "manifest.json"]


def test_a_folder_into_which_nothing_was_committed_is_not_left(tmp_path):
    (tmp_path / "there").mkdir()
    with opened(tmp_path / "there" / "deep" / "state") as store:
        put(store, "part", "x")
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]


def test_one_run_at_a_time_across_processes(tmp_path):
    folder = tmp_path / "state"
    code = (
        "import sys; from pathlib import Path; from stillwatch.detection.state.store import opened\n"
        f"with opened(Path({str(folder)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another run is at work on this state"), opened(folder):
            pass
        other.kill()
    with opened(folder) as store:
        commit(store, "one")


@pytest.mark.parametrize("damage", ["other", "longer than it was", None])
def test_a_changed_file_is_named(tmp_path, damage):
    with opened(tmp_path / "state") as store:
        commit(store, "three")
        path = store.path(store.manifest.groups)
    path.unlink()
    if damage is not None:
        path.write_text(damage)
    says = r"groups\.parquet: this file of the state is not what was written"
    with pytest.raises(InputError, match=says), opened(tmp_path / "state"):
        pass


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds mine\.txt, and no manifest\.json"), opened(tmp_path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match="cannot keep a state there"), opened(tmp_path / "mine.txt"):
        pass
