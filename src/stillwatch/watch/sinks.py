"""Where events go line by line, and how far each receiver has come.

The changes that a state keeps are the queue: they are written in the same step as the state, so an event is neither lost nor
made up by a run that is killed. What a receiver has is a number.
"""

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from stillwatch.records.durable import replace_whole
from stillwatch.records.errors import InputError, plainly
from stillwatch.records.findings import Change
from stillwatch.watch.events import after, body


class Cursor:
    """The number of the last change that a receiver has, in a file that is replaced in one step."""

    def __init__(self, path: Path, state_id: str) -> None:
        self.path, self.state_id = path, state_id
        self.sequence = self.kept()

    def kept(self) -> int:
        """The number in the file, 0 where there is none. Raises InputError for a file that is damaged."""
        try:
            told = json.loads(self.path.read_text("ascii"))
            # Of another state that lay in the folder before the numbers mean nothing.
            return int(told["sequence"]) if told["state_id"] == self.state_id else 0
        except FileNotFoundError:
            return 0
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = plainly(error) if isinstance(error, OSError) else "it is empty or damaged"
            raise InputError(
                f"cannot read which events a receiver has ({why})",
                where=str(self.path),
                mend="restore it from a copy, or remove it: events are told once more then",
            ) from None

    def move(self, sequence: int) -> None:
        """The receiver has all up to this one."""
        told = json.dumps({"state_id": self.state_id, "sequence": sequence}) + "\n"
        replace_whole(self.path, told.encode("ascii"), self.path.with_suffix(".aside"))
        self.sequence = sequence


def check_writeable(path: Path) -> None:
    """Raise InputError where events could not be written, before anything is scanned."""
    if path.is_dir():
        why = "it is a folder"
    elif not path.parent.is_dir():
        why = "there is no such folder"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "permission denied"
    else:
        return
    raise InputError(
        f"cannot write events there ({why})", where=str(path), mend="give another file with --events"
    )


class EventFile:
    """A file of JSON lines in which each event stands once, whoever else appends to it.

    How far it has come is read from the file itself, under a lock, and from a cursor beside it: a file that was rotated
    away is not begun anew with all that was told before.
    """

    def __init__(self, path: Path, state_id: str) -> None:
        self.path, self.state_id = path, state_id
        self._cursor = Cursor(path.with_name(f".{path.name}.{state_id}.told"), state_id)
        self.sequence = self._cursor.sequence
        self._read: tuple[int, int] = (0, 0)
        """Inode, and how many bytes of it are known."""
        if path.exists():
            with self._held("rb+") as file:
                self._catch_up(file)

    @contextmanager
    def _held(self, mode: str) -> Iterator[IO[bytes]]:
        """The file, locked against other writers. Raises InputError where it cannot be written."""
        try:
            with self.path.open(mode) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as error:
            raise InputError(
                f"cannot write events there ({plainly(error)})",
                where=str(self.path),
                mend="make room, or give another file with --events",
            ) from None

    def _catch_up(self, file: IO[bytes]) -> None:
        """Cut off a line that a killed run left unfinished, and find the last event of this state in what is new."""
        status = os.fstat(file.fileno())
        inode, known = self._read
        begin = known if inode == status.st_ino and known <= status.st_size else 0
        file.seek(begin)
        new = file.read()
        end = new.rfind(b"\n") + 1
        self.sequence = max(self.sequence, self._cursor.kept(), *self._numbers(new[:end]))
        if end < len(new):
            file.truncate(begin + end)
        self._read = (status.st_ino, begin + end)

    def _numbers(self, lines: bytes) -> Iterator[int]:
        yield 0
        for line in lines.splitlines():
            try:
                named = json.loads(line)["id"]
                state, _, number = str(named).rpartition("-")
                if state == self.state_id:
                    yield int(number)
            except (ValueError, KeyError, TypeError):
                raise InputError(
                    "this file holds other lines than events",
                    where=str(self.path),
                    mend="give another file with --events",
                ) from None

    def send(self, changes: Sequence[Change]) -> int:
        """Append what the file does not have; how many that were."""
        if not after(changes, self.sequence):
            return 0
        with self._held("ab+") as file:
            self._catch_up(file)
            new = after(changes, self.sequence)
            if new:
                file.writelines(body(self.state_id, change).encode("ascii") + b"\n" for change in new)
                file.flush()
                os.fsync(file.fileno())
                self.sequence = new[-1].sequence or self.sequence
                self._read = (self._read[0], file.tell())
            self._cursor.move(self.sequence)
        return len(new)


class EventStream:
    """Events on standard output; after a run that was killed the last ones may come twice, under the same ids."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor

    def send(self, changes: Sequence[Change]) -> int:
        """Print what was not printed; how many that were."""
        new = after(changes, self.cursor.sequence)
        for change in new:
            print(body(self.cursor.state_id, change), flush=False)
        sys.stdout.flush()
        if new:
            self.cursor.move(new[-1].sequence or 0)
        return len(new)
