"""What is new in a folder that is followed."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote_from_bytes

from stillwatch.detection.state.manifest import Seen
from stillwatch.detection.state.reading import Watched
from stillwatch.records.errors import InputError
from stillwatch.records.sources import find_files

TABLES = "table:"
"""Before the name of a small table among the files that were seen: `key_of` gives no file such a key."""
ESCAPED = "bytes:"
"""Before the percent-escaped bytes of a name that cannot be its own key."""


@dataclass(frozen=True)
class News:
    """What a look at the folder found: files to read, and whether anything at all is other than it was."""

    watched: Watched
    tables: dict[str, Seen] = field(default_factory=dict)

    def any(self, unread: Mapping[str, Seen] = MappingProxyType({})) -> bool:
        """Is there anything to take up? A file that is gone changes no result.

        Nor does one that could not be read (`unread`) and is as it was: it is tried again along with others.
        """
        return bool(self.waiting(unread) or self.tables)

    def waiting(self, unread: Mapping[str, Seen]) -> list[str]:
        """Files to read, but those that could not be read and are as they were."""
        return [name for name in self.watched.files if unread.get(name) != self.watched.seen[name]]


def key_of(name: str) -> str:
    """What a file is called in a state: its name, or, of one that is not UTF-8, its bytes escaped; no two have the same."""
    try:
        name.encode()
        if not name.startswith((TABLES, ESCAPED)):
            return name
    except UnicodeEncodeError:
        pass
    return ESCAPED + quote_from_bytes(os.fsencode(name))


def _seen(path: Path) -> Seen | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return Seen(status.st_size, status.st_mtime_ns, status.st_ino)


def _table(path: str) -> Seen | None:
    """A small table as it is: its file, or all files of its folder or glob as if they were one; None while there is none."""
    try:
        files = [file.path for file in find_files(path).files]
    except InputError:
        return None
    found = {str(file): seen for file in files if (seen := _seen(file)) is not None}
    if len(found) < 2:
        return next(iter(found.values()), None)
    whole = repr([(name, seen.size, seen.changed_ns, seen.inode) for name, seen in sorted(found.items())])
    digest = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).digest()
    size, newest = sum(s.size for s in found.values()), max(s.changed_ns for s in found.values())
    return Seen(size, newest, int.from_bytes(digest[:7], "big"))


def _present(folder: Path) -> tuple[dict[str, Seen], dict[str, Path]]:
    """Files that are there, by key, and where those lie whose key is not their name."""
    try:
        files = find_files(folder).files
    except InputError:
        if folder.is_dir():
            return {}, {}  # nothing has been written there yet
        raise
    found, paths = {}, {}
    for file in files:
        seen = _seen(file.path)
        if seen is not None and seen.size:
            name = file.path.relative_to(folder).as_posix()
            key = key_of(name)
            found[key] = seen
            if key != name:
                paths[key] = file.path
    return found, paths


def look(folder: Path, known: Mapping[str, Seen], tables: Mapping[str, str | None]) -> News:
    """Compare the folder and the small tables (`tables`: name -> path) with what they were when they were read (`known`).

    A file counts as read as it was before it was read, so one that changes meanwhile is new once more. One that bears
    another name now and is the same otherwise was renamed.
    """
    present, paths = _present(folder)
    gone = {name for name in known if not name.startswith(TABLES) and name not in present}
    # The name of a log that was rotated may be there again, with another file.
    by_identity = {seen: name for name, seen in sorted(known.items()) if present.get(name) != seen}
    renamed: dict[str, str] = {}
    for name, seen in present.items():
        if name not in known and seen in by_identity:
            renamed[name] = by_identity.pop(seen)
    changed = {
        name: seen for name, seen in present.items() if known.get(name) != seen and name not in renamed
    }
    given = {TABLES + name: _table(path) for name, path in tables.items() if path is not None}
    other = {name: seen for name, seen in given.items() if seen is not None and known.get(name) != seen}
    return News(
        Watched(
            folder,
            tuple(changed),
            seen={**changed, **{name: present[name] for name in renamed}, **other},
            gone=tuple(sorted(gone - set(renamed.values()))),
            renamed=renamed,
            paths={name: path for name, path in paths.items() if name in changed},
        ),
        other,
    )
