"""The folder of results: made aside, and put into place whole."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stillwatch.records.errors import InputError, plainly


@dataclass(frozen=True)
class OutFolder:
    """Where a run works: `made` for what will be published, `work` for what is thrown away."""

    work: Path
    made: Path


@contextmanager
def making(out: Path, usage: str, folders: Sequence[str] = ("rejected",)) -> Iterator[OutFolder]:
    """A place to make results in; what stands in `made` at the end appears in `out`, and nothing after an error.

    `folders` are those that a run of this kind may make: of an earlier run they go, whether or not this one makes them.
    Raises InputError when `out` is the folder of the logs (`usage`), or cannot be written to.
    """
    if Path(usage).is_dir() and out.resolve() == Path(usage).resolve():
        raise InputError(
            "results would lie among the logs", where=str(out), mend="give another folder with --out"
        )
    fresh = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".partial-", dir=out))
    except OSError as error:
        raise InputError(
            f"cannot write there ({plainly(error)})", where=str(out), mend="give another folder with --out"
        ) from None
    try:
        folder = OutFolder(work, work / "made")
        folder.made.mkdir()
        yield folder
        _publish(folder.made, out, folders)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if fresh and not any(out.iterdir()):
            out.rmdir()


def _publish(made: Path, out: Path, folders: Sequence[str]) -> None:
    for name in folders:
        if (out / name).is_dir():
            shutil.rmtree(out / name)
    for item in sorted(made.iterdir()):
        item.replace(out / item.name)
