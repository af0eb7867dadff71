"""Everything a hub does, without HTTP. Synchronous, and safe to call from many threads."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from stillwatch.hub import backup, opening, statuses, times
from stillwatch.hub import folder as folders
from stillwatch.hub.append import Appender
from stillwatch.hub.collections import SHARED, Collections
from stillwatch.hub.corroboration import corroboration
from stillwatch.hub.cursors import Cursors
from stillwatch.hub.database import Database
from stillwatch.hub.epochs import Epochs
from stillwatch.hub.erasing import Eraser
from stillwatch.hub.errors import Refused
from stillwatch.hub.folder import Settings
from stillwatch.hub.following import Following
from stillwatch.hub.limits import MAX_PAGE
from stillwatch.hub.log import Log
from stillwatch.hub.members import Members
from stillwatch.hub.model import Collection, EventPage, Fault, Limits, Member, Page, Query, Stats, Status
from stillwatch.hub.pages import Pages
from stillwatch.hub.pseudonyms import Pseudonyms
from stillwatch.hub.submission import Examiner, Submission
from stillwatch.hub.verifying import verify
from stillwatch.hub.waking import Waking
from stillwatch.intelligence import signed_rules
from stillwatch.intelligence.checking import Checker
from stillwatch.intelligence.rules import Rules
from stillwatch.records.errors import InputError, plainly
from stillwatch.serving.events import Events


class Exchange:
    """One hub's store, log and keys. Several processes may have the same hub open; see `database.py`.

    Methods raise `stillwatch.hub.errors.Refused` where a client is at fault or the store is away, `InputError` where the
    operator is.
    """

    def __init__(self, folder: Path, settings: Settings, database: Database, events: Events) -> None:
        """Of parts; `create` and `open` put them together."""
        self.folder, self.settings, self.database = folder, settings, database
        keys = folders.read_keys(folder)
        self._keys = keys
        self.rules = _rules(folder)
        self._log = Log(database, keys.log, settings.origin)
        self._members = Members(database)
        self._collections = Collections(database)
        self._epochs = Epochs(database, self._log)
        self._pseudonyms = Pseudonyms(database, self._log, keys.log)
        self._examiner = Examiner(database, Checker(self.rules, lambda: datetime.now(UTC)), events)
        self._waking = Waking(database, events)
        self._appender = Appender(database, self._log, self._examiner, self._waking.tell)
        self._pages = Pages(database, Cursors(keys.cursor))
        self._following = Following(database)
        self._eraser = Eraser(database, self._log)

    @classmethod
    def create(
        cls, folder: Path, url: str, database: str | None = None, events: Events | None = None
    ) -> "Exchange":
        """Make a new hub in an empty folder; `url` is where members will reach it."""
        settings = folders.make(folder, url)
        store: Database | None = None
        try:
            store = opening.connect(folder, database)
            opening.require_empty(store, "--database" if database else str(folder))
            hub = cls(folder, settings, store, events or Events())
            with store.write() as tx:
                opening.begin(tx, settings, hub._log.begin())
                hub._collections.add(tx, settings.collection, *SHARED)
                hub._epochs.begin(tx, hub.rules.digest)
            hub.settings = folders.with_database(folder, settings, database)
        except BaseException:
            if store is not None:
                store.close()
            opening.undo(folder)
            raise
        return hub

    @classmethod
    def open(cls, folder: Path, database: str | None = None, events: Events | None = None) -> "Exchange":
        """Open the hub of a folder. `database`: URL of a PostgreSQL, which the hub moves to where it is empty."""
        settings, store = opening.opened(folder, folders.read_settings(folder), database)
        try:
            return cls(folder, settings, store, events or Events())
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Finish what was submitted and let go of the store."""
        self._waking.close()
        self.database.close()

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Members.

    def add_member(self, name: str, limits: Limits | None = None) -> dict[str, Any]:
        """Return what `hub member add` prints, once: only digests of its secrets are kept."""
        url = self.settings.url
        made = self._members.add(name, limits)
        made["oauth2"]["token_url"] = f"{url}/oauth2/token"
        made["hub"] = {
            "id": self.settings.id,
            "url": url,
            "log_key": str(self._log.verifier),
            "rules_key": self._keys.rules_vkey,
            "collection": self.settings.collection,
        }
        return made

    def revoke_member(self, name_or_id: str) -> None:
        """Stop a member's credentials and tokens, in all processes within a second."""
        self._members.revoke(name_or_id)

    def members(self) -> list[Member]:
        """All members, revoked ones too, in the order in which they were added."""
        return self._members.all()

    def member(self, member_id: str) -> Member | None:
        """The member as it is now (at most half a second old): for streams, which must end when it is revoked."""
        return self._members.member(member_id)

    def member_by_basic(self, username: str, password: str) -> Member | None:
        """The member with these credentials; None where they are wrong or revoked."""
        return self._members.by_secret("basic", username, password)

    def member_by_token(self, token: str) -> Member | None:
        """The member that holds an access token; None where it is wrong, too old or revoked."""
        return self._members.by_token(token)

    def member_by_certificate(self, fingerprint: str) -> Member | None:
        """The member of a client certificate, by the hexadecimal SHA-256 of its DER form."""
        return self._members.by_certificate(fingerprint)

    def issue_token(self, client_id: str, client_secret: str) -> tuple[str, int] | None:
        """Return an access token and the seconds it lives (RFC 6749, section 4.4); None where the credentials are wrong."""
        return self._members.issue(client_id, client_secret)

    def bind_certificate(self, name_or_id: str, pem: bytes) -> str:
        """Let a client certificate stand for a member; its fingerprint."""
        return self._members.bind(name_or_id, pem)

    # TAXII.

    def add_collection(
        self,
        title: str,
        alias: str | None = None,
        description: str = "",
        *,
        can_read: bool = True,
        can_write: bool = True,
    ) -> str:
        """Add a collection; its id. The rights are those of members that no `grant` names."""
        return self._collections.new(title, alias, description, can_read=can_read, can_write=can_write)

    def grant(self, member: Member, id_or_alias: str, *, can_read: bool, can_write: bool) -> None:
        """Set one member's rights on a collection. Raises InputError where there is none."""
        self._collections.grant(self._number(member), id_or_alias, can_read=can_read, can_write=can_write)

    def collections(self, member: Member) -> list[Collection]:
        """The collections that the member may see, sorted by id."""
        return [found for _, found in self._collections.seen_by(self._number(member))]

    def collection(self, member: Member, id_or_alias: str) -> Collection:
        """One of them. Raises `Refused` (404)."""
        return self._collections.find(self._number(member), id_or_alias)[1]

    def submit(
        self, member: Member, collection_id: str, objects: Sequence[bytes], batch: bytes | None, size: int
    ) -> Status:
        """Check objects (JSON, each by itself) and store the good ones; what this returns is on disk.

        `batch`: the DSSE envelope that signs them, as JSON. `size`: bytes of the whole request, for the quota. Raises
        `Refused`: 403, 404, 422 (the batch's signature is wrong), 429 (quota), 503 (too much waits already).
        """
        number = self._number(member)
        place, collection = self._collections.find(number, collection_id, write=True)
        submission = Submission(
            member, number, place, collection.id, len(objects), size, times.now(), items=[], failures=[]
        )
        self._appender.require_quota(submission)
        self._examiner.examine(submission, objects, batch)
        return self._appender.put(submission)

    def placed(self, member: Member, collection_id: str, status: Status) -> list[dict[str, Any]]:
        """Where in the log what a member has just posted stands. Raises `Refused` (404)."""
        place, _ = self._collections.find(self._number(member), collection_id)
        return self._following.placed(place, [(each.id, each.version) for each in status.successes])

    def status(self, member: Member, status_id: str) -> Status:
        """The status of one of the member's own POSTs. Raises `Refused` (404)."""
        return statuses.read(self.database, self._number(member), status_id)

    def objects(self, member: Member, collection_id: str, query: Query) -> Page:
        """A page of objects with their bodies. Raises `Refused` (400, 403, 404)."""
        number, collection = self._readable(member, collection_id)
        return self._pages.objects(number, collection.id, query)

    def manifest(self, member: Member, collection_id: str, query: Query) -> Page:
        """The same without bodies."""
        number, collection = self._readable(member, collection_id)
        return self._pages.manifest(number, collection.id, query)

    def versions(self, member: Member, collection_id: str, object_id: str, query: Query) -> Page:
        """All versions of one object, without bodies; `match[version]` does not apply. Raises `Refused` (404)."""
        number, collection = self._readable(member, collection_id)
        return self._pages.versions(number, collection.id, object_id, query)

    def delete(self, member: Member, collection_id: str, object_id: str, query: Query) -> int:
        """Erase the member's own versions of an object (all, where the query names none) and log it; how many."""
        number = self._number(member)
        place, _ = self._collections.find(number, collection_id, read=True, write=True)
        erased = self._eraser.delete(number, place, object_id, query)
        self._following.forget()
        return erased

    # Push.

    def head(self) -> int:
        """`seq` of the newest object version; 0 where there is none."""
        line = self.database.one("SELECT seq FROM heads")
        return 0 if line is None else int(line[0])

    def events(
        self, member: Member, after: int, limit: int, collections: set[str] | None = None
    ) -> EventPage:
        """Accepted versions with a greater `seq`, of the collections that the member may read (or of those named)."""
        readable = self._collections.readable(self._number(member), collections)
        return self._following.events(after, limit, readable)

    def wait(self, callback: Callable[[int], None]) -> Callable[[], None]:
        """Call back with the head, from some thread, whenever more was committed, here or in another process.

        Returns a function that ends it. Callbacks must return at once, and may be told of the same head twice.
        """
        return self._waking.add(callback)

    # Log.

    def checkpoint(self, cosignatures: int = 0) -> str | None:
        """The newest signed checkpoint that has at least so many cosignatures (C2SP tlog-checkpoint)."""
        return self._log.checkpoint(cosignatures)

    def tile(self, level: int, index: int, width: int | None = None) -> bytes | None:
        """Hashes of a tile (C2SP tlog-tiles); `width` for a partial one. None where the log has not come so far."""
        return self._log.tile(level, index, width)

    def entries(self, index: int, width: int | None = None) -> bytes | None:
        """An entry bundle (C2SP tlog-tiles)."""
        return self._log.entries(index, width)

    def register_witness(self, member: Member, vkey: str) -> None:
        """Take a member's witness key (C2SP signed-note verifier key); replaces an earlier one. Raises `Refused` (422)."""
        self._log.register_witness(self._number(member), vkey)

    def cosign(self, member: Member, note: str) -> None:
        """Keep a checkpoint's cosignature (C2SP tlog-cosignature). Raises `Refused` (403, 409, 422)."""
        self._log.cosign(self._number(member), note)

    # Exchange.

    def me(self, member: Member) -> dict[str, Any]:
        """What a member may know of itself."""
        number, epoch = self._number(member), self._epochs.number()
        return {
            "member_id": member.member_id,
            "epoch": epoch,
            "pseudonym": self._pseudonyms.own(number, epoch),
            "collections": [
                {"id": found.id, "can_read": found.can_read, "can_write": found.can_write}
                for _, found in self._collections.seen_by(number)
            ],
            "limits": {
                "requests_per_minute": member.limits.requests_per_minute,
                "objects_per_day": member.limits.objects_per_day,
                "bytes_per_day": member.limits.bytes_per_day,
                "page": MAX_PAGE,
            },
            "rules": self.rules.digest,
        }

    def epoch(self) -> dict[str, Any]:
        """The current epoch, with the key of template signatures."""
        return self._epochs.current()

    def new_epoch(self) -> dict[str, Any]:
        """Begin a new epoch; the same as `epoch` returns."""
        return self._epochs.new(self.rules.digest)

    def rules_envelope(self) -> dict[str, Any]:
        """The disclosure rules in force, signed (DSSE)."""
        return signed_rules.sign(self.rules.text, self._keys.rules, self._keys.rules_vkey.partition("+")[0])

    def certify(self, member: Member, request: dict[str, Any]) -> dict[str, Any]:
        """Give a member its pseudonym for the current epoch: `{"certificate": DSSE}`. Raises `Refused` (409, 422)."""
        return self._pseudonyms.certify(member, self._number(member), request)

    def certificate(self, pseudonym: str) -> dict[str, Any]:
        """A pseudonym's certificate, to anyone. Raises `Refused` (404)."""
        return self._pseudonyms.certificate(pseudonym)

    def receipts(self, member: Member, after: int, limit: int) -> dict[str, Any]:
        """What stands in the log for objects that the member may read: what a node verifies."""
        return self._following.receipts(after, limit, self._collections.readable(self._number(member)))

    def corroboration(self, member: Member, ids: Sequence[str]) -> list[dict[str, Any]]:
        """How many other members saw each object too, and how many think it false: "0", "1" or "2 or more"."""
        return corroboration(self.database, self._number(member), ids)

    # Operation.

    def ready(self) -> str | None:
        """Why the hub can't serve now; None when it can."""
        try:
            line = self.database.one("SELECT hub_id FROM heads")
        except Refused as refused:
            return refused.description
        return None if line == (self.settings.id,) else "the database is another hub's"

    def verify(self) -> Fault | None:
        """Check the whole log against the stored objects; the first fault."""
        return verify(self.database, self._log)

    def backup(self, file: Path) -> None:
        """Write everything, keys included, to one file, while the hub serves."""
        backup.back_up(self.database, self.folder, self.settings, file)

    @classmethod
    def restore(cls, folder: Path, file: Path, database: str | None = None) -> None:
        """Make a hub of a backup, on either store. Raises `InputError` where the folder or database has a hub."""
        if database is not None:
            store = opening.connect(folder, database)
            try:
                opening.require_empty(store, "--database")
            finally:
                store.close()
        settings = backup.restore_files(folder, file)
        try:
            if database is not None:
                settings, store = opening.opened(folder, settings, database)
                store.close()
            else:
                folders.write_settings(folder, settings)
        except BaseException:
            opening.undo(folder)
            raise

    def sweep(self, keep_days: int = 30) -> int:
        """Erase content of objects whose `valid_until` passed more than `keep_days` ago, and old statuses; how many."""
        erased = self._eraser.sweep(keep_days)
        self._following.forget()
        return erased

    def stats(self) -> Stats:
        """Numbers for metrics; cheap."""
        (line,) = self.database.query(
            "SELECT seq, log_size, (SELECT COUNT(*) FROM members WHERE revoked IS NULL) FROM heads"
        )
        return Stats(
            line[0],
            line[1],
            line[2],
            self._appender.committed,
            self._appender.transactions,
            self._examiner.refused,
            self._appender.waiting,
        )

    # Within.

    def _number(self, member: Member) -> int:
        return self._members.number(member)

    def _readable(self, member: Member, collection_id: str) -> tuple[int, Collection]:
        return self._collections.find(self._number(member), collection_id, read=True)


def _rules(folder: Path) -> Rules:
    """The forum's own rules, DIR/rules.yaml, or those that come with the package. Raises InputError."""
    path = folder / folders.RULES
    try:
        return Rules.parse(path.read_bytes()) if path.exists() else Rules.default()
    except InputError as error:
        raise InputError(error.what, where=str(path), mend="mend it, and start the hub again") from None
    except OSError as error:
        raise InputError(f"the rules can't be read ({plainly(error)})", where=str(path)) from None
