"""Statuses of POSTs (TAXII 2.1, section 4.3): what made rows is told from them, only the rest is kept by itself."""

import json
from collections.abc import Sequence

from stillwatch.hub import times
from stillwatch.hub.database import Database, Line, Transaction
from stillwatch.hub.errors import not_found
from stillwatch.hub.limits import STATUS_SECONDS
from stillwatch.hub.model import Outcome, Status

COLUMNS = ("id", "member", "requested", "total", "seq_from", "seq_count", "rest")


def line(status: Status, member: int, seq_from: int, rows: int, others: Sequence[Outcome]) -> Line:
    """What the store keeps: `rows` successes are those from `seq_from` on, `others` those that made no row."""
    rest = encode_rest(status.failures, others)
    return (status.id, member, status.request_timestamp, status.total_count, seq_from, rows, rest)


def complete(
    status_id: str, requested: int, total: int, successes: list[Outcome], failures: list[Outcome]
) -> Status:
    """A status: nothing is ever pending, since a POST is answered when all of it is stored."""
    return Status(
        status_id, "complete", requested, total, len(successes), len(failures), 0, successes, failures, []
    )


def read(database: Database, member: int, status_id: str) -> Status:
    """The status of a member's own POST. Raises `Refused` (404)."""
    oldest = times.now() - STATUS_SECONDS * times.MICROSECONDS
    with database.read() as tx:
        found = tx.one(
            "SELECT requested, total, seq_from, seq_count, rest FROM statuses"
            " WHERE id = ? AND member = ? AND requested > ?",
            (status_id, member, oldest),
        )
        if found is None:
            raise not_found("There is no such status, or it is too old.")
        requested, total, start, count, rest = found
        made = tx.query(
            "SELECT stix_id, version FROM objects WHERE seq >= ? AND seq < ? ORDER BY seq",
            (start, start + count),
        )
    failures, others = decode_rest(rest)
    return complete(status_id, requested, total, [*(Outcome(*one) for one in made), *others], failures)


def forget(tx: Transaction) -> None:
    """Forget those that are too old."""
    oldest = times.now() - STATUS_SECONDS * times.MICROSECONDS
    tx.execute("DELETE FROM statuses WHERE requested < ?", (oldest,))


def encode_rest(failures: Sequence[Outcome], others: Sequence[Outcome]) -> bytes:
    """What the store keeps of outcomes that made no row."""
    return json.dumps([failures, others], ensure_ascii=True, separators=(",", ":")).encode()


def decode_rest(rest: bytes) -> tuple[list[Outcome], list[Outcome]]:
    """The opposite."""
    failures, others = json.loads(rest)
    return [Outcome(*one) for one in failures], [Outcome(*one) for one in others]
