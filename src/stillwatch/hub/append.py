"""Group commit: everything that waits goes into one transaction, with one signed checkpoint and one fsync.

There is no thread of its own for it: whoever comes first when nobody writes takes all that waits, its own included, and
writes it; the others find theirs done. So a single client pays for no change of threads, and under load each group grows
while the one before it is on its way to the disk (DeWitt et al., "Implementation Techniques for Main Memory Database
Systems", SIGMOD 1984).
"""

import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence

from stillwatch.hub import statuses, times
from stillwatch.hub.database import Database, Line, Transaction
from stillwatch.hub.deciding import OBJECT_COLUMNS, Decider
from stillwatch.hub.errors import Refused, too_many, unavailable
from stillwatch.hub.limits import GROUP_OBJECTS, WAITING_OBJECTS
from stillwatch.hub.log import SALT_BYTES, Heads, Log, commitment, heads, object_entry
from stillwatch.hub.model import Outcome, Status
from stillwatch.hub.submission import Examiner, Submission

_ID, _VERSION = OBJECT_COLUMNS.index("stix_id"), OBJECT_COLUMNS.index("version")
_DAY = 86_400 * times.MICROSECONDS
_USED = "SELECT objects, bytes FROM usage WHERE member = ? AND day = ?"


class Appender:
    """Writes submissions. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        log: Log,
        examiner: Examiner,
        committed: Callable[[int], None],
        clock: Callable[[], int] = times.now,
    ) -> None:
        """`committed` is told the new head after each transaction that added something."""
        self._database, self._log, self._examiner = database, log, examiner
        self._told, self._clock = committed, clock
        self._waiting: deque[Submission] = deque()
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self.waiting = 0
        """Objects that wait for a transaction, or are in one."""
        self.committed = 0
        """Object versions that were stored."""
        self.transactions = 0

    def require_quota(self, submission: Submission) -> None:
        """Raise `Refused` (429) before any work is done for a member that has nothing left; `put` charges exactly."""
        now = self._clock()
        line = self._database.one(_USED, (submission.number, now // _DAY))
        if line and _exceeds(submission, line[0] + submission.total, line[1] + submission.size):
            raise _used_up(submission, now)

    def put(self, submission: Submission) -> Status:
        """Store what is good of a submission. On return it is on disk. Raises `Refused` (429, 503)."""
        with self._guard:
            if self.waiting and self.waiting + submission.total > WAITING_OBJECTS:
                raise unavailable("Too many objects wait to be stored.")
            self.waiting += submission.total
            self._waiting.append(submission)
        while not submission.done.is_set():
            with self._turn:
                if not submission.done.is_set():
                    self._commit(self._group())
        if submission.error is not None:
            raise submission.error
        assert submission.status is not None
        return submission.status

    def _group(self) -> list[Submission]:
        group: list[Submission] = []
        size = 0
        with self._guard:
            while self._waiting and (not group or size + self._waiting[0].total <= GROUP_OBJECTS):
                group.append(self._waiting.popleft())
                size += group[-1].total
        return group

    def _commit(self, group: Sequence[Submission]) -> None:
        try:
            with self._database.write() as tx:
                head = self._write(tx, group)
        except Exception as error:
            if len(group) > 1 and not isinstance(error, Refused):
                # A fault of ours that one submission brings about must not cost the others theirs.
                for submission in group:
                    self._commit([submission])
                return
            for submission in group:
                submission.status, submission.error = None, error
        else:
            self.transactions += 1
            if head is not None:
                self._told(head)
        with self._guard:
            self.waiting -= sum(submission.total for submission in group)
        for submission in group:
            submission.done.set()

    def _write(self, tx: Transaction, group: Sequence[Submission]) -> int | None:
        """Write a group; the new head, if there is one."""
        at = heads(tx)
        taken = self._charge(tx, group)
        decider = Decider(tx, taken, self._examiner)
        base = max(self._clock(), at.date_added + 1)
        told: list[Line] = []
        batches: list[Line] = []
        for submission in taken:
            rows, others, failures = decider.decide(submission, base, at.seq, at.log_size)
            seq_from = at.seq + 1 + len(decider.rows) - len(rows)
            if rows and submission.batch is not None:
                identifier = str(uuid.uuid4())
                batches.append((seq_from, identifier, submission.batch.envelope, submission.batch.leaves))
            submission.status = statuses.complete(
                str(uuid.uuid4()),
                submission.requested,
                submission.total,
                [*(Outcome(row[_ID], row[_VERSION]) for row in rows), *others],
                [*submission.failures, *failures],
            )
            told.append(statuses.line(submission.status, submission.number, seq_from, len(rows), others))
        if batches:
            tx.insert("batches", ("number", "id", "envelope", "leaves"), batches)
        if told:
            tx.insert("statuses", statuses.COLUMNS, told)
        return self._store(tx, at, decider) if decider.rows else None

    def _store(self, tx: Transaction, at: Heads, decider: Decider) -> int:
        rows, bodies = decider.rows, decider.bodies
        salts = os.urandom(SALT_BYTES * len(rows))
        contents, entries = [], []
        places = range(0, len(salts), SALT_BYTES)
        for row, (collection, body), place in zip(rows, bodies, places, strict=True):
            salt = salts[place : place + SALT_BYTES]
            contents.append((row[0], salt, body))
            entries.append(object_entry(commitment(salt, collection, body), row[0]))
        decider.settle()
        tx.insert("objects", OBJECT_COLUMNS, rows)
        tx.insert("contents", ("seq", "salt", "body"), contents)
        decider.report()
        note = self._log.extend(tx, at.log_size, entries)
        head = rows[-1][0]
        tx.execute(
            "UPDATE heads SET seq = ?, date_added = ?, log_size = ?, checkpoint = ?",
            (head, rows[-1][1], at.log_size + len(entries), note),
        )
        self._database.announce(tx, head)
        self.committed += len(rows)
        return int(head)

    def _charge(self, tx: Transaction, group: Sequence[Submission]) -> list[Submission]:
        """Count what the members use; those that are within their quotas."""
        now = self._clock()
        day = now // _DAY
        used: dict[int, tuple[int, int]] = {}
        taken = []
        for submission in group:
            submission.error = None
            if submission.number not in used:
                line = tx.one(_USED, (submission.number, day))
                used[submission.number] = (line[0], line[1]) if line else (0, 0)
            objects, size = used[submission.number]
            objects, size = objects + submission.total, size + submission.size
            if _exceeds(submission, objects, size):
                submission.error = _used_up(submission, now)
                continue
            used[submission.number] = (objects, size)
            taken.append(submission)
        for member in {submission.number for submission in taken}:
            tx.execute(
                "INSERT INTO usage (member, day, objects, bytes) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (member, day) DO UPDATE SET objects = excluded.objects, bytes = excluded.bytes",
                (member, day, *used[member]),
            )
        return taken


def _exceeds(submission: Submission, objects: int, size: int) -> bool:
    limits = submission.member.limits
    return objects > limits.objects_per_day or size > limits.bytes_per_day


def _used_up(submission: Submission, now: int) -> Refused:
    limits = submission.member.limits
    return too_many(
        f"You may post {limits.objects_per_day} objects and {limits.bytes_per_day} bytes a day (UTC).",
        retry_after=(_DAY - now % _DAY) / times.MICROSECONDS,
    )
