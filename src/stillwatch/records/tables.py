"""Reading the input tables: usage as a stream of batches, the small tables whole.

with RejectLog(Path("out/rejected")) as rejects:
    reader = open_usage("logs/", rejects=rejects)
    for batch in reader:
        ...
    reader.rows_read == reader.rows_out + rejects.total("usage") + sum(reader.rows_skipped.values())
"""

import copy
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from stillwatch.records.adapters.base import Adapter, AdapterSettings, Row
from stillwatch.records.adapters.mapping import ADAPTERS, MappingAdapter, load_mapping
from stillwatch.records.adapters.otel import OtelAdapter
from stillwatch.records.errors import InputError
from stillwatch.records.formats.csv_rows import CsvRow, csv_rows
from stillwatch.records.formats.json_values import split_values
from stillwatch.records.formats.otlp_frames import has_length_prefix, otlp_frames
from stillwatch.records.formats.parquet_batches import (
    MAX_BATCH_BYTES,
    READ_ERRORS,
    LostRows,
    open_parquet,
    parquet_batches,
)
from stillwatch.records.origins import AdapterOrigin, ArrowOrigin, record_of
from stillwatch.records.recognition import Recogniser, chain, nothing_readable
from stillwatch.records.rejects import (
    FILE_CUT_SHORT,
    FILE_NOT_READABLE,
    NOT_PARSEABLE,
    UNREADABLE_PART,
    RejectLog,
)
from stillwatch.records.schema import USAGE, Table
from stillwatch.records.sketched.batches import Carried, take_carried
from stillwatch.records.sketched.form import files_with_sketches
from stillwatch.records.sketches import SKETCH_SCHEMA, Key
from stillwatch.records.sources import Format, Found, SourceFile, find_files, open_chunks
from stillwatch.records.validation import validate

BATCH_ROWS = 65536
# How exports write that there is no value. In people's own words they are words.
_DATABASE_NULLS = frozenset({"NULL", "Null", "null", "\\N"})
_NULLS = _DATABASE_NULLS | {"None", "NaN", "nan"}
_WORDING = frozenset({"input_text", "system_text", "output_text"})
# What a mean CSV field or small JSON value weighs beside its text.
_ROW_BYTES = 256


class UsageReader:
    """A table as a stream of validated batches; made by `open_usage`.

    Iterate once. While and after that: `rows_read`, `rows_out`, `rows_skipped` (by reason), `present_columns`
    (columns with at least one value), `values_dropped` (by (column, reason), of rows that came out), `files`
    (all that were found), `left_out` (names of files that hold no table), `adapters` (how many files each read) and
    `carried` (what came as sketches). Batches of files with sketches (`sketched`: their paths) have the columns of
    SKETCH_SCHEMA behind those of the table.
    """

    def __init__(
        self,
        table: Table,
        found: Found,
        recogniser: "Recogniser",
        rejects: RejectLog,
        batch_rows: int,
        sketched: frozenset[Path] = frozenset(),
    ) -> None:
        self.table = table
        self.files = found.files
        self.left_out = found.left_out
        self.rows_read = 0
        self.rows_out = 0
        self.rows_skipped: Counter[str] = Counter()
        self.present_columns: set[str] = set()
        self.values_dropped: Counter[tuple[str, str]] = Counter()
        self.adapters: Counter[str] = Counter()
        self.carried = Carried()
        self._sketched = sketched
        self._recogniser = recogniser
        self._rejects = rejects
        self._batch_rows = batch_rows
        self._started = False
        self._partial = False
        self._files_read = 0
        self._bytes_done = 0.0
        self._bytes = [_size(file.path) for file in found.files]

    @property
    def schema(self) -> pa.Schema:
        """The schema of every batch, sketches apart."""
        return self.table.schema

    @property
    def salt(self) -> bytes:
        """What keys the digests of raw credentials; other tables that are to join need the same."""
        return self._recogniser.settings.salt

    @property
    def share_read(self) -> float:
        """How much of the files is read, by their bytes as they lie on disk."""
        return min(self._bytes_done / max(sum(self._bytes), 1), 1.0)

    def part(self, files: list[SourceFile], rejects: RejectLog) -> "UsageReader":
        """A reader of some of the files, or parts of them, before any is read; it can be pickled.

        What it counts and rejects `absorb` adds to this one's; that no file at all could be read is said there, too.
        """
        # Copied with all that it was told, and with counts of its own; the log of the whole is not what it writes to.
        own = copy.deepcopy(self, {id(self._rejects): rejects, id(self.files): files})
        own._partial = True
        own._bytes = [_size(file.path) for file in files]
        return own

    def absorb(self, parts: Iterable["UsageReader"]) -> None:
        """Take over what parts of this reader counted, in their order. Raises InputError when none could read any file."""
        self._started = True
        for part in parts:
            self.rows_read += part.rows_read
            self.rows_out += part.rows_out
            self.rows_skipped.update(part.rows_skipped)
            self.present_columns |= part.present_columns
            self.values_dropped.update(part.values_dropped)
            self.adapters.update(part.adapters)
            self.carried.absorb(part.carried)
            self._files_read += part._files_read
            self._rejects.absorb(part._rejects)
        self._check_read()

    def _check_read(self) -> None:
        if self.rows_read == 0 and self._files_read == 0:
            raise nothing_readable(self._rejects, self.table)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if self._started:
            raise RuntimeError("a reader can be iterated once; open the table again")
        self._started = True
        done = 0
        for file, size in zip(self.files, self._bytes, strict=True):
            adapter = self._recogniser.adapter_for(file)
            if adapter is not None:
                self.adapters[adapter.name] += file.begins
                yield from self._read(file, adapter)
            done += size
            self._bytes_done = done
        if self._partial:
            self._rejects.close()
        else:
            self._check_read()

    def _read(self, file: SourceFile, adapter: Adapter) -> Iterator[pa.RecordBatch]:
        if file.format is Format.PARQUET:
            yield from self._read_parquet(file, adapter)
            return
        before = len(self._rejects.files)
        begin = self._bytes_done
        chunks = open_chunks(
            file.path,
            on_cut=lambda detail: self._cut(file, detail),
            on_read=lambda position: setattr(self, "_bytes_done", begin + position),
        )
        if file.format is Format.CSV:
            yield from self._read_csv(file, adapter, chunks)
        else:
            yield from self._batches_of_rows(file, _json_or_frames(file, adapter, chunks))
        if len(self._rejects.files) == before:
            self._files_read += 1

    def _cut(self, file: SourceFile, detail: str) -> None:
        self._rejects.file(self.table.name, file.name, FILE_CUT_SHORT, detail)

    def _read_parquet(self, file: SourceFile, adapter: Adapter) -> Iterator[pa.RecordBatch]:
        try:
            parquet = open_parquet(file.path)
            names = parquet.schema_arrow.names
        except READ_ERRORS as error:
            self._rejects.file(self.table.name, file.name, FILE_NOT_READABLE, str(error))
            return
        begin, size = self._bytes_done, _size(file.path)
        with parquet:
            self._files_read += 1
            wanted = adapter.source_columns(names)
            # Column names that are there twice can't be chosen by name.
            columns = wanted if wanted is not None and len(set(names)) == len(names) else None
            sketched = file.path in self._sketched
            self.carried.files += sketched and file.begins
            if sketched and columns is not None:
                columns = [*columns, *SKETCH_SCHEMA.names]
            for item in parquet_batches(parquet, columns, self._batch_rows, file.groups):
                if isinstance(item, LostRows):
                    self.rows_read += item.rows
                    self._rejects.count(self.table.name, UNREADABLE_PART, item.rows)
                    self._rejects.file(self.table.name, file.name, FILE_CUT_SHORT, item.detail)
                    continue
                number, batch = item
                self._bytes_done = begin + size * (number - 1 + batch.num_rows) / parquet.metadata.num_rows
                sketches = None
                if sketched:
                    batch, sketches = take_carried(batch, file.name)
                raw = adapter.columns(batch)
                if raw is None:
                    records = ((number + i, adapter.row(record_of(batch, i))) for i in range(batch.num_rows))
                    yield from self._batches_of_rows(file, ((n, _ROW_BYTES, row) for n, row in records))
                else:
                    self.rows_read += batch.num_rows
                    yield from self._validated(
                        file, raw, batch.num_rows, ArrowOrigin(batch, number), sketches
                    )

    def _read_csv(
        self, file: SourceFile, adapter: Adapter, chunks: Iterator[bytes]
    ) -> Iterator[pa.RecordBatch]:
        rows = csv_rows(chunks)
        header = next(rows, None)
        if header is None:
            return
        names = list(header.values)
        good: list[CsvRow] = []
        size = 0
        for row in rows:
            if row.problem is not None:
                self.rows_read += 1
                self._rejects.add(self.table.name, row.problem, file.name, row.number, row.text)
                continue
            good.append(row)
            size += _ROW_BYTES + sum(map(len, row.values))
            if len(good) >= self._batch_rows or size >= MAX_BATCH_BYTES:
                yield from self._csv_batch(file, adapter, names, good)
                good, size = [], 0
        if good:
            yield from self._csv_batch(file, adapter, names, good)

    def _csv_batch(
        self, file: SourceFile, adapter: Adapter, names: list[str], rows: list[CsvRow]
    ) -> Iterator[pa.RecordBatch]:
        # In agreements null means no limit: there only what a database writes for it is taken for that.
        nulls = _DATABASE_NULLS if self.table.strict else _NULLS
        arrays = [
            pa.array(
                column if name in _WORDING else [None if v in nulls else v for v in column],
                pa.large_string(),
            )
            for name, column in zip(names, zip(*(row.values for row in rows), strict=True), strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, names=names)
        raw = adapter.columns(batch)
        numbers = [row.number for row in rows]
        if raw is None:
            records = ((numbers[i], adapter.row(record_of(batch, i))) for i in range(batch.num_rows))
            yield from self._batches_of_rows(file, ((n, _ROW_BYTES, row) for n, row in records))
        else:
            self.rows_read += len(rows)
            yield from self._validated(file, raw, len(rows), ArrowOrigin(batch, numbers))

    def _batches_of_rows(
        self, file: SourceFile, rows: Iterator[tuple[int, int, Row]]
    ) -> Iterator[pa.RecordBatch]:
        numbers: list[int] = []
        good: list[Row] = []
        size = 0
        for number, weight, row in rows:
            self.rows_read += 1
            if row.skipped is not None:
                self.rows_skipped[row.skipped] += 1
                continue
            if row.rejected is not None:
                self._rejects.add(self.table.name, row.rejected, file.name, number, row.raw)
                continue
            numbers.append(number)
            good.append(row)
            size += weight
            if len(good) >= self._batch_rows or size >= MAX_BATCH_BYTES:
                yield from self._validated(
                    file, columns_of(self.table, good), len(good), AdapterOrigin(good, numbers)
                )
                numbers, good, size = [], [], 0
        if good:
            yield from self._validated(
                file, columns_of(self.table, good), len(good), AdapterOrigin(good, numbers)
            )

    def _validated(
        self,
        file: SourceFile,
        raw: Mapping[str, pa.Array | Sequence[object]],
        rows: int,
        origin: "ArrowOrigin | AdapterOrigin",
        sketches: pa.RecordBatch | None = None,
    ) -> Iterator[pa.RecordBatch]:
        result = validate(self.table, raw, rows, salt=self._recogniser.settings.salt)
        for reason, places in result.rejected.items():
            self._rejects.add_many(
                self.table.name,
                reason,
                file.name,
                [origin.number(place) for place in places],
                lambda i, places=places: origin.content(places[i]),  # type: ignore[misc]
            )
        self.values_dropped.update(result.dropped)
        batch = result.batch
        self.rows_out += batch.num_rows
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if array.null_count < len(array):
                self.present_columns.add(name)
        if batch.num_rows:
            yield batch if sketches is None else self.carried.beside(batch, sketches, result.rejected)


def _size(path: Path) -> int:
    """Bytes of a file; 0 where that cannot be told, which reading it will say."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def columns_of(table: Table, rows: Sequence[Row]) -> dict[str, list[object]]:
    """Raw columns (those that some row names) of rows that an adapter made, for `validate`."""
    values = [row.values for row in rows]
    named: set[object] = set()
    for value in values:
        named.update(value)
    return {c.name: [v.get(c.name) for v in values] for c in table.columns if c.name in named}


def _json_or_frames(
    file: SourceFile, adapter: Adapter, chunks: Iterator[bytes]
) -> Iterator[tuple[int, int, Row]]:
    """Number, weight in bytes and row of everything in a file of JSON or OTLP."""
    first = next(chunks, b"")
    chunks = chain(first, chunks)
    # The collector's file exporter compresses JSON with a length before each message, too.
    if file.format is Format.OTLP or has_length_prefix(first):
        if isinstance(adapter, OtelAdapter | MappingAdapter):
            for frame in otlp_frames(chunks):
                for row in adapter.frames(frame):
                    yield frame.number, _ROW_BYTES, row
        return
    yield from json_rows(adapter, chunks)


def json_rows(adapter: Adapter, chunks: Iterator[bytes]) -> Iterator[tuple[int, int, Row]]:
    """Number (place in the stream, from 1), weight in bytes and row of everything in a stream of JSON values."""
    limit = adapter.limit if isinstance(adapter, MappingAdapter) else adapter.max_value_bytes
    for value in split_values(chunks, limit):
        if value.problem not in (None, NOT_PARSEABLE):
            yield value.number, len(value.data), Row({}, value.data, rejected=value.problem)
            continue
        weight = _ROW_BYTES + len(value.data)
        for row in adapter.documents(value.data) if value.problem is None else adapter.broken(value.data):
            yield value.number, weight, row
            weight = _ROW_BYTES


def open_usage(
    path: str | Path,
    *,
    rejects: RejectLog,
    adapter: str | None = None,
    mapping: Path | None = None,
    batch_rows: int = BATCH_ROWS,
    settings: AdapterSettings | None = None,
    key: Key | None = None,
) -> UsageReader:
    """Open usage logs, to be iterated as batches in `USAGE.schema` of at most `batch_rows` rows.

    `path` is a file, a folder or a glob. Which system wrote a file is told from its first records, unless
    `adapter` names it (native, litellm, otel, envoy) or a `mapping` file says which field is which. A bad row
    goes to `rejects`, a bad optional value becomes null. With a `key`, batches of files that hold sketches in place of
    texts carry them; without, such columns are passed over as all that the table has not. Raises InputError when there
    is nothing to read, no adapter fits, or sketches stand under another key or are of another version; while iterating,
    when no file could be read at all, and for sketches that can't be any.
    """
    found = find_files(path)
    settings = settings if settings is not None else AdapterSettings()
    if adapter is not None and adapter not in ADAPTERS:
        raise InputError(
            f"no adapter {adapter!r}", where="--adapter", mend=f"allowed are {', '.join(ADAPTERS)}"
        )
    forced: Adapter | None = ADAPTERS[adapter](settings) if adapter is not None else None
    if mapping is not None:
        forced = load_mapping(mapping, settings)
        if adapter is not None and adapter != (forced.base.name if forced.base is not None else "native"):
            raise InputError(
                f"--adapter {adapter} beside a mapping file that says otherwise",
                where=str(mapping),
                mend=f"leave --adapter out, or write `adapter: {adapter}` into the file",
            )
        settings = forced.settings
    recogniser = Recogniser(USAGE, [make(settings) for make in ADAPTERS.values()], settings, rejects, forced)
    recogniser.prepare(found.files, str(path))
    sketched = frozenset[Path]() if key is None else files_with_sketches(found.files, key)
    return UsageReader(USAGE, found, recogniser, rejects, batch_rows, sketched)
