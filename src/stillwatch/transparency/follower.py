"""How a member follows a log: every entry is read, and the root that comes of them has to be the one that was signed.

So each advance proves two things at once: that what was seen before is the beginning of what is signed now, and that the
entries at hand are those of the tree.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stillwatch.records.errors import InputError
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency import merkle, tiles
from stillwatch.transparency.checkpoint import Checkpoint
from stillwatch.transparency.notes import Note, Verifier

Bundles = Callable[[int, int], bytes]
"""The bundle of entries with this number, of this width (1 to 256)."""


class LogFaultError(Exception):
    """The log did what it must not. `kind` says what; `evidence` holds what shows it to others: both signed notes."""

    def __init__(self, kind: str, what: str, evidence: dict[str, Any]) -> None:
        self.kind, self.what, self.evidence = kind, what, evidence
        super().__init__(what)


FORK, ROLLBACK, ENTRIES = "fork", "rollback", "entries"


@dataclass(frozen=True)
class Entry:
    """One entry of the log with its index."""

    index: int
    data: bytes


@dataclass
class Follower:
    """A log as far as it was read. `state` and `of_state` keep it between runs."""

    log: Verifier
    frontier: merkle.Frontier
    note: str = ""
    """The newest checkpoint that was accepted, as it was signed; empty before the first."""

    @classmethod
    def new(cls, log: Verifier) -> "Follower":
        """One that has read nothing yet."""
        return cls(log, merkle.Frontier())

    @property
    def size(self) -> int:
        """Entries that were read."""
        return self.frontier.size

    def state(self) -> dict[str, Any]:
        """All that has to be kept, as JSON values."""
        return {
            "size": self.size,
            "peaks": [base64.b64encode(peak).decode() for peak in self.frontier.peaks],
            "note": self.note,
        }

    @classmethod
    def of_state(cls, log: Verifier, state: dict[str, Any]) -> "Follower":
        """What `state` gave. Raises ValueError or KeyError for anything else."""
        peaks = [base64.b64decode(peak, validate=True) for peak in state["peaks"]]
        return cls(log, merkle.Frontier(state["size"], peaks), state["note"])

    def compare(self, note: str) -> Checkpoint:
        """The checkpoint in a note, after it was held against what was accepted before; nothing is fetched.

        Raises InputError for a note that the log has not signed, and LogFaultError: FORK for the same size with another
        root, ROLLBACK for a smaller size. A log signs larger and larger trees. An honest cache may still hold an older one,
        so who asks through one asks again past it; what the log's own address gives must not shrink.
        """
        found = checkpoints.opened(Note.parse(note), self.log)
        evidence = {"before": self.note, "now": note}
        if found.size == self.size and found.root != self.frontier.root():
            raise LogFaultError(FORK, f"two roots are signed for the tree of {found.size} entries", evidence)
        if found.size < self.size:
            raise LogFaultError(
                ROLLBACK, f"the log had {self.size} entries and is signed now with {found.size}", evidence
            )
        return found

    def advance(self, note: str, bundles: Bundles) -> list[Entry]:
        """Read the entries up to a checkpoint and accept it; the entries that are new, in order.

        Raises as `compare`, and LogFaultError ENTRIES where the entries at hand do not have the root that was signed: either
        the log was forked before the place to which it was read, or these entries are not the log's. Nothing is accepted
        then.
        """
        signed = self.compare(note)
        grown = self.frontier.copy()
        new = list(entries(self.size, signed.size, bundles))
        grown.append(merkle.leaf_hash(entry.data) for entry in new)
        if grown.root() != signed.root:
            raise LogFaultError(
                ENTRIES,
                f"entries {self.size} to {signed.size - 1} do not continue the log as it was read before",
                {"before": self.note, "now": note, "frontier": self.state()["peaks"]},
            )
        self.frontier, self.note = grown, note
        return new


def entries(start: int, stop: int, bundles: Bundles) -> Iterator[Entry]:
    """Entries from index `start` up to `stop` (not included). Raises InputError where a bundle has too few."""
    index = start
    while index < stop:
        number, first = divmod(index, tiles.WIDTH)
        width = min(tiles.WIDTH, stop - number * tiles.WIDTH)
        found = tiles.unbundle(bundles(number, width))[:width]
        if len(found) < width:
            raise InputError(
                f"entries {number * tiles.WIDTH + len(found)} and on are missing", mend="ask the log again"
            )
        for data in found[first:]:
            yield Entry(index, data)
            index += 1
