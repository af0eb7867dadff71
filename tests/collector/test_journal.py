"""Segments of the journal: what was appended is read again, whatever a crash leaves behind it."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.collector.journal import MAGIC, SegmentReader, SegmentWriter


@pytest.fixture(scope="module")
def batches(parts):
    return [parts.batch(0), parts.batch(3, 1), parts.batch(4, 50), parts.batch(54)]


def write(path: Path, batches: list[pa.RecordBatch]) -> list[int]:
    """A segment of these batches; its size after each."""
    writer = SegmentWriter(path, batches[0].schema)
    sizes = [writer.size]
    for each in batches:
        writer.append(each)
        sizes.append(writer.size)
    writer.close()
    assert writer.rows == sum(each.num_rows for each in batches)
    return sizes


def test_what_was_appended_is_read_again(batches, tmp_path):
    path = tmp_path / "segment"
    sizes = write(path, batches)
    assert path.stat().st_size == sizes[-1]
    assert path.stat().st_mode & 0o777 == 0o600
    reader = SegmentReader(path)
    assert list(reader) == batches
    assert (reader.rows, reader.torn, reader.damaged) == (57, 0, False)


def test_a_segment_is_never_written_over(batches, tmp_path):
    write(tmp_path / "segment", batches)
    with pytest.raises(FileExistsError):
        SegmentWriter(tmp_path / "segment", batches[0].schema)


@settings(max_examples=60)
@given(cut=st.floats(0, 1), tail=st.sampled_from([b"", b"\0" * 64, b"\0" * 5000]))
def test_a_crash_costs_only_what_was_not_acknowledged(batches, cut, tail):
    """Cut anywhere, and with zeros for pages that had not reached the disk: whole frames stay, and it is no damage."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "segment"
        sizes = write(path, batches)
        kept = round(cut * sizes[-1])
        before = path.read_bytes()
        after = before[:kept] + tail
        path.write_bytes(after)
        reader = SegmentReader(path)
        # Frames end in zeros, too: these may be the ones that were cut off.
        both = zip(before, after, strict=False)
        same = next((n for n, (a, b) in enumerate(both) if a != b), min(len(before), len(after)))
        whole = sum(size <= same for size in sizes[1:])
        assert list(reader) == batches[:whole]
        assert not reader.damaged


def test_a_last_frame_with_a_hole_is_a_crash_s(batches, tmp_path):
    path = tmp_path / "segment"
    sizes = write(path, batches)
    data = bytearray(path.read_bytes())
    data[sizes[-2] + 40 : sizes[-2] + 80] = bytes(40)
    path.write_bytes(data)
    reader = SegmentReader(path)
    assert list(reader) == batches[:-1]
    assert (reader.torn, reader.damaged) == (sizes[-1] - sizes[-2], False)


@settings(max_examples=60)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_before_the_end_is_damage(batches, place, bit):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "segment"
        sizes = write(path, batches)
        data = bytearray(path.read_bytes())
        at = place % sizes[-2]
        data[at] ^= 1 << bit
        path.write_bytes(data)
        reader = SegmentReader(path)
        whole = sum(size <= at for size in sizes[1:])
        assert list(reader) == batches[:whole]
        assert reader.damaged
        assert reader.torn > 0


def test_another_file_is_no_segment(batches, tmp_path):
    path = tmp_path / "segment"
    path.write_bytes(b"PAR1 and more")
    reader = SegmentReader(path)
    assert list(reader) == []
    assert reader.damaged
    path.write_bytes(MAGIC[:7])
    reader = SegmentReader(path)
    assert list(reader) == []
    assert not reader.damaged


def test_a_full_disk_costs_nothing_that_was_acknowledged(parts, batches, tmp_path):
    path = tmp_path / "segment"
    writer = SegmentWriter(path, batches[0].schema)
    writer.append(batches[0])
    with parts.disk_of(writer.size + 300), pytest.raises(OSError, match="too large"):
        writer.append(parts.batch(100, 5000))
    writer.close()
    assert path.stat().st_size == writer.size
    reader = SegmentReader(path)
    assert list(reader) == batches[:1]
    assert reader.torn == 0


def test_no_segment_is_left_where_none_could_be_begun(parts, batches, tmp_path):
    with parts.disk_of(10), pytest.raises(OSError, match="too large"):
        SegmentWriter(tmp_path / "segment", batches[0].schema)
    assert list(tmp_path.iterdir()) == []
