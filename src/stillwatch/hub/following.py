"""For those who follow: accepted versions in order of `seq`, with what stands in the log for each.

A receipt says where an object is in the log and what opens its commitment; for one that came in a signed batch also the
batch's envelope and the proof that it was in it.
"""

import base64
import threading
from collections import OrderedDict
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from stillwatch.hub.database import Database, Transaction, Value
from stillwatch.hub.ids import id_key
from stillwatch.hub.limits import MAX_EVENTS_BYTES, MAX_PAGE, MAX_PAGE_BYTES
from stillwatch.hub.model import Event, EventPage
from stillwatch.hub.pages import fitting
from stillwatch.hub.times import stamp
from stillwatch.transparency import merkle

_KEPT_BATCHES = 256
_LARGEST = 2**62


class Batch(NamedTuple):
    """A signed batch as it is kept in memory: its id, envelope, leaves, and the levels of its tree from these up."""

    id: str
    envelope: bytes
    leaves: bytes
    levels: list[list[bytes]]


_PLACED = (
    "WITH wanted (key, collection, id, version) AS (VALUES (?)*)"
    " SELECT o.stix_id, o.version, o.seq, o.log_index, c.salt FROM wanted JOIN objects o ON o.id_key = wanted.key"
    " AND o.collection = wanted.collection AND o.version = wanted.version AND o.stix_id = wanted.id"
    " LEFT JOIN contents c ON c.seq = o.seq"
)


class Following:
    """Reads what was accepted; safe to use from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._batches: OrderedDict[int, Batch] = OrderedDict()

    def events(self, after: int, limit: int, collections: Sequence[int] | None) -> EventPage:
        """Versions after `after`, of collections by their numbers (None: of all)."""
        made = []
        with self._database.read() as tx:
            lines, more = _read(tx, after, limit, collections, MAX_EVENTS_BYTES)
            for line in lines:
                batch = self._batch(tx, line[6])
                receipt = _receipt(line, batch)
                if batch is not None and line[3] is not None:
                    receipt["proof"] = [_b64(step) for step in merkle.path(batch.levels, line[7])]
                    receipt["envelope"] = msgspec.Raw(batch.envelope)
                made.append(Event(line[0], line[1], line[3], msgspec.json.encode(receipt)))
        return EventPage(made, more)

    def receipts(self, after: int, limit: int, collections: Sequence[int] | None) -> dict[str, Any]:
        """A page of receipts with their objects, and the batches that they name. Objects and envelopes are msgspec.Raw."""
        limit = max(1, min(limit, MAX_PAGE))
        found: list[dict[str, Any]] = []
        batches: dict[str, dict[str, Any]] = {}
        size = 0
        with self._database.read() as tx:
            lines, more = _read(tx, after, limit, collections, MAX_PAGE_BYTES)
            for line in lines:
                batch = self._batch(tx, line[6])
                if batch is not None and batch.id not in batches:
                    size += len(batch.envelope) + len(batch.leaves)
                    if found and size > MAX_PAGE_BYTES:
                        more = True
                        break
                receipt = _receipt(line, batch)
                receipt["object"] = None if line[3] is None else msgspec.Raw(line[3])
                found.append(receipt)
                if batch is not None:
                    batches[batch.id] = {
                        "envelope": msgspec.Raw(batch.envelope),
                        "leaves": _b64(batch.leaves),
                    }
        return {"receipts": found, "batches": batches, "more": more}

    def placed(self, collection: int, versions: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
        """Where versions (ids, and microseconds) of a collection's objects stand in the log, and what opens it.

        So who sent them can hold the log to it, whatever becomes of them. `salt` is None once one was erased.
        """
        with self._database.read() as tx:
            lines = tx.among(
                _PLACED, [(id_key(stix_id), collection, stix_id, version) for stix_id, version in versions]
            )
        return [
            {
                "id": line[0],
                "seq": line[2],
                "log_index": line[3],
                "salt": None if line[4] is None else _b64(line[4]),
            }
            for line in sorted(set(lines), key=itemgetter(2))
        ]

    def forget(self) -> None:
        """Hold no batch in memory: some may have been erased."""
        with self._guard:
            self._batches.clear()

    def _batch(self, tx: Transaction, number: int | None) -> Batch | None:
        """A batch; None for what was posted unsigned, or where all of it was erased."""
        if number is None:
            return None
        with self._guard:
            found = self._batches.get(number)
            if found is not None:
                self._batches.move_to_end(number)
                return found
        line = tx.one("SELECT id, envelope, leaves FROM batches WHERE number = ?", (number,))
        if line is None:
            return None
        leaves: bytes = line[2]
        made = Batch(line[0], line[1], leaves, merkle.levels(merkle.hashes(leaves)))
        with self._guard:
            self._batches[number] = made
            while len(self._batches) > _KEPT_BATCHES:
                self._batches.popitem(last=False)
        return made


def _read(
    tx: Transaction, after: int, limit: int, collections: Sequence[int] | None, most: int
) -> tuple[list[Any], bool]:
    """Versions with their contents, of at most so many bytes, and whether there are more."""
    values: list[Value] = [max(-1, min(after, _LARGEST))]
    among = ""
    if collections is not None:
        if not collections:
            return [], False
        among = f" AND o.collection IN ({','.join('?' * len(collections))})"
        values += collections
    rest = (
        "FROM objects o JOIN collections k ON k.number = o.collection LEFT JOIN contents c ON c.seq = o.seq"
        f" WHERE o.seq > ?{among} ORDER BY o.seq LIMIT"
    )
    sizes = [size or 0 for (size,) in tx.query(f"SELECT length(c.body) {rest} {limit + 1}", values)]
    taken = fitting(sizes[:limit], most)
    if not taken:
        return [], False
    columns = "o.seq, k.id, o.date_added, c.body, c.salt, o.log_index, o.batch, o.batch_index"
    return tx.query(f"SELECT {columns} {rest} {taken}", values), len(sizes) > taken


def _receipt(line: Any, batch: Batch | None) -> dict[str, Any]:
    """A receipt without its object."""
    return {
        "seq": line[0],
        "collection": line[1],
        "date_added": stamp(line[2]),
        "salt": None if line[4] is None else _b64(line[4]),
        "log_index": line[5],
        "batch": None if batch is None else batch.id,
        "batch_index": None if batch is None else line[7],
    }


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
