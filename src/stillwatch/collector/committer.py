"""Deliveries become rows on disk: validated together, written to the journal with one fsync, then acknowledged.

Group commit: while one group is on its way to the disk the next one gathers, so the more clients send at once, the fewer
writes each row costs (DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984).
"""

import queue
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from stillwatch.collector.limits import GROUP_ROWS, MAX_KEPT_REJECTS, RETRY_LATER
from stillwatch.collector.metrics import Metrics
from stillwatch.collector.store import Store
from stillwatch.collector.writing import Written
from stillwatch.records.adapters.base import Row
from stillwatch.records.errors import plainly
from stillwatch.records.rejects import RejectLog
from stillwatch.records.schema import USAGE
from stillwatch.records.tables import columns_of
from stillwatch.records.validation import validate
from stillwatch.serving.events import Events


@dataclass
class Receipt:
    """What became of the rows of one delivery. The accepted ones are on disk."""

    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass
class Delivery:
    """The rows of one request, in order, and where its receipt goes."""

    endpoint: str
    rows: list[Row]
    done: Future[Receipt] = field(default_factory=Future)


class NotStored(Exception):  # noqa: N818 - not an error of the program
    """The disk refused: nothing of the delivery is kept, and it may be sent again."""


class Committer:
    """The thread that writes the journal, and the one that turns its segments into files."""

    def __init__(
        self,
        store: Store,
        written: Written,
        rejects: RejectLog,
        metrics: Metrics,
        events: Events,
        salt: bytes = b"",
    ) -> None:
        self._store, self._written, self._rejects = store, written, rejects
        self._metrics, self._events, self._salt = metrics, events, salt
        self._waiting: queue.Queue[Delivery | None] = queue.Queue()
        self._ended = threading.Event()
        self._to_seal = threading.Event()
        self._number = 0
        self._commits = threading.Thread(target=self._commit_all, name="commit")
        self._seals = threading.Thread(target=self._seal_all, name="seal")

    def start(self) -> None:
        """Begin to take deliveries."""
        self._commits.start()
        self._seals.start()

    def put(self, delivery: Delivery) -> Future[Receipt]:
        """Queue a delivery. The receipt comes when its rows are on disk; NotStored when they could not be written."""
        self._waiting.put(delivery)
        return delivery.done

    def stop(self) -> None:
        """Write what was queued, turn all of it into files if the disk lets us, and end. No `put` may follow."""
        self._waiting.put(None)
        self._commits.join()
        self._store.rotate()
        self._ended.set()
        self._to_seal.set()
        self._seals.join()

    def _commit_all(self) -> None:
        while True:
            left = self._store.seconds_left()
            if left == 0:
                self._store.rotate()
                self._to_seal.set()
                continue
            try:
                first = self._waiting.get(timeout=left)
            except queue.Empty:
                continue
            if first is None:
                return
            group, rows, ended = [first], len(first.rows), False
            while rows < GROUP_ROWS:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ended = True
                    break
                group.append(following)
                rows += len(following.rows)
            self._commit(group)
            if ended:
                return

    def _commit(self, group: Sequence[Delivery]) -> None:
        try:
            receipts = self._take(group)
        except OSError as error:
            self._events.sometimes("journal_refused", "disk", problem=plainly(error), retry_after=RETRY_LATER)
            for delivery in group:
                delivery.done.set_exception(NotStored(plainly(error)))
        except Exception as error:
            # A fault of ours that the rows of one delivery bring about must not cost the others theirs.
            if len(group) > 1:
                for delivery in group:
                    self._commit([delivery])
            else:
                group[0].done.set_exception(error)
        else:
            for delivery, receipt in zip(group, receipts, strict=True):
                delivery.done.set_result(receipt)

    def _take(self, group: Sequence[Delivery]) -> list[Receipt]:
        """Validate and write the rows of these deliveries; only then count and keep aside what was refused."""
        good: list[Row] = []
        places: list[tuple[int, int]] = []
        refused: list[tuple[int, int, str, Row]] = []
        receipts = [Receipt() for _ in group]
        for which, delivery in enumerate(group):
            for number, row in enumerate(delivery.rows, 1):
                if row.skipped is not None:
                    receipts[which].skipped[row.skipped] += 1
                elif row.rejected is not None:
                    refused.append((which, number, row.rejected, row))
                else:
                    good.append(row)
                    places.append((which, number))
        result = validate(USAGE, columns_of(USAGE, good), len(good), salt=self._salt)
        if result.batch.num_rows:
            self._store.append(self._written.of(result.batch))
        refused += [
            (*places[place], reason, good[place]) for reason, bad in result.rejected.items() for place in bad
        ]
        for which, _ in places:
            receipts[which].accepted += 1
        bad_places = [places[place] for bad in result.rejected.values() for place in bad]
        for which, _ in bad_places:
            receipts[which].accepted -= 1
        for which, _, reason, _ in refused:
            receipts[which].rejected[reason] += 1
        self._keep_aside(group, refused)
        self._number += len(group)
        for delivery, receipt in zip(group, receipts, strict=True):
            self._metrics.received(delivery.endpoint, receipt.accepted, receipt.rejected, receipt.skipped)
        self._metrics.dropped(result.dropped)
        return receipts

    def _keep_aside(self, group: Sequence[Delivery], refused: list[tuple[int, int, str, Row]]) -> None:
        """Keep rejected rows (delivery, number in it, reason, row), and write them now: a SIGKILL is to lose none either."""
        try:
            for which, number, reason, row in sorted(refused, key=lambda item: item[:2]):
                if self._rejects.total(USAGE.name) < MAX_KEPT_REJECTS:
                    source = f"{group[which].endpoint} #{self._number + which + 1}"
                    self._rejects.add(USAGE.name, reason, source, number, row.raw)
                else:
                    self._rejects.count(USAGE.name, reason)
            self._rejects.close()
        except OSError as error:
            # The good rows are on disk: to refuse them now would only have them sent again.
            self._events.sometimes("rejected_not_kept", "disk", problem=plainly(error))

    def _seal_all(self) -> None:
        """Turn segments into files as they end; after the end only as long as the disk lets us."""
        pause = 1.0
        while True:
            if not self._store.waiting:
                if self._ended.is_set():
                    return
                self._to_seal.wait()
                self._to_seal.clear()
                continue
            try:
                file = self._store.seal()
            except Exception as error:
                kind = plainly(error) if isinstance(error, OSError) else type(error).__name__
                self._events.sometimes("file_refused", "disk", problem=kind, rows_pending=self._store.pending)
                if self._ended.is_set():
                    self._events.say("left_in_journal", rows=self._store.pending)
                    return
                self._ended.wait(pause)
                pause = min(2 * pause, 30.0)
                continue
            pause = 1.0
            if file is not None:
                self._metrics.file_written(file.rows)
