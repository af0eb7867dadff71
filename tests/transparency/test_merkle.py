import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.transparency import merkle

# The tree of Certificate Transparency's own tests (google/certificate-transparency, merkle_tree_test.cc).
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(80)]


def test_published_roots():
    leaves = [merkle.leaf_hash(entry) for entry in INPUTS]
    assert merkle.root([]) == hashlib.sha256(b"").digest()
    assert [merkle.root(leaves[: n + 1]).hex() for n in range(8)] == list(ROOTS)


def test_published_proofs():
    leaves = [merkle.leaf_hash(entry) for entry in INPUTS]
    path = merkle.inclusion_proof(5, 8, merkle.subtrees(leaves))
    assert [step.hex() for step in path] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    path = merkle.consistency_proof(6, 8, merkle.subtrees(leaves))
    assert [step.hex() for step in path] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_leaf_of_every_tree_is_proven():
    for size in range(1, 40):
        whole = merkle.root(LEAVES[:size])
        for index in range(size):
            path = merkle.inclusion_proof(index, size, merkle.subtrees(LEAVES))
            assert merkle.is_included(LEAVES[index], index, size, path, whole)


def test_every_tree_continues_every_smaller_one():
    for new in range(40):
        for old in range(new + 1):
            path = merkle.consistency_proof(old, new, merkle.subtrees(LEAVES))
            before, after = merkle.root(LEAVES[:old]), merkle.root(LEAVES[:new])
            assert merkle.is_consistent(old, new, before, after, path)


@given(st.data())
def test_a_proof_that_was_changed_proves_nothing(data):
    size = data.draw(st.integers(2, 70))
    index = data.draw(st.integers(0, size - 1))
    whole = merkle.root(LEAVES[:size])
    path = merkle.inclusion_proof(index, size, merkle.subtrees(LEAVES))
    what = data.draw(st.sampled_from(("leaf", "index", "root", "step", "more", "fewer")))
    if what == "leaf":
        assert not merkle.is_included(LEAVES[index + 1], index, size, path, whole)
    elif what == "index":
        other = data.draw(st.integers(-1, size + 1).filter(lambda n: n != index))
        assert not merkle.is_included(LEAVES[index], other, size, path, whole)
    elif what == "root":
        assert not merkle.is_included(LEAVES[index], index, size, path, merkle.EMPTY)
    elif what == "step":
        k = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:k], bytes([path[k][0] ^ 1]) + path[k][1:], *path[k + 1 :]]
        assert not merkle.is_included(LEAVES[index], index, size, changed, whole)
    else:
        changed = [*path, path[-1]] if what == "more" else path[:-1]
        assert not merkle.is_included(LEAVES[index], index, size, changed, whole)


@given(st.data())
def test_a_consistency_proof_that_was_changed_proves_nothing(data):
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    before, after = merkle.root(LEAVES[:old]), merkle.root(LEAVES[:new])
    path = merkle.consistency_proof(old, new, merkle.subtrees(LEAVES))
    assert not merkle.is_consistent(old, new, merkle.EMPTY, after, path)
    assert not merkle.is_consistent(old, new, before, merkle.EMPTY, path)
    assert not merkle.is_consistent(old, new, before, after, path[:-1])
    assert not merkle.is_consistent(old, new, before, after, [*path, path[-1]])
    assert not merkle.is_consistent(new, old, after, before, path)
    k = data.draw(st.integers(0, len(path) - 1))
    assert not merkle.is_consistent(old, new, before, after, [*path[:k], b"x", *path[k + 1 :]])


@given(st.lists(st.integers(0, 9), max_size=8))
def test_a_frontier_grows_in_any_steps(steps):
    frontier, at = merkle.Frontier(), 0
    for step in steps:
        copy = frontier.copy()
        frontier.append(LEAVES[at : at + step])
        assert copy.size == at
        at += step
        assert frontier.root() == merkle.root(LEAVES[:at])
    assert merkle.Frontier(frontier.size, frontier.peaks).root() == frontier.root()


def test_a_frontier_has_a_peak_for_each_subtree():
    with pytest.raises(ValueError, match="frontier"):
        merkle.Frontier(3, [LEAVES[0]])
    with pytest.raises(ValueError, match="frontier"):
        merkle.Frontier(1, [b"short"])


def test_proofs_of_what_is_not_there_are_not_made():
    with pytest.raises(ValueError, match="leaf 3"):
        merkle.inclusion_proof(3, 3, merkle.subtrees(LEAVES))
    with pytest.raises(ValueError, match="tree of 4"):
        merkle.consistency_proof(4, 3, merkle.subtrees(LEAVES))


def test_only_hashes_are_proven():
    assert not merkle.is_included(b"x", 0, 1, [], b"x")
    assert not merkle.is_consistent(1, 1, b"x", b"x", [])


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70))
def test_paths_that_are_read_off_are_those_of_the_specification(leaves):
    tree = merkle.levels(leaves)
    assert tree[-1] == [merkle.root(leaves)]
    for index in range(len(leaves)):
        assert merkle.path(tree, index) == merkle.inclusion_proof(index, len(leaves), merkle.subtrees(leaves))
    for index in (-1, len(leaves)):
        with pytest.raises(ValueError, match="not in a tree"):
            merkle.path(tree, index)


def test_rows_of_hashes_are_cut():
    assert merkle.hashes(b"a" * 32 + b"b" * 32) == [b"a" * 32, b"b" * 32]
    with pytest.raises(ValueError, match="no row"):
        merkle.hashes(b"a" * 33)
