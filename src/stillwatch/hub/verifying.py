"""The audit of a whole hub: the log is computed anew from its entries and held against the stored objects."""

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stillwatch.hub import log as logs
from stillwatch.hub.database import Database, Line, Transaction
from stillwatch.hub.log import Log
from stillwatch.hub.model import Fault
from stillwatch.records.errors import InputError
from stillwatch.transparency import batches, dsse, merkle, tiles
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency.canonical import canonical, parse
from stillwatch.transparency.notes import Note

_BATCHES = 64
"""Batches held in memory: objects of one come one after the other, unless somebody tampered."""

_ROWS = (
    "SELECT o.seq, o.date_added, k.id, o.log_index, o.erasure, c.salt, c.body, o.batch, o.batch_index, o.member"
    " FROM objects o LEFT JOIN collections k ON k.number = o.collection LEFT JOIN contents c ON c.seq = o.seq"
    " ORDER BY o.seq"
)


class _Found(Exception):  # noqa: N818 - what was looked for
    def __init__(self, entry: int | None, what: str) -> None:
        self.fault = Fault(entry, what)
        super().__init__(what)


def verify(database: Database, log: Log) -> Fault | None:
    """Check everything, in one pass over the entries with the objects beside them; the first fault.

    Entries, tiles and checkpoint have to agree; each entry has to be that of its row, and each row has to have one; content
    has to open its commitment, or an erasure has to be logged; numbers and times have to go up; batches have to be signed.
    Holds one bundle, a few batches and one tile of each level in memory.
    """
    with database.read() as tx:
        try:
            _Audit(tx, log).run()
        except _Found as found:
            return found.fault
    return None


class _Audit:
    def __init__(self, tx: Transaction, log: Log) -> None:
        self._tx, self._log = tx, log
        self._rows: Iterator[Line] = tx.stream(_ROWS)
        self._seq = self._date_added = 0
        self._seen = {"epoch": 0, "pseudonym": 0, "erasure": 0}
        self._edges: list[list[bytes]] = []
        self._batches: OrderedDict[int, tuple[batches.Batch, bytes]] = OrderedDict()

    def run(self) -> None:
        heads = logs.heads(self._tx)
        frontier = merkle.Frontier()
        size = 0
        while size < heads.log_size:
            number = size // tiles.WIDTH
            entries = self._bundle(number, min(tiles.WIDTH, heads.log_size - size))
            leaves = [merkle.leaf_hash(entry) for entry in entries]
            self._check_leaves(number, leaves)
            for place, entry in enumerate(entries):
                self._entry(size + place, entry)
            frontier.append(leaves)
            self._grow(0, number, leaves)
            size += len(entries)
        self._end(heads, frontier)

    def _bundle(self, number: int, width: int) -> list[bytes]:
        line = self._tx.one("SELECT entries FROM bundles WHERE number = ?", (number,))
        first = number * tiles.WIDTH
        if line is None:
            raise _Found(first, "it is missing")
        try:
            entries = tiles.unbundle(line[0])
        except InputError:
            raise _Found(first, "its bundle breaks off") from None
        if len(entries) != width:
            raise _Found(first + min(len(entries), width), "the log has more or fewer entries than it says")
        return entries

    def _check_leaves(self, number: int, leaves: list[bytes]) -> None:
        stored = self._tile(0, number)
        for place, leaf in enumerate(leaves):
            if stored[place * merkle.SIZE : (place + 1) * merkle.SIZE] != leaf:
                raise _Found(number * tiles.WIDTH + place, "it is not the entry that was logged")
        if len(stored) != len(leaves) * merkle.SIZE:
            raise _Found(None, f"tile {number} of level 0 holds more than the log")

    def _tile(self, level: int, number: int) -> bytes:
        line = self._tx.one("SELECT hashes FROM tiles WHERE level = ? AND number = ?", (level, number))
        return line[0] if line else b""

    def _grow(self, level: int, number: int, hashes: list[bytes]) -> None:
        """Hold the tiles above full ones against what is stored."""
        if len(hashes) < tiles.WIDTH:
            return
        if len(self._edges) == level:
            self._edges.append([])
        edge = self._edges[level]
        edge.append(merkle.root(hashes))
        above = number // tiles.WIDTH
        stored = self._tile(level + 1, above)
        if stored[(len(edge) - 1) * merkle.SIZE : len(edge) * merkle.SIZE] != edge[-1]:
            raise _Found(None, f"tile {above} of level {level + 1} is not that of the entries")
        if len(edge) == tiles.WIDTH:
            self._grow(level + 1, above, edge)
            self._edges[level] = []

    def _entry(self, index: int, entry: bytes) -> None:
        try:
            said = parse(entry)
            kind = said["kind"] if isinstance(said, dict) else None
            check = {
                "object": self._object,
                "pseudonym": self._pseudonym,
                "epoch": self._epoch,
                "erasure": self._erasure,
            }.get(kind if isinstance(kind, str) else "")
            if check is None or said["v"] != 1 or canonical(said) != entry:
                raise _Found(index, "it is of no kind that there is")
            check(index, said)
        except (InputError, KeyError, TypeError, ValueError):
            raise _Found(index, "it can't be read") from None

    def _object(self, index: int, said: dict[str, Any]) -> None:
        line = next(self._rows, None)
        if line is None or line[0] != self._seq + 1 or line[0] != said["seq"]:
            raise _Found(index, f"its object version {said['seq']} is not stored")
        seq, date_added, collection, log_index, erasure, salt, body, batch, *_ = line
        if log_index != index:
            raise _Found(index, f"the stored object version {seq} names another entry")
        if date_added <= self._date_added:
            raise _Found(index, f"date_added of object version {seq} is not later than the one before")
        self._seq, self._date_added = seq, date_added
        if body is None:
            if erasure is None:
                raise _Found(
                    index, f"the content of object version {seq} is missing, and no erasure is logged"
                )
            return
        if erasure is not None:
            raise _Found(index, f"object version {seq} is said to be erased, and is not")
        committed = base64.b64encode(logs.commitment(salt, collection or "", body)).decode()
        if committed != said["commitment"]:
            raise _Found(index, f"the stored object version {seq} is not the one that was logged")
        if batch is not None:
            self._signed(index, line)

    def _signed(self, index: int, line: Line) -> None:
        seq, collection, body, number, place, member = line[0], line[2], line[6], line[7], line[8], line[9]
        if number not in self._batches:
            self._batches[number] = self._opened(index, number, member)
            if len(self._batches) > _BATCHES:
                self._batches.popitem(last=False)
        batch, leaves = self._batches[number]
        leaf = leaves[place * merkle.SIZE : (place + 1) * merkle.SIZE]
        if leaf != merkle.leaf_hash(body) or batch.collection != collection:
            raise _Found(index, f"object version {seq} is not one that its batch signed")

    def _opened(self, index: int, number: int, member: int) -> tuple[batches.Batch, bytes]:
        line = self._tx.one("SELECT envelope, leaves FROM batches WHERE number = ?", (number,))
        if line is None:
            raise _Found(index, "the batch that signed its object is missing")
        try:
            envelope = parse(line[0])
            claimed = batches.claimed(envelope)
            key = self._tx.one(
                "SELECT public_key FROM pseudonyms WHERE id = ? AND member = ?", (claimed.pseudonym, member)
            )
            if key is None:
                raise ValueError
            batch = batches.opened(envelope, Ed25519PublicKey.from_public_bytes(key[0]))
            leaves: bytes = line[1]
            cut = [leaves[at : at + merkle.SIZE] for at in range(0, len(leaves), merkle.SIZE)]
            batches.require(batch, cut)
        except (InputError, ValueError):
            raise _Found(index, "the signature of its object's batch does not hold") from None
        return batch, leaves

    def _pseudonym(self, index: int, said: dict[str, Any]) -> None:
        line = self._tx.one(
            "SELECT epoch, public_key, certificate, log_index FROM pseudonyms WHERE id = ?",
            (said["pseudonym"],),
        )
        if line is None or (line[0], base64.b64encode(line[1]).decode()) != (
            said["epoch"],
            said["public_key"],
        ):
            raise _Found(index, "its pseudonym is not stored, or is another one")
        if line[3] != index:
            # A certificate was renewed: this is the entry of an earlier one.
            return
        self._seen["pseudonym"] += 1
        payload = dsse.verify(
            json.loads(line[2]), "application/vnd.stillwatch.pseudonym+json", self._log.verifier.key
        )
        if base64.b64encode(hashlib.sha256(payload).digest()).decode() != said["certificate"]:
            raise _Found(index, "its pseudonym has another certificate")

    def _epoch(self, index: int, said: dict[str, Any]) -> None:
        line = self._tx.one(
            "SELECT template_key, rules, log_index FROM epochs WHERE number = ?", (said["number"],)
        )
        if line is None or (hashlib.sha256(line[0]).hexdigest(), line[1], line[2]) != (
            said["template_key"],
            said["rules"],
            index,
        ):
            raise _Found(index, "its epoch is not stored, or is another one")
        self._seen["epoch"] += 1

    def _erasure(self, index: int, said: dict[str, Any]) -> None:
        line = self._tx.one("SELECT erasure FROM objects WHERE seq = ?", (said["seq"],))
        if line is None or line[0] != index:
            raise _Found(index, f"object version {said['seq']} is not erased, or by another entry")
        self._seen["erasure"] += 1

    def _end(self, heads: logs.Heads, frontier: merkle.Frontier) -> None:
        if next(self._rows, None) is not None or self._seq != heads.seq:
            raise _Found(None, f"there are object versions after {self._seq} that no entry logs")
        if self._date_added > heads.date_added:
            raise _Found(None, "date_added of the newest object version is later than the hub's own")
        for name, sql in (
            ("epoch", "SELECT COUNT(*) FROM epochs"),
            ("pseudonym", "SELECT COUNT(*) FROM pseudonyms"),
            ("erasure", "SELECT COUNT(*) FROM objects WHERE erasure IS NOT NULL"),
        ):
            line = self._tx.one(sql)
            if line is None or line[0] != self._seen[name]:
                raise _Found(None, f"there is a stored {name} that no entry logs")
        (note,) = self._tx.query("SELECT checkpoint FROM heads")[0]
        try:
            signed = checkpoints.opened(Note.parse(note), self._log.verifier)
        except InputError as error:
            raise _Found(None, str(error)) from None
        if signed.size != frontier.size or signed.root != frontier.root():
            raise _Found(None, "the signed checkpoint is not that of the entries")
