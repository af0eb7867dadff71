"""The one file that says what belongs to a state: everything else in the folder counts only if it is named here."""

import hashlib
import secrets
from pathlib import Path

import msgspec

from stillwatch.records.errors import InputError

FORMAT = 1
"""Raised when a state of before can no longer be read."""
NAME = "manifest.json"
SCANS = ""
"""Under this name the counts of all scans are added up; a watched file has its own, by its name."""


class File(msgspec.Struct, frozen=True):
    """A file of the state, by its path in the folder."""

    name: str
    size: int
    sha256: str


class Segment(msgspec.Struct, frozen=True):
    """Exchange rows that came together, and their texts. `days`: rows by day since 1970."""

    exchanges: list[File]
    texts: list[File]
    days: dict[int, int]
    first_us: int
    last_us: int

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return sum(self.days.values())


class Tally(msgspec.Struct):
    """What became of the rows of usage logs that were read: the counts of run.json.

    `days`: rows that could be used by day since 1970, repeated ones among them; `dropped`: column, reason, number;
    `not_whole`: source, reason, detail; `sketched`: files, rows, and rows with no text beside the sketches.
    """

    read: int = 0
    out: int = 0
    days: dict[int, int] = {}
    outside: int = 0
    skipped: dict[str, int] = {}
    rejected: dict[str, int] = {}
    adapters: dict[str, int] = {}
    left_out: list[str] = []
    not_whole: list[tuple[str, str, str]] = []
    dropped: list[tuple[str, str, int]] = []
    present: list[str] = []
    sketched: tuple[int, int, int] = (0, 0, 0)
    sketched_columns: list[str] = []


class GivenTable(msgspec.Struct):
    """A small table as it stands, and what became of the rows of the one that was given last."""

    file: File
    rejected: dict[str, int]
    dropped: list[tuple[str, str, int]]
    not_whole: list[tuple[str, str, str]]


class Seen(msgspec.Struct, frozen=True):
    """A watched file as it was when it was read."""

    size: int
    changed_ns: int
    inode: int


class Manifest(msgspec.Struct):
    """Everything that a state consists of; docs/reference/state.md explains the parts."""

    key: str
    intake: str
    salt: str
    format: int = FORMAT
    state_id: str = msgspec.field(default_factory=lambda: secrets.token_hex(8))
    generation: int = 0
    next_row: int = 0
    retain: int | None = None
    cut: int | None = None
    """Rows of days before this one (days since 1970) have left."""
    segments: list[Segment] = []
    tallies: dict[str, Tally] = {}
    tables: dict[str, GivenTable] = {}
    groups: File | None = None
    history: File | None = None
    looks: File | None = None
    watched: dict[str, Seen] = {}

    @property
    def files(self) -> list[File]:
        """All files that belong to it."""
        listed = [file for segment in self.segments for file in (*segment.exchanges, *segment.texts)]
        listed += [table.file for table in self.tables.values()]
        return listed + [file for file in (self.groups, self.history, self.looks) if file is not None]


class _Sealed(msgspec.Struct):
    sha256: str
    manifest: msgspec.Raw


class _Versioned(msgspec.Struct):
    format: int


def seal(manifest: Manifest) -> bytes:
    """The manifest as bytes, with their checksum."""
    body = msgspec.json.encode(manifest)
    return msgspec.json.encode(_Sealed(hashlib.sha256(body).hexdigest(), msgspec.Raw(body))) + b"\n"


def unseal(raw: bytes, where: Path) -> Manifest:
    """Read what `seal` wrote. Raises InputError for bytes that are damaged, and for another format."""
    try:
        sealed = msgspec.json.decode(raw, type=_Sealed)
        body = bytes(sealed.manifest)
        if hashlib.sha256(body).hexdigest() != sealed.sha256:
            raise msgspec.DecodeError("checksum")
        version = msgspec.json.decode(body, type=_Versioned).format
        if version != FORMAT:
            raise InputError(
                f"this state has format {version}, and this program reads format {FORMAT}",
                where=str(where.parent),
                mend="scan all logs once more into a new folder (--state)",
            )
        return msgspec.json.decode(body, type=Manifest)
    except msgspec.MsgspecError:
        raise InputError(
            "the manifest of this state is damaged",
            where=str(where),
            mend="restore the folder from a copy, or scan all logs once more into a new folder (--state)",
        ) from None
