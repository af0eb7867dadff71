"""Stage 0 for a state: the logs of one run, as one source or file by file, each with its own counts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stillwatch.detection.intake import Intake, take_in
from stillwatch.detection.run_record import Inputs
from stillwatch.detection.state.manifest import SCANS, Seen, Tally
from stillwatch.detection.state.segments import days_of
from stillwatch.detection.state.tallies import USAGE_TABLE
from stillwatch.records import tables as records
from stillwatch.records.adapters.base import AdapterSettings
from stillwatch.records.adapters.mapping import load_mapping
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import FILE_NOT_READABLE, RejectLog
from stillwatch.records.sketches import Key
from stillwatch.records.tables import UsageReader


@dataclass(frozen=True)
class Watched:
    """Files of a folder that is followed, by name: those to read now, and what became of others.

    The counts of a file that was read before are replaced. `gone` keep theirs; `renamed` (new name -> old one) bring theirs
    along and are not read. `seen`: what they were before they were read. `paths`: where those lie whose name here is not
    that in the folder.
    """

    folder: Path
    files: tuple[str, ...]
    seen: dict[str, Seen] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)


@dataclass
class Reading:
    """What one run read: parts of exchanges and texts, and counts by source."""

    intake: Intake
    tallies: dict[str, Tally]
    salt: bytes

    @property
    def unread(self) -> list[str]:
        """Sources that could not be read, or not all of whose files could: they do not count as seen."""
        return [
            name
            for name, tally in self.tallies.items()
            if any(reason == FILE_NOT_READABLE for _, reason, _ in tally.not_whole)
        ]


def salt_of(inputs: Inputs) -> bytes:
    """The salt of account ids that a reader of these logs has."""
    return b"" if inputs.mapping is None else load_mapping(inputs.mapping, AdapterSettings()).settings.salt


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(p.is_file() and p.name[:1] not in "._" for p in folder.rglob("*"))


def read(
    inputs: Inputs,
    watched: Watched | None,
    work: Path,
    rejects: RejectLog,
    *,
    key: Key,
    threads: int,
    first_row: int,
    may_be_empty: bool,
    progress: Callable[[int, float], None],
) -> Reading:
    """Sketch the logs into `work`, rows numbered from `first_row` on.

    Raises InputError for logs that cannot be used; a folder without any is none where it `may_be_empty`, and a watched file
    that cannot be read is noted, and is not seen (`Reading.unread`): a later run reads it again.
    """
    found = Reading(Intake([], [], 0, 0, None, None), {}, salt_of(inputs))
    if watched is None:
        sources = {} if may_be_empty and _is_empty(Path(inputs.usage)) else {SCANS: inputs.usage}
    else:
        sources = {name: str(watched.paths.get(name, watched.folder / name)) for name in watched.files}
    for number, (name, path) in enumerate(sources.items()):
        before, files, done = dict(rejects.counts), len(rejects.files), found.intake.rows
        try:
            reader = records.open_usage(
                path, adapter=inputs.adapter, mapping=inputs.mapping, rejects=rejects, key=key
            )
            taken = take_in(
                reader,
                work / f"{number:06d}",
                key=key,
                threads=threads,
                since=inputs.since,
                until=inputs.until,
                progress=lambda rows, done=done, part=number, of=reader: progress(  # type: ignore[misc]
                    done + rows, (part + of.share_read) / len(sources)
                ),
                first_row=first_row + done,
                lasting=True,
            )
        except InputError as error:
            if watched is None:
                raise
            detail = str(error).encode("utf-8", "replace").decode()  # a path may not be UTF-8
            found.tallies[name] = Tally(not_whole=[(name, FILE_NOT_READABLE, detail)])
            continue
        found.tallies[name] = _tally(reader, rejects, taken, before, files)
        _add(found.intake, taken)
    return found


def _add(whole: Intake, taken: Intake) -> None:
    whole.exchange_files += taken.exchange_files
    whole.text_files += taken.text_files
    whole.rows += taken.rows


def _tally(
    reader: UsageReader, rejects: RejectLog, taken: Intake, before: dict[tuple[str, str], int], files: int
) -> Tally:
    """What became of the rows of one source, of which `before` and `files` were noted before it."""
    rejected = {
        reason: n - before.get((table, reason), 0)
        for (table, reason), n in sorted(rejects.counts.items())
        if table == USAGE_TABLE and n > before.get((table, reason), 0)
    }
    return Tally(
        read=reader.rows_read,
        out=reader.rows_out,
        days=days_of(taken.exchange_files),
        outside=taken.outside_window,
        skipped=dict(sorted(reader.rows_skipped.items())),
        rejected=rejected,
        adapters=dict(sorted(reader.adapters.items())),
        left_out=list(reader.left_out),
        not_whole=[(f.source, f.reason, f.detail) for f in rejects.files[files:] if f.table == USAGE_TABLE],
        dropped=[(column, why, n) for (column, why), n in sorted(reader.values_dropped.items())],
        present=sorted(reader.present_columns),
        sketched=(reader.carried.files, reader.carried.rows, reader.carried.wordless),
        sketched_columns=sorted(reader.carried.columns),
    )
