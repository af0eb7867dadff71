"""Files are replaced in one step."""

import pytest

from stillwatch.records.durable import replace_whole, sync_folder


def test_a_file_is_replaced_whole_and_nothing_stays_aside(tmp_path):
    path, aside = tmp_path / "file", tmp_path / "file.aside"
    path.write_bytes(b"old")
    aside.write_bytes(b"left by a run that was killed, and longer than what follows")
    replace_whole(path, b"new", aside)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_aside_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No such file"):
        replace_whole(path, b"new", tmp_path / "nowhere" / "aside")
    assert path.read_bytes() == b"old"


def test_a_folder_has_to_be_there(tmp_path):
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "nowhere")
