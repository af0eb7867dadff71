"""The folder of a state: one writer, files that never change, and a manifest that is replaced in one step.

A run writes new files under a folder of its own (`g000007`) and names them in a new manifest. Until that is renamed
into place nothing has happened: what a killed run left is named nowhere, and is swept by the next one.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from stillwatch.detection.state.manifest import NAME, File, Manifest, seal, unseal
from stillwatch.records.durable import replace_whole, sync_folder
from stillwatch.records.errors import InputError, plainly

LOCK = "lock"
_ASIDE = f".{NAME}.aside"
DIRECTORY_MODE = 0o700
"""The state holds texts and identifiers: for its owner alone."""


class Store:
    """An open state. Made by `opened`, which holds the lock."""

    def __init__(self, folder: Path, manifest: Manifest | None) -> None:
        self.folder = folder
        self.manifest = manifest
        """As it was committed last; None for a new state."""

    @property
    def generation(self) -> int:
        """The number of the run that goes on."""
        return 1 + (self.manifest.generation if self.manifest is not None else 0)

    @property
    def fresh(self) -> Path:
        """The folder for this run's files; made at the first call."""
        path = self.folder / f"g{self.generation:06d}"
        path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        return path

    def path(self, file: File) -> Path:
        """Where a file of the state lies."""
        return self.folder / file.name

    def paths(self, files: list[File]) -> list[Path]:
        """Where files of the state lie."""
        return [self.path(file) for file in files]

    def filed(self, path: Path) -> File:
        """A file of this run that is written whole: on disk for good, with its checksum."""
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            os.fsync(handle.fileno())
        return File(path.relative_to(self.folder).as_posix(), path.stat().st_size, digest)

    def commit(self, manifest: Manifest) -> None:
        """Make this the state, in one step; what it does not name is removed afterwards."""
        manifest = msgspec.structs.replace(manifest, generation=self.generation)
        for folder in {self.path(file).parent for file in manifest.files} | {self.fresh, self.folder}:
            sync_folder(folder)
        replace_whole(self.folder / NAME, seal(manifest), self.folder / _ASIDE)
        sync_folder(self.folder)
        self.manifest = manifest
        self.sweep()

    def sweep(self) -> None:
        """Remove what the manifest does not name: leavings of a killed run, and files that another one replaced."""
        named = set() if self.manifest is None else {file.name for file in self.manifest.files}
        (self.folder / _ASIDE).unlink(missing_ok=True)
        for folder in self.folder.glob("g[0-9]*"):
            for path in sorted(folder.rglob("*"), reverse=True):
                if path.is_dir():
                    if not any(path.iterdir()):
                        path.rmdir()
                elif path.relative_to(self.folder).as_posix() not in named:
                    path.unlink()
            if not any(folder.iterdir()):
                folder.rmdir()

    def check(self) -> None:
        """Raise InputError when a file is not what the manifest says; of texts, which are many, only sizes are compared."""
        if self.manifest is None:
            return
        texts = {file.name for segment in self.manifest.segments for file in segment.texts}
        for file in self.manifest.files:
            try:
                same = self.path(file).stat().st_size == file.size
                if same and file.name not in texts:
                    with self.path(file).open("rb") as handle:
                        same = hashlib.file_digest(handle, "sha256").hexdigest() == file.sha256
            except FileNotFoundError:
                same = False
            if not same:
                raise InputError(
                    "this file of the state is not what was written",
                    where=str(self.path(file)),
                    mend="restore the folder from a copy, or scan all logs once more into a new folder (--state)",
                )


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """The state in `folder`, which is made where there is none, for one run at a time.

    Raises InputError when another run holds it, when the folder holds something else, or when the state is damaged. A
    folder that was made and into which nothing was committed is removed.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
        foreign = sorted(p.name for p in folder.iterdir() if not _own(p.name))
        if foreign and not (folder / NAME).exists():
            raise InputError(
                f"holds {foreign[0]}, and no {NAME} of a state",
                where=str(folder),
                mend="give another folder with --state",
            )
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise InputError(
            f"cannot keep a state there ({plainly(error)})",
            where=str(folder),
            mend="give another folder with --state",
        ) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            made = []
            raise InputError(
                "another run is at work on this state", where=str(folder), mend="wait until it has ended"
            ) from None
        raw = (folder / NAME).read_bytes() if (folder / NAME).exists() else None
        store = Store(folder, None if raw is None else unseal(raw, folder / NAME))
        store.sweep()
        store.check()
        yield store
    finally:
        if made and not (folder / NAME).exists():
            _remove(folder, made)
        os.close(handle)


def _remove(folder: Path, made: list[Path]) -> None:
    """Take away a folder, and those above it that were made with it and hold nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in made[1:]:
        try:
            path.rmdir()
        except OSError:
            return


def peek(folder: Path) -> Manifest | None:
    """The manifest as it was committed last, without the lock: for one who reads and writes nothing."""
    path = folder / NAME
    return unseal(path.read_bytes(), path) if path.exists() else None


def _own(name: str) -> bool:
    return name in (LOCK, NAME, _ASIDE) or (name[:1] == "g" and name[1:].isdigit())
