"""Which adapter reads a file, told from its beginning."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from stillwatch.records.adapters.base import Adapter, AdapterSettings, Sample
from stillwatch.records.adapters.mapping import ADAPTERS, MappingAdapter
from stillwatch.records.adapters.native import NativeAdapter
from stillwatch.records.adapters.otel import EXPORT_BEGINS, OtelAdapter
from stillwatch.records.errors import InputError
from stillwatch.records.formats.csv_rows import csv_rows
from stillwatch.records.formats.json_values import BadJson, decode, split_values
from stillwatch.records.formats.otlp_frames import has_length_prefix
from stillwatch.records.formats.parquet_batches import READ_ERRORS, open_parquet
from stillwatch.records.rejects import FILE_NO_ADAPTER, FILE_NOT_READABLE, RejectLog, why
from stillwatch.records.schema import ACCOUNTS, AGREEMENTS, RELEASES, USAGE, Table
from stillwatch.records.sketched.form import says_so
from stillwatch.records.sources import STREAM_ERRORS, Format, SourceFile, open_chunks

# How much of a file is looked at to tell which system wrote it.
_SAMPLED_VALUES = 200
_SAMPLED_BYTES = 64 * 1024


def chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """A stream with the piece put back that was taken to look at it."""
    if first:
        yield first
    yield from rest


class Recogniser:
    """Tells which adapter reads a file, and why a file can't be read."""

    def __init__(
        self,
        table: Table,
        candidates: Sequence[Adapter],
        settings: AdapterSettings,
        rejects: RejectLog,
        forced: Adapter | None = None,
    ) -> None:
        self.table = table
        self.settings = settings
        self._candidates = candidates
        self._forced = forced
        self._rejects = rejects
        self._fallback: Adapter | None = None

    def adapter_for(self, file: SourceFile) -> Adapter | None:
        """The adapter that reads a file; None, with a note in the reject log, when none can."""
        sample = self._sample(file)
        if sample is None:
            return None
        adapter = self._choose(file, sample)
        if adapter is None:
            self._rejects.file(
                self.table.name, file.name, FILE_NO_ADAPTER, ", ".join(sorted(sample.columns)[:20])
            )
        return adapter

    def prepare(self, files: Sequence[SourceFile], where: str) -> None:
        """Find one file that can be read. Raises InputError when there is none."""
        samples = []
        readable = False
        for file in files:
            sample = self._sample(file)
            if sample is None:
                continue
            samples.append((file, sample))
            adapter = self._choose(file, sample)
            if adapter is not None and self.table is ACCOUNTS and self._looks_like(sample) is USAGE:
                # Accounts need but one column, which usage logs have: they would describe nobody.
                raise self._does_not_fit(sample, _place(where, file.name))
            if adapter is not None and sample.sketched:
                readable = True  # whatever adapter the others need
                continue
            if adapter is not None:
                self._check_forced(sample, where)
                self._fallback = adapter
                return
        if readable:
            return
        if not samples:
            raise nothing_readable(self._rejects, self.table, where)
        file, sample = samples[0]
        raise self._does_not_fit(sample, _place(where, file.name))

    def _does_not_fit(self, sample: Sample, where: str) -> InputError:
        native = NativeAdapter(table=self.table)
        lacking = native.missing(sample)
        columns = f"column {lacking[0]} is" if len(lacking) == 1 else f"columns {', '.join(lacking)} are"
        what = f"no {self.table.name} table: the {columns} missing"
        if not sample.columns:
            what = f"no {self.table.name} table: " + (
                "no record could be read at its beginning" if sample.head else "the file is empty"
            )
        meant = self._looks_like(sample)
        if meant is not None:
            what = what if lacking else f"no {self.table.name} table"
            return InputError(what, where=where, mend=f"it looks like the {meant.name} table: --{meant.name}")
        if not sample.columns and not sample.head:
            return InputError(what, where=where, mend="give files that hold records")
        if self.table is not USAGE:
            return InputError(what, where=where, mend="name the columns as in docs/reference/tables.md")
        if self._forced is not None and not isinstance(self._forced, NativeAdapter):
            what = f"the adapter {self._forced.name!r} can't read this format"
        return InputError(
            what,
            where=where,
            mend="give a mapping file that says which field is which (--mapping)"
            f", or logs of {', '.join(name for name in ADAPTERS if name != 'native')}",
        )

    def _looks_like(self, sample: Sample) -> Table | None:
        """Another table of ours that has more of these columns."""

        def common(table: Table) -> int:
            return sum(column.name in sample.columns for column in table.columns)

        others = [
            t for t in (USAGE, ACCOUNTS, RELEASES, AGREEMENTS) if not NativeAdapter(table=t).missing(sample)
        ]
        best = max(others, key=common, default=self.table)
        return best if sample.columns and common(best) > common(self.table) else None

    def _check_forced(self, sample: Sample, where: str) -> None:
        if isinstance(self._forced, MappingAdapter) and (absent := self._forced.absent(sample)):
            there = ", ".join(sorted(sample.columns)[:20])
            raise InputError(
                f"the mapping names fields that are not there: {', '.join(absent)}",
                where=where,
                mend=f"fields of this file are {there}",
            )

    def _choose(self, file: SourceFile, sample: Sample) -> Adapter | None:
        if sample.sketched and self.table is USAGE:
            own = NativeAdapter(self.settings)
            return None if own.missing(sample) else own
        if self._forced is not None:
            if file.format is Format.OTLP and not _reads_frames(self._forced):
                return None
            if isinstance(self._forced, NativeAdapter) and self._forced.missing(sample) and sample.columns:
                return self._fallback if not sample.tabular else None
            return self._forced
        if file.format is Format.OTLP:
            if not sample.head:
                return None
            return next((a for a in self._candidates if isinstance(a, OtelAdapter)), None)
        best = max(self._candidates, key=lambda adapter: adapter.recognises(sample))
        if best.recognises(sample):
            return best
        # A file of records that begins with damage: as its neighbours, row by row.
        return self._fallback if not sample.tabular else None

    def _sample(self, file: SourceFile) -> Sample | None:
        try:
            return _take_sample(file)
        except (*READ_ERRORS, *STREAM_ERRORS) as error:
            self._rejects.file(
                self.table.name, file.name, FILE_NOT_READABLE, str(error) or type(error).__name__
            )
            return None


def _reads_frames(adapter: Adapter) -> bool:
    base = adapter.base if isinstance(adapter, MappingAdapter) else adapter
    return isinstance(base, OtelAdapter)


def _take_sample(file: SourceFile) -> Sample:
    """The beginning of a file. Raises what reading raises."""
    if file.format is Format.PARQUET:
        with open_parquet(file.path) as parquet:
            columns = frozenset(parquet.schema_arrow.names)
            return Sample(columns, tabular=True, sketched=says_so(parquet.metadata.metadata))
    # A file that breaks off has a beginning all the same; the reading itself tells where it ends.
    chunks = open_chunks(file.path, size=_SAMPLED_BYTES, on_cut=lambda detail: None)
    first = next(chunks, b"")
    if file.format is Format.OTLP:
        return Sample(head=first)
    chunks = chain(first, chunks)
    if file.format is Format.CSV:
        header = next(csv_rows(chunks), None)
        return Sample(columns=frozenset(header.values if header is not None else ()), tabular=True)
    head = first[:_SAMPLED_BYTES]
    if EXPORT_BEGINS.match(head):
        return Sample(head=head)  # may be larger than a sample should be
    if has_length_prefix(head):
        return Sample(head=b'{"resourceSpans":')
    records: list[Mapping[str, object]] = []
    try:
        for value in islice(split_values(chunks), _SAMPLED_VALUES):
            if value.problem is None:
                records += _records(value.data)
    except STREAM_ERRORS:
        # The reading itself will tell of a file that is cut short.
        if not records:
            raise
    return Sample(frozenset(k for r in records for k in r), tuple(records), head)


def _records(data: bytes) -> list[Mapping[str, object]]:
    try:
        value = decode(data)
    except BadJson:
        return []
    items = value[:_SAMPLED_VALUES] if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, Mapping)]


def _place(where: str, name: str) -> str:
    """A file of what was given, by that and its own name."""
    return where if Path(where).name == name else str(Path(where) / name) if Path(where).is_dir() else name


def nothing_readable(rejects: RejectLog, table: Table, where: str = "") -> InputError:
    """The error for input of which no file could be read."""
    refused = [entry for entry in rejects.files if entry.table == table.name]
    if not refused:
        return InputError(
            f"the {table.name} table is empty", where=where, mend="give files that hold records"
        )
    return InputError(
        why(refused[0].reason, refused[0].detail),
        where=_place(where, refused[0].source)
        + (f" and {len(refused) - 1} more" if len(refused) > 1 else ""),
        mend="give files that are whole",
    )
