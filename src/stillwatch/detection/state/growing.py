"""A state that grows: what one run read is added to what lies there, and both together are what is judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.detection.intake import Intake
from stillwatch.detection.run_record import Inputs
from stillwatch.detection.state import identity
from stillwatch.detection.state.manifest import SCANS, GivenTable, Manifest, Seen, Tally
from stillwatch.detection.state.reading import Reading, Watched, read, salt_of
from stillwatch.detection.state.segments import first_changed_hour, merged, retained, taken
from stillwatch.detection.state.store import Store
from stillwatch.detection.state.tallies import Totals, added, recount, without_days_before
from stillwatch.engines import Engine
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import DUPLICATE_EVENT, RejectLog
from stillwatch.records.sketches import Key

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Grown:
    """Everything so far: what is judged, and the manifest that will say so once it is committed.

    `changed`: the first hour of which a row is new; None where none is. `accounts`: those whose row in the table of accounts
    is another than before, or new. `read`: the counts of this run alone.
    """

    manifest: Manifest
    intake: Intake
    counts: Totals
    tables: dict[str, pa.Table]
    changed: int | None
    accounts: tuple[str, ...]
    read: Tally

    @property
    def held(self) -> int:
        """How many rows the state holds."""
        return sum(s.rows for s in self.manifest.segments)


class Growing:
    """One run over an open state."""

    def __init__(self, store: Store, retain: int | None = None, watched: Watched | None = None) -> None:
        self.store, self.watched = store, watched
        self._retain = retain

    @property
    def rows(self) -> int:
        """How many rows the state holds."""
        return 0 if self.store.manifest is None else sum(s.rows for s in self.store.manifest.segments)

    def read(
        self,
        inputs: Inputs,
        rejects: RejectLog,
        *,
        key: Key,
        threads: int,
        progress: Callable[[int, float], None],
    ) -> Reading:
        """Sketch the logs of this run. Raises InputError for a run that does not fit the state, before any row is read."""
        self.check(key=key, salt=salt_of(inputs), since=inputs.since, until=inputs.until)
        return read(
            inputs,
            self.watched,
            self.store.fresh / "new",
            rejects,
            key=key,
            threads=threads,
            first_row=0 if self.store.manifest is None else self.store.manifest.next_row,
            may_be_empty=self.rows > 0,
            progress=progress,
        )

    def check(self, *, key: Key, salt: bytes, since: int | None, until: int | None) -> None:
        """Raise InputError for a run that does not fit the state: another key, or a window that its rows lie outside."""
        manifest = self.store.manifest
        if manifest is None:
            return
        where = str(self.store.folder)
        identity.check(manifest, key=key, salt=salt, where=where)
        for segment in manifest.segments:
            if since is not None and segment.first_us < since:
                raise InputError(
                    "this state holds exchanges from before --since",
                    where=where,
                    mend="leave --since out; --retain lets a state forget",
                )
            if until is not None and segment.last_us >= until:
                raise InputError(
                    "this state holds exchanges of --until and after",
                    where=where,
                    mend="leave --until out, or scan that part of the logs without --state",
                )

    def grown(
        self, engine: Engine, reading: Reading, given: dict[str, pa.Table], rejects: RejectLog, key: Key
    ) -> Grown:
        """Add what was read, and the small tables that were given; `rejects` gets the counts of all so far."""
        store, intake = self.store, reading.intake
        before = store.manifest or Manifest(key.id, identity.intake_id(), identity.salt_id(reading.salt, key))
        segment = taken(store, engine, intake, before.segments)
        rows = sum(s.rows for s in before.segments) + (0 if segment is None else segment.rows)
        tallies, seen = self._counted(before, reading)
        if sum(n for one in tallies.values() for n in one.days.values()) < rows:
            # A file was written anew in a way that its size and inode do not show, or cannot be read any more.
            tallies, seen = self._counted(before, reading, replaced=True)
        retain = self._retain if self._retain is not None else before.retain
        segments = [*before.segments, *([] if segment is None else [segment])]
        cut = _cut(before.cut, retain, [s.last_us for s in segments])
        changed = first_changed_hour(segment)
        if cut is not None:
            segments = retained(store, segments, cut)
            changed = None if changed is None else max(changed, 24 * cut)
            tallies = {name: without_days_before(one, cut) for name, one in tallies.items()}
        manifest = msgspec.structs.replace(
            before,
            next_row=before.next_row + intake.rows,
            retain=retain,
            cut=cut,
            segments=merged(store, segments),
            tallies=tallies,
            tables=before.tables | self._tables(before, given, rejects),
            watched=seen,
        )
        counts = list(tallies.values())
        recount(rejects, counts, manifest.tables)
        held = sum(s.rows for s in manifest.segments)
        usable = sum(n for one in counts for n in one.days.values())
        rejects.count("usage", DUPLICATE_EVENT, usable - held)
        return Grown(
            manifest,
            Intake(
                exchange_files=[p for s in manifest.segments for p in store.paths(s.exchanges)],
                text_files=[p for s in manifest.segments for p in store.paths(s.texts)],
                rows=usable,
                outside_window=sum(one.outside for one in counts),
                first_us=min((s.first_us for s in manifest.segments), default=None),
                last_us=max((s.last_us for s in manifest.segments), default=None),
            ),
            Totals.of(counts),
            {name: pq.read_table(store.path(table.file)) for name, table in manifest.tables.items()},
            changed,
            self._other_accounts(before, manifest),
            added(reading.tallies.values()),
        )

    def _other_accounts(self, before: Manifest, manifest: Manifest) -> tuple[str, ...]:
        earlier, now = (one.tables.get("accounts") for one in (before, manifest))
        if now is None or now == earlier:
            return ()
        return other_accounts(
            None if earlier is None else pq.read_table(self.store.path(earlier.file)),
            pq.read_table(self.store.path(now.file)),
        )

    def _counted(
        self, before: Manifest, reading: Reading, *, replaced: bool = False
    ) -> tuple[dict[str, Tally], dict[str, Seen]]:
        """Counts by source, and watched files as they were, with those of this run.

        Of a file that only grew the new counts stand for the old ones. Of one that bears the name of another, or was cut
        short, rows are held that it does not bring again: their counts stay. `replaced`: so with every file that was read.
        """
        tallies, seen = dict(before.tallies), dict(before.watched)
        own = dict(reading.tallies)
        keep = [tallies.get(SCANS, Tally()), own.pop(SCANS, Tally())]
        if self.watched is not None:
            for new, old in self.watched.renamed.items():
                tallies[new] = tallies.pop(old, Tally())
                seen.pop(old, None)
            for name in self.watched.gone:
                keep.append(tallies.pop(name, Tally()))
                seen.pop(name, None)
            keep += [
                tallies.pop(name, Tally())
                for name in self.watched.files
                if replaced or _is_another(seen.get(name), self.watched.seen.get(name))
            ]
            seen |= self.watched.seen
            for name in reading.unread:
                seen.pop(name, None)
        return tallies | own | {SCANS: added(keep)}, seen

    def _tables(
        self, before: Manifest, given: dict[str, pa.Table], rejects: RejectLog
    ) -> dict[str, GivenTable]:
        found = {}
        for name, table in given.items():
            whole = table
            if name == "accounts" and name in before.tables:
                whole = accounts_so_far(pq.read_table(self.store.path(before.tables[name].file)), table)
            path = self.store.fresh / f"{name}.parquet"
            pq.write_table(whole, path, compression="zstd")
            found[name] = GivenTable(
                self.store.filed(path),
                rejects.by_reason(name),
                [(column, why, n) for (of, column, why), n in sorted(rejects.dropped.items()) if of == name],
                [(f.source, f.reason, f.detail) for f in rejects.files if f.table == name],
            )
        return found


def _is_another(before: Seen | None, now: Seen | None) -> bool:
    """Is this another file under the name of one that was read, or was that cut short?"""
    return before is not None and now is not None and (now.inode != before.inode or now.size < before.size)


def other_accounts(earlier: pa.Table | None, now: pa.Table) -> tuple[str, ...]:
    """Ids of accounts whose row is new or another."""
    if earlier is None:
        return tuple(now["account_id"].to_pylist())
    names = now.schema.names
    at = pc.index_in(now["account_id"], value_set=earlier["account_id"].combine_chunks())
    old = earlier.take(at.combine_chunks() if isinstance(at, pa.ChunkedArray) else at)
    same = pc.is_valid(at)
    for name in names:
        ours, theirs = now[name], old[name]
        equal = pc.fill_null(pc.equal(ours, theirs), False)
        both = pc.and_(pc.is_null(ours), pc.is_null(theirs))
        same = pc.and_(same, pc.or_(equal, both))
    return tuple(now.filter(pc.invert(same))["account_id"].to_pylist())


def accounts_so_far(earlier: pa.Table, given: pa.Table) -> pa.Table:
    """Accounts by id: rows that are given later stand for the accounts that they name, others stay as they were."""
    others = earlier.filter(pc.invert(pc.is_in(earlier["account_id"], value_set=given["account_id"])))
    whole = pa.concat_tables([others, given.cast(earlier.schema)])
    return whole.sort_by([("account_id", "ascending")]).combine_chunks()


def _cut(before: int | None, retain: int | None, last_us: Sequence[int]) -> int | None:
    """The first day that is kept: the last `retain` days, the newest exchange's among them; never earlier than before.

    A time ahead of the clock by more than a day, which some sender has wrong, does not make everything else old.
    """
    if retain is None or not last_us:
        return before
    tomorrow = int(datetime.now(UTC).timestamp() * 1e6) + DAY_US
    newest = min(max(last_us), tomorrow) // DAY_US
    return max(newest + 1 - retain, before or 0)
