"""Files are found and recognised, and read as streams."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.records.errors import InputError
from stillwatch.records.sources import Format, find_files, open_chunks


def write(path: Path, data: bytes = b"{}\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_folder_gives_its_files_sorted(tmp_path: Path) -> None:
    for name in (
        "b.jsonl",
        "a/2.parquet",
        "a/1.csv.gz",
        "_SUCCESS",
        ".hidden.json",
        "README.md",
        "c.json.zst",
        "d.pb",
    ):
        write(tmp_path / name)
    found = find_files(tmp_path).files
    assert [(file.name, file.format) for file in found] == [
        ("a/1.csv.gz", Format.CSV),
        ("a/2.parquet", Format.PARQUET),
        ("b.jsonl", Format.JSON),
        ("c.json.zst", Format.JSON),
        ("d.pb", Format.OTLP),
    ]


def test_a_glob(tmp_path: Path) -> None:
    for name in ("x/1.jsonl", "x/2.jsonl", "y/3.jsonl"):
        write(tmp_path / name)
    assert [f.name for f in find_files(f"{tmp_path}/x/*.jsonl").files] == ["1.jsonl", "2.jsonl"]
    assert [f.name for f in find_files(f"{tmp_path}/**/*.jsonl").files] == [
        "x/1.jsonl",
        "x/2.jsonl",
        "y/3.jsonl",
    ]


def test_content_tells_when_the_name_does_not(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "one")
    write(tmp_path / "two", b'\xef\xbb\xbf {"a": 1}')
    write(tmp_path / "three", b"event_id,time\n1,2\n")
    write(tmp_path / "four", b"plain words\n")
    kinds = {file.name: file.format for file in find_files(tmp_path).files}
    assert kinds == {"one": Format.PARQUET, "two": Format.JSON, "three": Format.CSV}
    with pytest.raises(InputError, match="format"):
        find_files(tmp_path / "four")


@pytest.mark.parametrize("what", ["nothing.json", "*.nothing", "empty"])
def test_nothing_to_read_is_told_in_one_line(tmp_path: Path, what: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        find_files(tmp_path / what)
    assert "\n" not in str(caught.value)
    assert what in str(caught.value)


def test_compressed_and_utf16_streams(tmp_path: Path) -> None:
    data = "".join(f'{{"a": "ü{i}"}}\n' for i in range(1000)).encode()
    packed = {
        "plain": data,
        "gz": gzip.compress(data[:500]) + gzip.compress(data[500:]),
        "zst": pa.compress(data, "zstd", asbytes=True),
        "utf16": data.decode().encode("utf-16"),
        "utf16be": b"\xfe\xff" + data.decode().encode("utf-16-be"),
    }
    for name, content in packed.items():
        assert b"".join(open_chunks(write(tmp_path / name, content), size=301)) == data, name


@pytest.mark.parametrize("pack", [gzip.compress, lambda d: pa.compress(d, "zstd", asbytes=True)])
def test_a_stream_that_breaks_off_gives_what_came_before(tmp_path: Path, pack) -> None:
    data = bytes(range(256)) * 4000 + b"".join(i.to_bytes(4, "big") for i in range(200_000))
    path = write(tmp_path / "cut", pack(data)[:-200])
    told: list[str] = []
    found = b"".join(open_chunks(path, size=10_000, on_cut=told.append))
    assert data.startswith(found)
    assert found
    assert len(told) == 1


def test_rotated_and_plain_logs_are_looked_into(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.1", "a.jsonl.2.gz", "access.log", "b.json-20260301"):
        data = b'{"event_id": 1}\n'
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    (tmp_path / "README.md").write_text("notes, of people\n")
    (tmp_path / "empty.log").touch()
    found = find_files(tmp_path)
    assert [f.name for f in found.files] == [
        "a.jsonl",
        "a.jsonl.1",
        "a.jsonl.2.gz",
        "access.log",
        "b.json-20260301",
    ]
    assert {f.format for f in found.files} == {Format.JSON}
    assert found.left_out == ["README.md", "empty.log"], "what is not read is told"


def test_what_a_pattern_names_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "known.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "unknown").write_text('{"a": 1}\n')
    assert [f.name for f in find_files(f"{tmp_path}/*").files] == ["known.jsonl", "unknown"]
    assert [f.name for f in find_files(tmp_path).files] == ["known.jsonl"]


def test_a_pattern_of_folders_is_gone_into(tmp_path: Path) -> None:
    for day in ("dt=2026-03-01", "dt=2026-03-02"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "part.jsonl").write_text('{"a": 1}\n')
        (tmp_path / day / "_SUCCESS").touch()
    found = find_files(f"{tmp_path}/dt=*")
    assert [f.name for f in found.files] == ["dt=2026-03-01/part.jsonl", "dt=2026-03-02/part.jsonl"]
    assert found.left_out == []
