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
_PIECE = 1 << 14
_COMPRESSIONS = (".gz", ".gzip", ".zst", ".zstd")
_GZIP_MAGIC, _ZSTD_MAGIC, _PARQUET_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
# Logs without an extension of ours, and rotated files, compressed or not.
_LOG_NAME = re.compile(r"\.log(?:[.\-_]|\Z)|\.(?:jsonl|ndjson|json|csv|tsv)[.\-_][\w.\-]+\Z", re.IGNORECASE)
KNOWN = ".parquet, .jsonl, .ndjson, .json, .csv, .tsv (text also .gz or .zst), .pb, .binpb or .otlp"


@dataclass(frozen=True)
class SourceFile:
    """One file: where it is, the name to show (relative to what was asked for), and what it holds.

    `groups`: the row groups of a Parquet file to read, one after the other; None: all of it.
    """

    path: Path
    name: str
    format: Format
    groups: range | None = None

    @property
    def begins(self) -> bool:
        """Whether the file's beginning is to be read: of its parts, one."""
        return self.groups is None or self.groups.start == 0


@dataclass(frozen=True)
class Found:
    """The files of a path, sorted by name, and the names of those that hold no table that could be told."""

    files: list[SourceFile]
    left_out: list[str]


def find_files(path: str | Path) -> Found:
    """The files of a path, a folder (with its folders) or a glob.

    A file is known by its extension. Others are looked into when a path or a glob names them, when their name is that of
    a log (`access.log`, `usage.jsonl.1`), or when no file of the folder is known by name; what is not looked into or
    not understood is left out, and told. Hidden files and those that begin with "_" are markers of other programs. Raises
    InputError when there is none.
    """
    shown = str(path)
    given = Path(path)
    named: set[Path] = set()
    if given.is_dir():
        root, found = given, _inside(given)
    elif given.exists():
        root, found = given.parent, [given]
        named = {given}
    elif any(mark in shown for mark in "*?["):
        matched = sorted(map(Path, glob.glob(shown, recursive=True)))  # noqa: PTH207 - any root
        named = {p for p in matched if p.is_file()}
        inside = {p for folder in matched if folder.is_dir() for p in _inside(folder)}
        root, found = _glob_root(shown), sorted(named | inside)
        if not found:
            raise InputError("no file fits this pattern", where=shown, mend="check the pattern")
    else:
        raise InputError("no such file or folder", where=shown, mend="check the path")
    by_name = {p: kind for p in found if (kind := _by_extension(p)) is not None}
    kinds = {
        p: by_name[p] if p in by_name else _by_content(p)
        for p in found
        if p in by_name or p in named or not by_name or _LOG_NAME.search(p.name)
    }
    files = [SourceFile(p, _name(p, root), kind) for p, kind in kinds.items() if kind is not None]
    if not files:
        what = "this folder holds no table" if given.is_dir() else "the format of this file is not known"
        raise InputError(what, where=shown, mend=f"give files that end in {KNOWN}")
    return Found(
        sorted(files, key=lambda file: (file.name, str(file.path))),
        sorted(_name(p, root) for p in found if kinds.get(p) is None),
    )


def _inside(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and not _hidden(p.relative_to(folder))]


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
        head = next(open_chunks(path, size=_SNIFFED, on_cut=lambda detail: None), b"")
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
    path: Path,
    *,
    size: int = CHUNK,
    on_cut: Callable[[str], None] | None = None,
    on_read: Callable[[int], None] | None = None,
) -> Iterator[bytes]:
    """The bytes of a file in chunks, decompressed (gzip, zstd: told by content) and, from UTF-16, as UTF-8.

    A compressed file that breaks off gives what came before; then `on_cut` is called with the detail, or the
    error raised when there is none. `on_read` is told how far the file is read, in bytes as they lie on disk.
    """
    chunks = _raw_chunks(path, size, on_cut, on_read)
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


def _raw_chunks(
    path: Path, size: int, on_cut: Callable[[str], None] | None, on_read: Callable[[int], None] | None
) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            told = on_read or (lambda position: None)
            magic = file.read(4)
            file.seek(0)
            if magic.startswith(_GZIP_MAGIC):
                with gzip.open(file) as inflated:
                    while chunk := inflated.read1(size):
                        told(file.tell())
                        yield chunk
            elif magic == _ZSTD_MAGIC:
                with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as inflated:
                    # In small pieces: what a piece has of a stream that breaks off inside it is lost.
                    while chunk := inflated.read(min(size, _PIECE)):
                        told(file.tell())
                        yield chunk
            else:
                while chunk := file.read(size):
                    told(file.tell())
                    yield chunk
    except STREAM_ERRORS as error:
        if on_cut is None:
            raise
        on_cut(str(error) or type(error).__name__)
