"""Everything a hub does, without HTTP. Synchronous, and safe to call from many threads."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from stillwatch.hub.model import Collection, Event, Fault, Member, Page, Query, Stats, Status


class Exchange:
    """One hub's store, log and keys. Several processes may have the same hub open; see `database.py`.

    Methods raise `stillwatch.hub.errors.Refused` where a client is at fault, `InputError` where the operator is.
    """

    @classmethod
    def create(cls, folder: Path, url: str, database: str | None = None) -> "Exchange":
        """Make a new hub in an empty folder; `url` is where members will reach it."""
        raise NotImplementedError

    @classmethod
    def open(cls, folder: Path, database: str | None = None) -> "Exchange":
        """Open the hub of a folder. `database`: URL of a PostgreSQL, which the hub moves to where it is empty."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish what was submitted and let go of the store."""
        raise NotImplementedError

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Members.

    def add_member(self, name: str) -> dict[str, Any]:
        """Return what `hub member add` prints, once: only digests of its secrets are kept."""
        raise NotImplementedError

    def revoke_member(self, name_or_id: str) -> None:
        """Stop a member's credentials and tokens, in all processes within a second."""
        raise NotImplementedError

    def members(self) -> list[Member]:
        """All members, revoked ones too, in the order in which they were added."""
        raise NotImplementedError

    def member(self, member_id: str) -> Member | None:
        """The member as it is now (at most half a second old): for streams, which must end when it is revoked."""
        raise NotImplementedError

    def member_by_basic(self, username: str, password: str) -> Member | None:
        """The member with these credentials; None where they are wrong or revoked."""
        raise NotImplementedError

    def member_by_token(self, token: str) -> Member | None:
        """The member that holds an access token; None where it is wrong, too old or revoked."""
        raise NotImplementedError

    def member_by_certificate(self, fingerprint: str) -> Member | None:
        """The member of a client certificate, by the hexadecimal SHA-256 of its DER form."""
        raise NotImplementedError

    def issue_token(self, client_id: str, client_secret: str) -> tuple[str, int] | None:
        """Return an access token and the seconds it lives (RFC 6749, section 4.4); None where the credentials are wrong."""
        raise NotImplementedError

    def bind_certificate(self, name_or_id: str, pem: bytes) -> str:
        """Let a client certificate stand for a member; its fingerprint."""
        raise NotImplementedError

    # TAXII.

    def collections(self, member: Member) -> list[Collection]:
        """The collections that the member may see, sorted by id."""
        raise NotImplementedError

    def collection(self, member: Member, id_or_alias: str) -> Collection:
        """One of them. Raises `Refused` (404)."""
        raise NotImplementedError

    def submit(
        self, member: Member, collection_id: str, objects: Sequence[bytes], batch: bytes | None, size: int
    ) -> Status:
        """Check objects (JSON, each by itself) and store the good ones; what this returns is on disk.

        `batch`: the DSSE envelope that signs them, as JSON. `size`: bytes of the whole request, for the quota. Raises
        `Refused`: 403, 404, 422 (the batch's signature is wrong), 429 (quota), 503 (too much waits already).
        """
        raise NotImplementedError

    def status(self, member: Member, status_id: str) -> Status:
        """The status of one of the member's own POSTs. Raises `Refused` (404)."""
        raise NotImplementedError

    def objects(self, member: Member, collection_id: str, query: Query) -> Page:
        """A page of objects with their bodies. Raises `Refused` (400, 403, 404)."""
        raise NotImplementedError

    def manifest(self, member: Member, collection_id: str, query: Query) -> Page:
        """The same without bodies."""
        raise NotImplementedError

    def versions(self, member: Member, collection_id: str, object_id: str, query: Query) -> Page:
        """All versions of one object, without bodies; `match[version]` does not apply. Raises `Refused` (404)."""
        raise NotImplementedError

    def delete(self, member: Member, collection_id: str, object_id: str, query: Query) -> int:
        """Erase the member's own versions of an object (all, where the query names none) and log it; how many."""
        raise NotImplementedError

    # Push.

    def head(self) -> int:
        """`seq` of the newest object version; 0 where there is none."""
        raise NotImplementedError

    def events(
        self, member: Member, after: int, limit: int, collections: set[str] | None = None
    ) -> list[Event]:
        """Accepted versions with a greater `seq`, of the collections that the member may read (or of those named)."""
        raise NotImplementedError

    def wait(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call back with the head, from some thread, whenever more was committed, here or in another process.

        Returns a function that ends it. Callbacks must return at once, and may be told of the same head twice.
        """
        raise NotImplementedError

    # Log.

    def checkpoint(self, cosignatures: int = 0) -> str | None:
        """The newest signed checkpoint that has at least so many cosignatures (C2SP tlog-checkpoint)."""
        raise NotImplementedError

    def tile(self, level: int, index: int, width: int | None = None) -> bytes | None:
        """Hashes of a tile (C2SP tlog-tiles); `width` for a partial one. None where the log has not come so far."""
        raise NotImplementedError

    def entries(self, index: int, width: int | None = None) -> bytes | None:
        """An entry bundle (C2SP tlog-tiles)."""
        raise NotImplementedError

    def register_witness(self, member: Member, vkey: str) -> None:
        """Take a member's witness key (C2SP signed-note verifier key); replaces an earlier one. Raises `Refused` (422)."""
        raise NotImplementedError

    def cosign(self, member: Member, note: str) -> None:
        """Keep a checkpoint's cosignature (C2SP tlog-cosignature). Raises `Refused` (403, 409, 422)."""
        raise NotImplementedError

    # Exchange.

    def me(self, member: Member) -> dict[str, Any]:
        """What a member may know of itself."""
        raise NotImplementedError

    def epoch(self) -> dict[str, Any]:
        """The current epoch, with the key of template signatures."""
        raise NotImplementedError

    def new_epoch(self) -> dict[str, Any]:
        """Begin a new epoch; the same as `epoch` returns."""
        raise NotImplementedError

    def rules_envelope(self) -> dict[str, Any]:
        """The disclosure rules in force, signed (DSSE)."""
        raise NotImplementedError

    def certify(self, member: Member, request: dict[str, Any]) -> dict[str, Any]:
        """Give a member its pseudonym for the current epoch: `{"certificate": DSSE}`. Raises `Refused` (409, 422)."""
        raise NotImplementedError

    def certificate(self, pseudonym: str) -> dict[str, Any]:
        """A pseudonym's certificate, to anyone. Raises `Refused` (404)."""
        raise NotImplementedError

    def receipts(self, member: Member, after: int, limit: int) -> dict[str, Any]:
        """What stands in the log for objects that the member may read: what a node verifies."""
        raise NotImplementedError

    def corroboration(self, member: Member, ids: Sequence[str]) -> list[dict[str, Any]]:
        """How many members saw each object too, and how many think that it is false: "0", "1" or "2 or more"."""
        raise NotImplementedError

    # Operation.

    def ready(self) -> str | None:
        """Why the hub can't serve now; None when it can."""
        raise NotImplementedError

    def verify(self) -> Fault | None:
        """Check the whole log against the stored objects; the first fault."""
        raise NotImplementedError

    def backup(self, file: Path) -> None:
        """Write everything, keys included, to one file, while the hub serves."""
        raise NotImplementedError

    @classmethod
    def restore(cls, folder: Path, file: Path, database: str | None = None) -> None:
        """Make a hub of a backup, on either store. Raises `InputError` where the folder or database has a hub."""
        raise NotImplementedError

    def sweep(self, keep_days: int = 30) -> int:
        """Erase content of objects whose `valid_until` passed more than `keep_days` ago, and old statuses; how many."""
        raise NotImplementedError

    def stats(self) -> Stats:
        """Numbers for metrics; cheap."""
        raise NotImplementedError
