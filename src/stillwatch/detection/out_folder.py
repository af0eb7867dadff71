"""The folder of results: made aside, and put into place whole.

A run may be killed at any moment. While it works, the folder of earlier results is as it was. While it puts its own into
place, UNFINISHED lies beside them, so that nobody takes a mixture of two runs for results, and the next run starts clean.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stillwatch.records.errors import InputError, plainly

UNFINISHED = ".unfinished"
"""Lies among results while they are put into place; one that stays says that this was interrupted."""
_ASIDE = ".partial-"
_LOCK = "lock"


@dataclass(frozen=True)
class Kind:
    """A kind of run: the names that it may write, folders among them, and which of them says that a folder is its own."""

    record: str
    names: Sequence[str]


SCAN = Kind(
    "run.json",
    (
        *("bundle.json", "campaign_history.parquet", "campaigns.parquet", "members.parquet", "report.html"),
        *("run.json", "signature_hits.parquet"),
        *("rejected", "screening", "shadow"),
    ),
)
REPLAY = Kind("replay.json", ("replay.json", "rejected"))


@dataclass(frozen=True)
class OutFolder:
    """Where a run works: `made` for what will be published, `work` for what is thrown away."""

    work: Path
    made: Path


@contextmanager
def making(out: Path, usage: str, kind: Kind, work: Path | None = None) -> Iterator[OutFolder]:
    """A place to make results in; what stands in `made` at the end appears in `out`, and nothing after an error.

    What is thrown away lies in a folder of its own under `work`, or under `out`. Of an earlier run of this kind everything
    goes, whether or not this one makes it again; what else lies there stays.
    What a run that was killed left aside is swept, if nobody works there any more. Raises InputError when `out` is the
    folder of the logs (`usage`), holds something of these names that no such run wrote, or cannot be written to.
    """
    if Path(usage).is_dir() and out.resolve() == Path(usage).resolve():
        raise InputError(
            "results would lie among the logs", where=str(out), mend="give another folder with --out"
        )
    _check_own(out, kind)
    fresh = not out.exists()
    held = [_aside(out, "--out")]
    try:
        if work is not None:
            held.append(_aside(work, "--work"))
        folder = OutFolder(held[-1][0], held[0][0] / "made")
        folder.made.mkdir()
        yield folder
        _publish(folder.made, out, kind)
    finally:
        for aside, lock in held:
            shutil.rmtree(aside, ignore_errors=True)
            os.close(lock)
        if fresh and not any(out.iterdir()):
            out.rmdir()


def _aside(folder: Path, option: str) -> tuple[Path, int]:
    """A folder of this run's own in one that `option` names, and the lock on it; what others left there is swept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        aside = Path(tempfile.mkdtemp(prefix=_ASIDE, dir=folder))
        return aside, _held(aside)
    except OSError as error:
        raise InputError(
            f"cannot write there ({plainly(error)})",
            where=str(folder),
            mend=f"give another folder with {option}",
        ) from None


def _check_own(out: Path, kind: Kind) -> None:
    """Whoever names a folder of other things by mistake loses none of them."""
    there = [name for name in kind.names if (out / name).exists()]
    if there and not _is_record(out / kind.record) and not (out / UNFINISHED).exists():
        raise InputError(
            f"holds {there[0]}, and no {kind.record} of an earlier run that wrote it",
            where=str(out),
            mend="give another folder with --out, or move that away",
        )


def _is_record(path: Path) -> bool:
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    versions = record.get("versions") if isinstance(record, dict) else None
    return isinstance(versions, dict) and "stillwatch" in versions


def check_whole(out: Path) -> None:
    """Raise InputError where a run was interrupted while it put its results into place."""
    if (out / UNFINISHED).exists():
        raise InputError(
            "these results are not whole: the run that wrote them was interrupted",
            where=str(out),
            mend="run it again",
        )


def _held(work: Path) -> int:
    """A lock on a folder aside, for as long as this process lives or until it is closed."""
    lock = os.open(work / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _sweep(out: Path) -> None:
    """Remove what runs that are no more left aside."""
    for left in out.glob(f"{_ASIDE}*"):
        try:
            lock = os.open(left / _LOCK, os.O_RDWR)
        except OSError:
            continue  # not begun, or not ours
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # somebody works there
        else:
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(lock)


def _publish(made: Path, out: Path, kind: Kind) -> None:
    (out / UNFINISHED).touch()
    for name in kind.names:
        if (out / name).is_dir() and not (out / name).is_symlink():
            shutil.rmtree(out / name)
        elif not (made / name).is_file():
            (out / name).unlink(missing_ok=True)
    for item in sorted(made.iterdir()):
        item.replace(out / item.name)
    (out / UNFINISHED).unlink(missing_ok=True)
