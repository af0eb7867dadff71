"""The form of a usage table with sketches in place of texts, and what a file says of its own.

The columns are those of usage without `system_text`, `input_text` and `output_text`, and behind them those of
SKETCH_SCHEMA under the same names. Parquet only: the file's key-value metadata says by which form and which rules the
sketches were made, and under which key. Without that, numbers under these names mean nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.records.errors import InputError
from stillwatch.records.formats.parquet_batches import READ_ERRORS, open_parquet
from stillwatch.records.schema import USAGE
from stillwatch.records.sketches import MARKS_VERSION, SKETCH_SCHEMA, Key
from stillwatch.records.sketches.unicode_table import unicode_table
from stillwatch.records.sources import Format, SourceFile

VERSION = 1
"""Changes when the columns change, or what the same text gives under the same key (other than by marks and Unicode)."""

TEXT_COLUMNS = ("system_text", "input_text", "output_text")
"""Columns of usage that sketches stand in place of. Of an answer there is no sketch: no test reads it."""

SKETCHED_SCHEMA = pa.schema([*(f for f in USAGE.schema if f.name not in TEXT_COLUMNS), *SKETCH_SCHEMA])
"""Columns of the form, in order."""

FORM = b"stillwatch.sketches"
MARKS = b"stillwatch.sketches.marks"
UNICODE = b"stillwatch.sketches.unicode"
KEY = b"stillwatch.sketches.key"
"""Names in the file's metadata: version of the form, of the marks and of Unicode's tables, and the key's id."""

AGAIN = "make it again from the texts with stillwatch sketch"


def said(key: Key) -> dict[bytes, bytes]:
    """What a file with sketches under `key` says of itself."""
    return {
        FORM: str(VERSION).encode(),
        MARKS: str(MARKS_VERSION).encode(),
        UNICODE: unicode_table().version.encode(),
        KEY: key.id.encode(),
    }


def says_so(metadata: Mapping[bytes, bytes] | None) -> bool:
    """Whether a file with this metadata says that it holds sketches."""
    return metadata is not None and FORM in metadata


def holds_sketches(file: pq.ParquetFile, where: str, key: Key) -> bool:
    """Whether a file holds sketches, which then stand under `key` and are of this version.

    Raises InputError, naming the file as `where`, for sketches under another key or of another version, for a file that
    has all columns of sketches and does not say what they are, and for one that says so and has not the columns.
    """
    metadata, columns = file.metadata.metadata or {}, file.schema_arrow
    if not says_so(metadata):
        if set(SKETCH_SCHEMA.names) <= set(columns.names):
            raise InputError(
                "it has columns of sketches and does not say under which key and of which version they are",
                where=where,
                mend=f"keep the metadata of the Parquet file when you copy it, or {AGAIN}",
            )
        return False
    for name, what in ((FORM, "form"), (MARKS, "marks"), (UNICODE, "Unicode")):
        there, ours = _text(metadata.get(name)), _text(said(key)[name])
        if there != ours:
            raise InputError(
                f"its sketches are of another version ({what} {there}, and this stillwatch reads {ours})",
                where=where,
                mend=AGAIN,
            )
    if (there := _text(metadata.get(KEY))) != key.id:
        raise InputError(
            f"its sketches stand under the key {there}, and this run's key is {key.id}",
            where=where,
            mend=f"give the file of key {there} with --key",
        )
    for field in SKETCH_SCHEMA:
        _check_column(columns, field, where)
    return True


def files_with_sketches(files: Sequence[SourceFile], key: Key) -> frozenset[Path]:
    """Those of the files that hold sketches, all of which are looked at before anything is read.

    Raises InputError as `holds_sketches` does. What can't be opened is passed over: the reading tells of it.
    """
    found = set()
    for file in files:
        if file.format is not Format.PARQUET:
            continue
        try:
            with open_parquet(file.path) as parquet:
                if holds_sketches(parquet, file.name, key):
                    found.add(file.path)
        except READ_ERRORS:
            continue
    return frozenset(found)


def _text(value: bytes | None) -> str:
    return "not said" if value is None else value.decode("utf-8", "replace")


def _check_column(columns: pa.Schema, wanted: pa.Field, where: str) -> None:
    there = columns.get_all_field_indices(wanted.name)
    if len(there) != 1:
        how = "is not there" if not there else "is there more than once"
        raise InputError(f"its column {wanted.name} {how}", where=where, mend=AGAIN)
    found = columns.field(there[0]).type
    if not _fits(found, wanted.type):
        raise InputError(
            f"its column {wanted.name} has type {found} and not {wanted.type}", where=where, mend=AGAIN
        )


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Lists may be of any width of offsets, and their elements of any name; all else is as it was written."""
    if pa.types.is_list(wanted):
        is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
        return bool(is_list and found.value_type == wanted.value_type)
    return bool(found == wanted)
