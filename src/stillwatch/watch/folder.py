"""What is new in a folder that is followed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stillwatch.detection.state.manifest import Seen
from stillwatch.detection.state.reading import Watched
from stillwatch.records.errors import InputError
from stillwatch.records.sources import find_files

TABLES = "table:"
"""Before the name of a small table among the files that were seen: no name of a file begins so."""


@dataclass(frozen=True)
class News:
    """What a look at the folder found: files to read, and whether anything at all is other than it was."""

    watched: Watched
    tables: dict[str, Seen] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Is there anything to take up? A file that is gone changes no result."""
        return bool(self.watched.files or self.tables)


def _seen(path: Path) -> Seen | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return Seen(status.st_size, status.st_mtime_ns, status.st_ino)


def _present(folder: Path) -> dict[str, Seen]:
    try:
        files = find_files(folder).files
    except InputError:
        if folder.is_dir():
            return {}  # nothing has been written there yet
        raise
    found = {}
    for file in files:
        seen = _seen(file.path)
        if seen is not None and seen.size:
            found[file.path.relative_to(folder).as_posix()] = seen
    return found


def look(folder: Path, known: Mapping[str, Seen], tables: Mapping[str, str | None]) -> News:
    """Compare the folder and the small tables (`tables`: name -> path) with what they were when they were read (`known`).

    A file counts as read as it was before it was read, so one that changes meanwhile is new once more. One that bears
    another name now and is the same otherwise was renamed.
    """
    present = _present(folder)
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
    given = {TABLES + name: _seen(Path(path)) for name, path in tables.items() if path is not None}
    other = {name: seen for name, seen in given.items() if seen is not None and known.get(name) != seen}
    return News(
        Watched(
            folder,
            tuple(changed),
            seen={**changed, **{name: present[name] for name in renamed}, **other},
            gone=tuple(sorted(gone - set(renamed.values()))),
            renamed=renamed,
        ),
        other,
    )
