import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.transparency import merkle, tiles

LEAVES = [hashlib.sha256(n.to_bytes(4, "big")).digest() for n in range(70_000)]


def grow(steps):
    held, size = {}, 0
    for step in steps:
        asked = []

        def reader(level, index, held=held, asked=asked):
            asked.append((level, index))
            return held[level, index]

        held |= tiles.grown(size, reader, LEAVES[size : size + step])
        # Only what stands at the right edge is read.
        assert all(index == size >> 8 * (level + 1) for level, index in asked)
        size += step
    return held, size


@given(st.lists(st.sampled_from((0, 1, 3, 254, 255, 256, 257, 1000)), max_size=12))
def test_tiles_hold_the_tree(steps):
    held, size = grow(steps)

    def reader(level, index):
        return held[level, index]

    assert tiles.frontier(size, reader).root() == merkle.root(LEAVES[:size])
    assert all(
        len(tile) == tiles.width_at(size, level, index) * merkle.SIZE for (level, index), tile in held.items()
    )


def test_proofs_come_of_tiles_of_three_levels():
    held, size = grow([65_000, 300, 4_700])

    def reader(level, index):
        return held[level, index]

    whole = merkle.root(LEAVES[:size])
    assert (2, 0) in held
    assert tiles.frontier(size, reader).root() == whole
    subtrees = tiles.subtrees(reader)
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        path = merkle.inclusion_proof(index, size, subtrees)
        assert merkle.is_included(LEAVES[index], index, size, path, whole)
    for old in (1, 256, 40_000, 65_536, 69_998):
        path = merkle.consistency_proof(old, size, subtrees)
        assert merkle.is_consistent(old, size, merkle.root(LEAVES[:old]), whole, path)


def test_tiles_that_break_off_are_noticed():
    held, size = grow([300])
    with pytest.raises(InputError, match="lacks hashes"):
        tiles.frontier(size, lambda level, index: held[level, index][:-32])
    with pytest.raises(InputError, match="no tile"):
        tiles.hashes(b"x")
    with pytest.raises(InputError, match="lacks hashes"):
        tiles.subtrees(lambda level, index: b"")(0, 2)


@pytest.mark.parametrize(
    ("number", "path"), [(0, "000"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")]
)
def test_paths_are_those_of_the_specification(number, path):
    assert tiles.number_path(number) == path
    assert tiles.read_number(path) == (number, None)
    assert tiles.read_number(f"{path}.p/17") == (number, 17)
    assert tiles.tile_path(0, number) == f"tile/0/{path}"
    assert tiles.tile_path(None, number, 3) == f"tile/entries/{path}.p/3"
    assert tiles.tile_path(1, number, 256) == f"tile/1/{path}"


@given(st.integers(0, 10**18))
def test_every_number_has_one_path(number):
    assert tiles.read_number(tiles.number_path(number)) == (number, None)


@given(st.text(alphabet="x0123456789/.p", max_size=30))
def test_other_paths_are_refused(path):
    try:
        number, width = tiles.read_number(path)
    except InputError:
        return
    assert path == tiles.number_path(number) + ("" if width is None else f".p/{width}")


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entries_go_through_a_bundle(entries):
    assert tiles.unbundle(tiles.bundle(entries)) == entries


def test_a_bundle_that_breaks_off_is_refused():
    with pytest.raises(InputError, match="breaks off"):
        tiles.unbundle(tiles.bundle([b"abc"])[:-1])
    with pytest.raises(ValueError, match="too long"):
        tiles.bundle([bytes(65_536)])


def test_an_edge_that_breaks_off_is_no_edge():
    with pytest.raises(InputError, match="lacks hashes"):
        tiles.grown(5, lambda level, index: bytes(32), [bytes(32)])
