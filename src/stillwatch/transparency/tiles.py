"""A tree in tiles (C2SP tlog-tiles): 256 hashes each, so that a log can be served as files that hardly ever change.

Tile (L, N) holds hashes of the tree's nodes at height 8L: those from 256 N on. A tile that is not full yet is partial, and
told by its width.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from stillwatch.records.errors import InputError
from stillwatch.transparency import merkle
from stillwatch.transparency.merkle import SIZE

HEIGHT = 8
WIDTH = 1 << HEIGHT
MOST_LEVELS = 8
"""Levels of a tree of 2^64 leaves."""

Tiles = Mapping[tuple[int, int], bytes]
Reader = Callable[[int, int], bytes]
"""Hashes of tile (level, index), of as many as there are; longer ones than asked for do no harm."""

_GROUP = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}")


def number_path(index: int) -> str:
    """An index as C2SP writes it: 1234067 is x001/x234/067."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def read_number(path: str) -> tuple[int, int | None]:
    """(index, width or None for a full tile) of a path such as x001/234 or x001/234.p/17. Raises InputError."""
    number, partial, width = path.partition(".p/")
    digits = number.replace("x", "").replace("/", "")
    if _GROUP.fullmatch(number) is None or len(digits) > 21 or number_path(int(digits)) != number:
        raise InputError("no such tile", where=path[:80], mend="write its number as x001/234")
    if not partial:
        return int(digits), None
    if re.fullmatch("[1-9][0-9]{0,2}", width) is None or int(width) >= WIDTH:
        raise InputError("no such width of a tile", where=path[:80], mend="give 1 to 255, or leave it out")
    return int(digits), int(width)


def tile_path(level: int | None, index: int, width: int | None = None) -> str:
    """Path of a tile under /log; of a bundle of entries where there is no level."""
    name = "entries" if level is None else str(level)
    return f"tile/{name}/{number_path(index)}" + ("" if width is None or width == WIDTH else f".p/{width}")


def bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as a bundle holds them: each after its length in two bytes. Raises ValueError for one of more than 65,535."""
    parts = []
    for entry in entries:
        if len(entry) > 0xFFFF:
            raise ValueError("an entry is too long")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def unbundle(data: bytes) -> list[bytes]:
    """The entries of a bundle. Raises InputError where it breaks off."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if at + size > len(data):
            raise InputError("a bundle of entries breaks off", mend="fetch it again")
        found.append(data[at : at + size])
        at += size
    return found


def grown(size: int, reader: Reader, leaves: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
    """The tiles that change when leaf hashes are added to a tree of `size` leaves, whole as they are then.

    `reader` gives the tiles at the right edge as they were; no others are asked for.
    """
    changed: dict[tuple[int, int], bytes] = {}
    level, before, added = 0, size, list(leaves)
    while added:
        index, held = divmod(before, WIDTH)
        edge = reader(level, index)[: held * SIZE] if held else b""
        if len(edge) != held * SIZE:
            raise InputError("a tile lacks hashes", where=tile_path(level, index), mend="fetch it again")
        data = edge + b"".join(added)
        above = []
        for start in range(0, len(data), WIDTH * SIZE):
            tile = data[start : start + WIDTH * SIZE]
            changed[level, index] = tile
            if len(tile) == WIDTH * SIZE:
                above.append(merkle.root(hashes(tile)))
            index += 1
        level, before, added = level + 1, before >> HEIGHT, above
    return changed


def hashes(tile: bytes) -> list[bytes]:
    """The hashes in a tile. Raises InputError where it breaks off."""
    if len(tile) % SIZE or len(tile) > WIDTH * SIZE:
        raise InputError("no tile", mend="fetch it again")
    return merkle.hashes(tile)


def frontier(size: int, reader: Reader) -> merkle.Frontier:
    """The frontier of a tree, from the tiles at its right edge."""
    peaks: list[bytes] = []
    for level in reversed(range(MOST_LEVELS)):
        nodes = size >> (HEIGHT * level)
        held = nodes % WIDTH
        if held:
            part = hashes(reader(level, nodes // WIDTH)[: held * SIZE])
            if len(part) != held:
                raise InputError(
                    "a tile lacks hashes", where=tile_path(level, nodes // WIDTH), mend="fetch it again"
                )
            start = 0
            for bit in reversed(range(HEIGHT)):
                if held >> bit & 1:
                    peaks.append(merkle.root(part[start : start + (1 << bit)]))
                    start += 1 << bit
    return merkle.Frontier(size, peaks)


def subtrees(reader: Reader) -> merkle.Subtree:
    """Roots of subtrees from tiles, for proofs: `merkle.inclusion_proof(index, size, subtrees(reader))`."""

    def perfect(height: int, index: int) -> bytes:
        level, inner = divmod(height, HEIGHT)
        first = index << inner
        tile = reader(level, first // WIDTH)
        at = (first % WIDTH) * SIZE
        part = hashes(tile[at : at + (SIZE << inner)])
        if len(part) != 1 << inner:
            raise InputError(
                "a tile lacks hashes", where=tile_path(level, first // WIDTH), mend="fetch it again"
            )
        return merkle.root(part)

    def subtree(start: int, stop: int) -> bytes:
        count = stop - start
        height = count.bit_length() - 1
        if count == 1 << height:
            return perfect(height, start >> height)
        middle = start + merkle.largest_power_below(count)
        return merkle.node_hash(subtree(start, middle), subtree(middle, stop))

    return subtree


def width_at(size: int, level: int, index: int) -> int:
    """How many hashes tile (level, index) has in a tree of `size` leaves: 0 to 256."""
    return min(max((size >> (HEIGHT * level)) - index * WIDTH, 0), WIDTH)
