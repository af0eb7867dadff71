"""Erasure: content and salt go, the row and the log's entry stay, and a new entry says so.

Without the salt nobody can tell from the commitment what the content was, however well they guess.
"""

from collections.abc import Sequence

from stillwatch.hub import statuses, times
from stillwatch.hub.database import Database, Transaction, Value
from stillwatch.hub.deciding import ENDS, ends_keys
from stillwatch.hub.errors import forbidden, not_found
from stillwatch.hub.ids import id_key
from stillwatch.hub.log import Log, erasure_entry
from stillwatch.hub.model import Query
from stillwatch.hub.pages import matching

_AT_ONCE = 5000
"""Object versions that are erased in one transaction, so that posts need not wait long for it."""

_EARLIER = (
    "WITH gone (seq) AS (VALUES (?)*) SELECT e.seq FROM gone JOIN objects o ON o.seq = gone.seq JOIN objects e"
    " ON e.id_key = o.id_key AND e.collection = o.collection AND e.stix_id = o.stix_id AND e.version < o.version"
    " WHERE e.erasure IS NULL"
)

_DAY = 86_400 * times.MICROSECONDS


class Eraser:
    """Erases; safe to use from many threads."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database, self._log = database, log

    def delete(self, member: int, collection: int, stix_id: str, query: Query) -> int:
        """Erase a member's own versions of an object that a query matches; how many. Raises `Refused` (403, 404)."""
        query = Query(versions=query.versions or ("all",), spec_versions=query.spec_versions)
        condition, values = matching(query)
        with self._database.write() as tx:
            found = tx.query(
                "SELECT o.seq, o.member, o.revoked FROM objects o WHERE o.id_key = ? AND o.collection = ? AND o.stix_id = ?"
                f" AND o.erasure IS NULL AND {condition}",
                (id_key(stix_id), collection, stix_id, *values),
            )
            if not found:
                raise not_found("There is no such object, or no such version of it.")
            if any(owner != member for _, owner, _ in found):
                raise forbidden("The object is not yours.")
            if any(revoked for *_, revoked in found):
                kept = tx.one(
                    "SELECT COUNT(*) FROM objects o WHERE o.id_key = ? AND o.collection = ? AND o.stix_id = ?"
                    " AND o.erasure IS NULL",
                    (id_key(stix_id), collection, stix_id),
                )
                # Or what was withdrawn would stand there again as if it never had been.
                if kept is not None and kept[0] > len(found):
                    raise forbidden("The version that revokes the object goes with all the others only.")
            self._erase(tx, [seq for seq, *_ in found])
        return len(found)

    def sweep(self, keep_days: int) -> int:
        """Erase what has not been valid for so many days, and forget what has outlived its use; how many were erased."""
        now = times.now()
        erased = 0
        while True:
            with self._database.write() as tx:
                found = tx.query(
                    "SELECT seq FROM objects WHERE valid_until < ? AND erasure IS NULL ORDER BY valid_until"
                    f" LIMIT {_AT_ONCE}",
                    (now - keep_days * _DAY,),
                )
                if found:
                    gone = self._with_earlier(tx, [seq for (seq,) in found])
                    self._erase(tx, gone)
                    erased += len(gone)
                    continue
                statuses.forget(tx)
                tx.execute("DELETE FROM tokens WHERE expires < ?", (now,))
                tx.execute("DELETE FROM usage WHERE day < ?", (now // _DAY - 1,))
                self._log.thin(tx)
            return erased

    def _with_earlier(self, tx: Transaction, seqs: Sequence[int]) -> list[int]:
        """These versions and those before them of the same objects: none may outlive an end that was brought forward."""
        lines = tx.among(_EARLIER, [(seq,) for seq in seqs])
        return sorted({*seqs, *(seq for (seq,) in lines)})

    def _erase(self, tx: Transaction, seqs: Sequence[int]) -> None:
        seqs = sorted(seqs)
        index = self._log.add(tx, [erasure_entry(seq) for seq in seqs])
        lines = tx.among(
            "WITH gone (seq, entry) AS (VALUES (?)*) UPDATE objects SET"
            " erasure = (SELECT gone.entry FROM gone WHERE gone.seq = objects.seq LIMIT 1), is_first = 0, is_last = 0"
            " WHERE seq IN (SELECT gone.seq FROM gone) RETURNING collection, stix_id, batch",
            [(seq, index + place) for place, seq in enumerate(seqs)],
        )
        tx.update_each("DELETE FROM contents WHERE seq IN (?*)", seqs)
        touched = {(collection, stix_id) for collection, stix_id, _ in lines}
        ends = tx.among(ENDS, ends_keys(touched))
        tx.update_each("UPDATE objects SET is_first = 1 WHERE seq IN (?*)", [line[3] for line in ends])
        tx.update_each("UPDATE objects SET is_last = 1 WHERE seq IN (?*)", [line[5] for line in ends])
        gone: list[Value] = list({stix_id for _, stix_id in touched} - {line[1] for line in ends})
        tx.update_each("DELETE FROM reports WHERE source IN (?*)", gone)
        # The leaves of a batch are digests without salt: they go with the last of its objects.
        batches: list[Value] = list({batch for *_, batch in lines if batch is not None})
        tx.update_each(
            "DELETE FROM batches WHERE number IN (?*) AND NOT EXISTS"
            " (SELECT 1 FROM objects o WHERE o.batch = batches.number AND o.erasure IS NULL)",
            batches,
        )
