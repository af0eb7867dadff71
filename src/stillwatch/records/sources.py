"""Files of a table: found from a path, a folder or a glob, their format recognised, read as streams."""

import codecs
import glob
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pyarrow as pa

from stillwatch.records.errors import InputError

CHUNK = 1024 * 1024
_SNIFFED = 4096

STREAM_ERRORS = (OSError, EOFError, zlib.error, pa.ArrowException, ValueError)


class Format(Enum):
    """What a file holds."""

    PARQUET = "Parquet"
    JSON = "JSON"
    CSV = "CSV"
    OTLP = "OTLP protobuf"


_EXTENSIONS = {
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".jsonl": Format.JSON,
    ".ndjson": Format.JSON,
    ".json": Format.JSON,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".pb": Format.OTLP,
    ".binpb": Format.OTLP,
    ".otlp": Format.OTLP,
    ".proto": Format.OTLP,
}
_COMPRESSIONS = (".gz", ".gzip", ".zst", ".zstd")
_GZIP_MAGIC, _ZSTD_MAGIC, _PARQUET_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
KNOWN = ".parquet, .jsonl, .ndjson, .json, .csv, .tsv (text also .gz or .zst), .pb, .binpb or .otlp"


@dataclass(frozen=True)
class SourceFile:
    """One file: where it is, the name to show (relative to what was asked for), and what it holds."""

    path: Path
    name: str
    format: Format


def find_files(path: str | Path) -> list[SourceFile]:
    """The files of a path, a folder (with its folders) or a glob, sorted by name.

    In a folder only files with a known extension count; without one such, those whose content is known.
    Hidden files and those that begin with "_" are markers of other programs. Raises InputError when there is
    none.
    """
    shown = str(path)
    given = Path(path)
    if given.is_dir():
        root, found = (
            given,
            [p for p in given.rglob("*") if p.is_file() and not _hidden(p.relative_to(given))],
        )
    elif given.exists():
        root, found = given.parent, [given]
    elif any(mark in shown for mark in "*?["):
        root, found = (
            _glob_root(shown),
            [p for p in map(Path, glob.glob(shown, recursive=True)) if p.is_file()],  # noqa: PTH207 - any root
        )
        if not found:
            raise InputError("no file fits this pattern", where=shown, mend="check the pattern")
    else:
        raise InputError("no such file or folder", where=shown, mend="check the path")
    files = [SourceFile(p, _name(p, root), kind) for p in found if (kind := _by_extension(p)) is not None]
    if not files:
        # Nothing is known by its name: look inside.
        files = [SourceFile(p, _name(p, root), kind) for p in found if (kind := _by_content(p)) is not None]
    if not files:
        what = "this folder holds no table" if given.is_dir() else "the format of this file is not known"
        raise InputError(what, where=shown, mend=f"give files that end in {KNOWN}")
    return sorted(files, key=lambda file: (file.name, str(file.path)))


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _glob_root(pattern: str) -> Path:
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return Path(fixed) if fixed.endswith("/") else Path(fixed).parent


def _name(path: Path, root: Path) -> str:
    try:
        name = path.relative_to(root).as_posix()
    except ValueError:
        name = path.name
    # Names of files are bytes; those that are not UTF-8 come with lone surrogates.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _by_extension(path: Path) -> Format | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return _EXTENSIONS.get(suffixes[-1]) if suffixes else None


def _by_content(path: Path) -> Format | None:
    try:
        head = next(open_chunks(path, size=_SNIFFED), b"")
    except STREAM_ERRORS:
        return None
    if head.startswith(_PARQUET_MAGIC):
        return Format.PARQUET
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] in (b"{", b"["):
        return Format.JSON
    if head[:1] == b"\n" and b"gen_ai" in head:
        return Format.OTLP  # 0x0A: the tag of TracesData.resource_spans
    first = text.partition(b"\n")[0]
    if b"," in first and first.isascii() and all(byte >= 32 or byte in b"\t\r" for byte in first):
        return Format.CSV
    return None


def open_chunks(
    path: Path, *, size: int = CHUNK, on_cut: Callable[[str], None] | None = None
) -> Iterator[bytes]:
    """The bytes of a file in chunks, decompressed (gzip, zstd: told by content) and, from UTF-16, as UTF-8.

    A compressed file that breaks off gives what came before; then `on_cut` is called with the detail, or the
    error raised when there is none.
    """
    chunks = _raw_chunks(path, size, on_cut)
    first = next(chunks, b"")
    # Byte order marks (Unicode 17.0, section 23.8). A zero second byte of OTLP framing can't follow FF FE.
    if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        yield decoder.decode(first).encode()
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")
        return
    if first:
        yield first
    yield from chunks


def _raw_chunks(path: Path, size: int, on_cut: Callable[[str], None] | None) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic.startswith(_GZIP_MAGIC):
                with gzip.open(file) as inflated:
                    while chunk := inflated.read1(size):
                        yield chunk
            elif magic == _ZSTD_MAGIC:
                with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as inflated:
                    while chunk := inflated.read(size):
                        yield chunk
            else:
                while chunk := file.read(size):
                    yield chunk
    except STREAM_ERRORS as error:
        if on_cut is None:
            raise
        on_cut(str(error) or type(error).__name__)
