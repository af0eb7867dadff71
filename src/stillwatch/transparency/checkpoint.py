"""What a log signs of itself: origin, size and root (C2SP tlog-checkpoint)."""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.records.errors import InputError
from stillwatch.transparency import notes
from stillwatch.transparency.merkle import SIZE
from stillwatch.transparency.notes import Note, Verifier

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Checkpoint:
    """A tree of `size` leaves with this root, of the log that calls itself `origin`."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of its note."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the text of a note; lines of extensions are ignored. Raises InputError."""
        lines = text.split("\n")
        if (
            len(lines) < 4
            or not lines[0]
            or _SIZE.fullmatch(lines[1]) is None
            or "" in lines[:-1]
            or lines[-1]
        ):
            raise _bad()
        try:
            root = base64.b64decode(lines[2], validate=True)
        except (ValueError, binascii.Error):
            raise _bad() from None
        # One text for each tree: neither bits beyond the root, nor a size that no log can have.
        if len(root) != SIZE or base64.b64encode(root).decode() != lines[2] or int(lines[1]) >= 1 << 63:
            raise _bad()
        return cls(lines[0], int(lines[1]), root)

    def signed(self, key: Ed25519PrivateKey) -> Note:
        """Its note, signed by the log, whose key has the origin as its name."""
        return notes.sign(self.text, key, self.origin)


def opened(note: Note, log: Verifier) -> Checkpoint:
    """The checkpoint in a note that the log has signed. Raises InputError where it has not, or it is another log's."""
    if not note.is_signed_by(log):
        raise InputError(
            "this checkpoint is not signed by the log's key", mend="ask the forum which key is the log's"
        )
    found = Checkpoint.parse(note.text)
    if found.origin != log.name:
        raise InputError(f"this is a checkpoint of {found.origin[:80]!r}", mend=f"give one of {log.name}")
    return found


def _bad() -> InputError:
    return InputError("this is no checkpoint", mend="give it as the log made it")
