"""Merkle trees as Certificate Transparency has them (RFC 6962, section 2.1; proofs as RFC 9162, section 2.1.3 and 2.1.4).

Hashes are SHA-256, 32 bytes. Trees are told by their leaf hashes; a leaf's index counts from 0.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

SIZE = 32
EMPTY = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""

MOST_STEPS = 65
"""A consistency proof in a tree of 2^64 leaves."""

_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf."""
    return _sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return _sha256(b"\1" + left + right).digest()


def hashes(joined: bytes) -> list[bytes]:
    """Hashes that stand one after the other. Raises ValueError where the last one breaks off."""
    if len(joined) % SIZE:
        raise ValueError("no row of hashes")
    return [joined[k : k + SIZE] for k in range(0, len(joined), SIZE)]


def largest_power_below(size: int) -> int:
    """The largest power of two that is smaller than `size` (2 or more): where a tree is divided."""
    return 1 << ((size - 1).bit_length() - 1)


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes."""
    level = list(leaves)
    if not level:
        return EMPTY
    while len(level) > 1:
        last = [level[-1]] if len(level) % 2 else []
        # A last one without a neighbour goes up as it is: the tree that RFC 6962 divides from above is the same.
        level = [
            _sha256(b"\1" + level[k] + level[k + 1]).digest() for k in range(0, len(level) - 1, 2)
        ] + last
    return level[0]


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All hashes of a tree, the leaves first: where many of its proofs are wanted, `path` reads them off."""
    found = [list(leaves)]
    while len(found[-1]) > 1:
        level = found[-1]
        above = [_sha256(b"\1" + level[k] + level[k + 1]).digest() for k in range(0, len(level) - 1, 2)]
        # A last one without a neighbour goes up as it is.
        found.append(above + level[len(above) * 2 :])
    return found


def path(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """The audit path of a leaf of a tree of these `levels`. Raises ValueError for an index that it does not have."""
    if not 0 <= index < len(tree[0]):
        raise ValueError(f"leaf {index} is not in a tree of {len(tree[0])}")
    found = []
    for level in tree[:-1]:
        if index ^ 1 < len(level):
            found.append(level[index ^ 1])
        index >>= 1
    return found


class Frontier:
    """All that has to be kept of a tree so that leaves can be added: roots of its perfect subtrees, largest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Of a tree of `size` leaves. Raises ValueError where the number of peaks can't be right."""
        self.size, self.peaks = size, list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count() or any(len(peak) != SIZE for peak in self.peaks):
            raise ValueError("no frontier")

    def append(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes."""
        peaks, size = self.peaks, self.size
        for leaf in leaves:
            whole, below = leaf, size
            while below & 1:
                whole = _sha256(b"\1" + peaks.pop() + whole).digest()
                below >>= 1
            peaks.append(whole)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Root of the tree."""
        if not self.peaks:
            return EMPTY
        whole = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            whole = node_hash(peak, whole)
        return whole

    def copy(self) -> "Frontier":
        """One that can grow apart from this."""
        return Frontier(self.size, self.peaks)


Subtree = Callable[[int, int], bytes]
"""Root over the leaves from one index up to another (not included), where that is a node of the tree."""


def subtrees(leaves: Sequence[bytes]) -> Subtree:
    """Of leaf hashes that are at hand."""
    return lambda start, stop: root(leaves[start:stop])


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Audit path of a leaf in the tree of the first `size` leaves. Raises ValueError for an index that it does not have."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + largest_power_below(stop - start)
        if index < middle:
            path.append(subtree(middle, stop))
            stop = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """Proof that the tree of `old` leaves is the beginning of that of `new`; empty where either is the other or nothing."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} is not the beginning of one of {new}")
    path: list[bytes] = []
    if old in (0, new):
        return path
    start, stop, whole = 0, new, True
    while old != stop:
        middle = start + largest_power_below(stop - start)
        if old <= middle:
            path.append(subtree(middle, stop))
            stop = middle
        else:
            path.append(subtree(start, middle))
            start, whole = middle, False
    if not whole:
        path.append(subtree(start, stop))
    return path[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], whole: bytes) -> bool:
    """Whether a proof shows that `leaf` (its hash) is at `index` of the tree with `size` leaves and this root."""
    if (
        not 0 <= index < size
        or not _are_hashes((leaf, whole, *proof[:MOST_STEPS]))
        or len(proof) > MOST_STEPS
    ):
        return False
    number, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if number & 1 or number == last:
            found = node_hash(step, found)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            found = node_hash(found, step)
        number >>= 1
        last >>= 1
    return last == 0 and found == whole


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that the tree of `old` leaves and this root is the beginning of that of `new`."""
    if (
        not 0 <= old <= new
        or not _are_hashes((old_root, new_root, *proof[:MOST_STEPS]))
        or len(proof) > MOST_STEPS
    ):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    number, last = old - 1, new - 1
    while number & 1:
        number >>= 1
        last >>= 1
    before = after = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not number & 1 and number:
                number >>= 1
                last >>= 1
        else:
            after = node_hash(after, step)
        number >>= 1
        last >>= 1
    return last == 0 and before == old_root and after == new_root


def _are_hashes(proof: Sequence[bytes]) -> bool:
    return all(len(step) == SIZE for step in proof)
