"""Where events go line by line, and how far each receiver has come.

The changes that a state keeps are the queue: they are written in the same step as the state, so an event is neither lost nor
made up by a run that is killed. What a receiver has is a number.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from stillwatch.records.errors import InputError
from stillwatch.records.findings import Change
from stillwatch.watch.events import after, body, event_id


class Cursor:
    """The number of the last change that a receiver has, in a file that is replaced in one step."""

    def __init__(self, path: Path, state_id: str) -> None:
        self.path, self.state_id = path, state_id
        self.sequence = 0
        if path.exists():
            told = json.loads(path.read_text())
            # Of another state that lay in the folder before the numbers mean nothing.
            self.sequence = int(told["sequence"]) if told["state_id"] == state_id else 0

    def move(self, sequence: int) -> None:
        """The receiver has all up to this one."""
        aside = self.path.with_suffix(".aside")
        with aside.open("w") as file:
            file.write(json.dumps({"state_id": self.state_id, "sequence": sequence}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.path)
        self.sequence = sequence


class EventFile:
    """A file of JSON lines in which each event stands once: how far it has come is read from the file itself."""

    def __init__(self, path: Path, state_id: str) -> None:
        self.path, self.state_id = path, state_id
        self.sequence = 0
        if path.exists():
            self._mend()

    def _mend(self) -> None:
        """Cut off a line that a killed run left unfinished, and find the last event of this state."""
        with self.path.open("rb+") as file:
            whole = file.read()
            end = whole.rfind(b"\n") + 1
            if end < len(whole):
                file.truncate(end)
        for line in whole[:end].splitlines():
            try:
                named = json.loads(line)["id"]
                state, _, number = str(named).rpartition("-")
                if state == self.state_id:
                    self.sequence = max(self.sequence, int(number))
            except (ValueError, KeyError, TypeError):
                raise InputError(
                    "this file holds other lines than events",
                    where=str(self.path),
                    mend="give another file with --events",
                ) from None

    def send(self, changes: Sequence[Change]) -> int:
        """Append what the file does not have; how many that were."""
        new = after(changes, self.sequence)
        if new:
            with self.path.open("a", encoding="ascii") as file:
                file.writelines(body(self.state_id, change) + "\n" for change in new)
                file.flush()
                os.fsync(file.fileno())
            self.sequence = new[-1].sequence or self.sequence
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


__all__ = ["Cursor", "EventFile", "EventStream", "event_id"]
