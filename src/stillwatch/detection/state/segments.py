"""Segments: the exchange rows of a state with their texts, each row once, in files that never change.

A row leaves in three ways: it repeats one that is held already in every column (only such: rows that share an event id and
differ stay, and the ledger decides between them as in a scan of everything at once); its day is out of retention; or its
segment is written anew together with its neighbour, which keeps their number small.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.detection.intake import HOUR_US, Intake, write_exchanges
from stillwatch.detection.state.manifest import Segment
from stillwatch.detection.state.store import Store
from stillwatch.detection.texts import SCHEMA as TEXTS
from stillwatch.detection.texts import write_texts
from stillwatch.engines import Engine

MERGED_ROWS = 1 << 18
"""Segments are put together up to so many rows: a folder that is read every minute keeps few, and no day is copied often."""


def days_of(files: Sequence[Path]) -> dict[int, int]:
    """Rows of parts of exchanges by day since 1970."""
    found: Counter[int] = Counter()
    for file in files:
        days, counts = np.unique(
            pq.read_table(file, columns=["hour"])["hour"].to_numpy() // 24, return_counts=True
        )
        found.update(dict(zip(days.tolist(), counts.tolist(), strict=True)))
    return dict(sorted(found.items()))


def repeated_rows(engine: Engine, held: Sequence[Path], new: Sequence[Path]) -> np.ndarray:
    """Numbers of rows in `new` that repeat a row of lower number in every column that anything reads.

    Arrays are told apart by what stands beside them, the hash of the whole text.
    """
    rows = engine.parquet(new)
    columns = [n for n, kind in rows.schema().items() if n != "row" and not kind.is_array()]
    twice = rows.group_by("luck").agg(times=ibis._.count()).filter(ibis._.times > 1).select("luck")
    suspects = twice
    if held:
        before = engine.parquet(held)
        suspects = twice.union(rows.semi_join(before.select("luck"), "luck").select("luck"))
    kept = engine.keep("suspects", suspects.distinct())
    among = rows.semi_join(kept, "luck").select("row", *columns)
    if held:
        among = among.union(before.semi_join(kept, "luck").select("row", *columns))
    ranked = among.mutate(place=ibis.row_number().over(group_by=columns, order_by="row"))
    found = engine.fetch(ranked.filter(ranked.place > 0).select("row"))
    engine.drop("suspects")
    return np.sort(found["row"].to_numpy())


def taken(store: Store, engine: Engine, intake: Intake, held: Sequence[Segment]) -> Segment | None:
    """What intake left in the folder of this run as a segment, without rows that repeat; None when none is new."""
    if not intake.exchange_files:
        return None
    earlier = [path for segment in held for path in store.paths(segment.exchanges)]
    again = repeated_rows(engine, earlier, intake.exchange_files)
    if len(again):
        repeats = pa.array(again)
        for file in (*intake.exchange_files, *intake.text_files):
            _filtered(file, file, lambda part: pc.invert(pc.is_in(part["row"], value_set=repeats)))
    return _segment(store, intake.exchange_files, intake.text_files)


def retained(store: Store, segments: Sequence[Segment], cut: int) -> list[Segment]:
    """Segments without rows of days before `cut`; those that have such are written anew, texts and all."""
    found: list[Segment] = []
    for number, segment in enumerate(segments):
        if min(segment.days) >= cut:
            found.append(segment)
        elif max(segment.days) >= cut:
            found += _rewritten(store, [segment], f"kept-{number:04d}", cut)
    return found


def merged(store: Store, segments: Sequence[Segment]) -> list[Segment]:
    """The last segments put together while the later one is at least half of the one before, up to a size.

    So each row is copied at most as often as its segment can double, and the number of small segments stays logarithmic.
    """
    kept = list(segments)
    together: list[Segment] = []
    rows = 0
    while kept:
        size = kept[-1].rows
        if together and (2 * rows < size or rows + size > MERGED_ROWS):
            break
        together.insert(0, kept.pop())
        rows += size
    if len(together) < 2:
        return [*kept, *together]
    return [*kept, *_rewritten(store, together, "merged", None)]


def _rewritten(store: Store, segments: Sequence[Segment], name: str, cut: int | None) -> list[Segment]:
    """These segments as one, without days before `cut`; none when nothing is left."""
    folder = store.fresh / name
    sources = {
        kind: [path for s in segments for path in store.paths(getattr(s, kind))]
        for kind in ("exchanges", "texts")
    }
    if cut is None:
        exchanges = _copied(sources["exchanges"], folder / "exchanges", None)
        texts = _copied(sources["texts"], folder / "texts", None)
    else:
        exchanges = _copied(
            sources["exchanges"], folder / "exchanges", lambda part: pc.greater_equal(part["hour"], 24 * cut)
        )
        rows = [pq.read_table(path, columns=["row"])["row"] for path in exchanges]
        left = pa.chunked_array([chunk for column in rows for chunk in column.chunks], pa.int64())
        texts = _copied(
            sources["texts"], folder / "texts", lambda part: pc.is_in(part["row"], value_set=left)
        )
    whole = _segment(store, exchanges, texts)
    return [] if whole is None else [whole]


def _copied(sources: Sequence[Path], folder: Path, keep: Callable[[pa.Table], pa.Array] | None) -> list[Path]:
    """Parts put together to few larger ones in `folder`, filtered."""
    folder.mkdir(parents=True)
    written: list[Path] = []
    pending: list[pa.Table] = []

    def flush() -> None:
        path = folder / f"part-{len(written):06d}.parquet"
        _write(pa.concat_tables(pending), path)
        written.append(path)
        pending.clear()

    for source in sources:
        part = pq.read_table(source)
        part = part if keep is None else part.filter(keep(part))
        if part.num_rows:
            pending.append(part)
        if sum(p.num_rows for p in pending) >= MERGED_ROWS // 2:
            flush()
    if pending:
        flush()
    return written


def _filtered(source: Path, target: Path, keep: Callable[[pa.Table], pa.Array]) -> None:
    part = pq.read_table(source)
    _write(part.filter(keep(part)), target)


def _write(table: pa.Table, path: Path) -> None:
    (write_texts if table.schema.names == TEXTS.names else write_exchanges)(table, path)


def _segment(store: Store, exchanges: Sequence[Path], texts: Sequence[Path]) -> Segment | None:
    days = days_of(exchanges)
    if not days:
        return None
    times = [pc.min_max(pq.read_table(file, columns=["time"])["time"].cast(pa.int64())) for file in exchanges]
    return Segment(
        exchanges=[store.filed(path) for path in exchanges],
        texts=[store.filed(path) for path in texts],
        days=days,
        first_us=min(t["min"].as_py() for t in times if t["min"].is_valid),
        last_us=max(t["max"].as_py() for t in times if t["max"].is_valid),
    )


def first_changed_hour(segment: Segment | None) -> int | None:
    """The hour of the earliest row of a segment; None where there is none."""
    return None if segment is None else segment.first_us // HOUR_US
