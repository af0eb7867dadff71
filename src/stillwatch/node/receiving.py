"""What the hub gives, held against what its author signed, and kept until the log has been held against it, too."""

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import msgspec

from stillwatch.node.client import Client
from stillwatch.node.faults import ALTERED, SIGNATURE
from stillwatch.node.pseudonyms import Pseudonyms, microseconds
from stillwatch.node.sse import Event
from stillwatch.node.store import Store, now_us
from stillwatch.records.errors import InputError
from stillwatch.transparency import batches, dsse, merkle
from stillwatch.transparency.batches import Batch
from stillwatch.transparency.canonical import canonical, parse
from stillwatch.transparency.follower import LogFaultError

COMMITMENT = b"stillwatch object commitment v1\n"
_KEPT_BATCHES = 256
PAGE = 1000
"""Objects that are asked for at once."""


Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What counts objects and entries: as much as a store can keep."""


class _Receipt(msgspec.Struct):
    seq: Number
    collection: str
    date_added: str
    log_index: Number
    salt: str | None = None
    batch: str | None = None
    batch_index: Number | None = None
    # Empty where there is none; `null` is read as a value of its own.
    object: msgspec.Raw = msgspec.Raw()
    envelope: msgspec.Raw = msgspec.Raw()
    proof: list[str] | None = None


class _Batch(msgspec.Struct):
    envelope: msgspec.Raw
    leaves: str


class _Page(msgspec.Struct):
    receipts: list[_Receipt]
    batches: dict[str, _Batch]
    more: bool


class _Head(msgspec.Struct):
    """What a node has to know of an object, whatever the rules by which its author sent it."""

    id: str
    type: str
    modified: str | None = None
    created: str | None = None
    revoked: bool = False
    valid_until: str | None = None
    created_by_ref: str | None = None
    sighting_of_ref: str | None = None
    object_refs: list[str] | None = None


@dataclass(frozen=True)
class Item:
    """An object version as the hub gave it. `body` is None once it was erased."""

    seq: int
    collection: str
    date_added: int
    log_index: int
    body: bytes | None
    salt: bytes | None
    envelope: bytes | None = None
    """Of the signed batch that it came in."""
    batch_index: int | None = None
    proof: tuple[bytes, ...] = ()

    def commitment(self, body: bytes) -> bytes:
        """What the log says of it, if this is its content."""
        return commitment(self.salt or b"", self.collection, body)


def commitment(salt: bytes, collection: str, body: bytes) -> bytes:
    """What the log says of an object."""
    return hashlib.sha256(COMMITMENT + salt + collection.encode() + b"\n" + body).digest()


_page = msgspec.json.Decoder(_Page).decode
_receipt = msgspec.json.Decoder(_Receipt).decode
_head = msgspec.json.Decoder(_Head).decode


def of_page(raw: bytes) -> tuple[list[Item], bool]:
    """The items of an answer of /exchange/v1/receipts, and whether there are more. Raises InputError."""
    try:
        page = _page(raw)
        trees = {
            name: merkle.levels(merkle.hashes(dsse.unbase64(batch.leaves)))
            for name, batch in page.batches.items()
        }
        found = []
        for said in page.receipts:
            body = None if bytes(said.object) in (b"", b"null") else bytes(said.object)
            envelope: bytes | None = None
            proof: tuple[bytes, ...] = ()
            if said.batch is not None and body is not None:
                envelope = bytes(page.batches[said.batch].envelope)
                proof = tuple(merkle.path(trees[said.batch], said.batch_index or 0))
            found.append(_item(said, body, envelope, proof))
        return found, page.more
    except (InputError, msgspec.MsgspecError, ValueError, KeyError, IndexError, UnicodeError):
        raise unreadable() from None


def of_event(event: Event) -> Item:
    """The item of an event of the stream with receipts. Raises InputError."""
    try:
        said = _receipt(event.more["receipt"].encode())
        body = None if event.name == "erased" else event.data.encode()
        proof = tuple(dsse.unbase64(step) for step in said.proof or ())
        envelope = bytes(said.envelope) or None if body is not None else None
        if str(said.seq) != event.id:
            raise ValueError("another number")
        return _item(said, body, envelope, proof)
    except (InputError, msgspec.MsgspecError, ValueError, KeyError, UnicodeError):
        raise unreadable() from None


def _item(said: _Receipt, body: bytes | None, envelope: bytes | None, proof: tuple[bytes, ...]) -> Item:
    if said.seq < 1 or said.log_index < 0 or len(said.collection) != 36:
        raise ValueError("a receipt that is none")
    salt = None if said.salt is None or body is None else dsse.unbase64(said.salt)
    return Item(
        said.seq,
        said.collection,
        microseconds(said.date_added),
        said.log_index,
        body,
        salt,
        envelope,
        said.batch_index if envelope is not None else None,
        proof,
    )


def catch_up(client: Client, receiver: "Receiver") -> int:
    """Take all receipts after the receiver's cursor; how many are new. Raises as `Receiver.take` and `Client.ask`."""
    generation, new = receiver.generation, 0
    while True:
        after = receiver.cursor
        raw = client.ask("GET", "/exchange/v1/receipts", after=after, limit=PAGE).content
        items, more = of_page(raw)
        new += receiver.take(items, generation)
        if not more or receiver.cursor == after:
            return new


class Receiver:
    """Takes items into the store, after their authors' signatures were verified."""

    def __init__(self, store: Store, pseudonyms: Pseudonyms) -> None:
        self._store, self._pseudonyms = store, pseudonyms
        self._opened: OrderedDict[bytes, Batch] = OrderedDict()
        self._generation: int | None = None

    @property
    def cursor(self) -> int:
        """`seq` of the last item that was taken."""
        return int(self._store.get("cursor", 0))

    @property
    def generation(self) -> int:
        """Changes whenever what was received has to be received again."""
        return int(self._store.get("generation", 0))

    def take(self, items: Sequence[Item], generation: int) -> int:
        """Keep items that follow each other, as not settled yet; how many are new.

        Raises LogFaultError where they are out of order, or one is not what its author signed, and nothing of them is kept;
        InputError where they were asked for before a fault.
        """
        if any(one.seq >= other.seq for one, other in pairwise(items)):
            raise LogFaultError(
                ALTERED, "the hub gave objects out of order", {"seqs": [each.seq for each in items][:1000]}
            )
        if generation != self._generation:
            # What is in memory was written down before a fault that threw it away.
            self._opened.clear()
            self._pseudonyms.forget()
            self._generation = generation
        rows = [self._row(item) for item in items]
        new = 0
        store = self._store
        with store.writing(durable=False):
            if self.generation != generation:
                raise InputError(
                    "what was received has to be received again", mend="it is; nothing has to be done"
                )
            for item, row, refers in rows:
                new += self._keep(item, row)
                if refers:
                    store.run_many("INSERT OR IGNORE INTO stale VALUES (?)", [(each,) for each in refers])
            if items:
                store.put("cursor", max(self.cursor, items[-1].seq))
        return new

    def _keep(self, item: Item, row: list[Any]) -> int:
        store = self._store
        stix_id, version, body = row[3], row[5], row[6]
        if body is not None:
            # The same object may come by several collections: its content is kept once.
            first = store.one(
                "SELECT seq FROM received WHERE stix_id = ? AND version = ? AND body = ? AND seq <> ?",
                (stix_id, version, body, item.seq),
            )
            if first is not None:
                row[6], row[18] = None, first[0]
        marks = ", ".join("?" * len(row))
        return store.run(f"INSERT OR IGNORE INTO received VALUES ({marks})", row)

    def _row(self, item: Item) -> tuple[Item, list[Any], list[str]]:
        """A row of `received`, and what the object is about."""
        store = self._store
        body, batch, digest = item.body, None, None
        head = _Head("", "")
        if body is not None:
            head, body = self._read(item, body)
            if item.envelope is not None:
                batch, digest = self._signed(item, item.envelope, body, head)
        pseudonym = None if batch is None else batch.pseudonym
        own = pseudonym is not None and self._pseudonyms.is_own(pseudonym)
        if not own and body is not None and batch is None:
            own = (
                store.one("SELECT 1 FROM outbox WHERE stix_id = ? AND body = ?", (head.id, body)) is not None
            )
        row: list[Any] = [
            item.seq,
            item.collection,
            item.date_added,
            head.id or None,
            head.type or None,
            _time(head.modified) or _time(head.created) or 0,
            body,
            item.salt,
            item.log_index,
            None if body is None else item.commitment(body),
            pseudonym,
            digest,
            item.batch_index,
            b"".join(item.proof) if batch is not None else None,
            int(own),
            int(head.revoked),
            _time(head.valid_until),
            int(body is None),
            None,
            0,
            now_us(),
        ]
        return item, row, _refers(head)

    def _read(self, item: Item, body: bytes) -> tuple[_Head, bytes]:
        try:
            # Canonical, as the hub sends it, unless something on the way wrote it anew; what is not the same JSON will not
            # have the commitment that was logged.
            if msgspec.json.encode(msgspec.json.decode(body), order="sorted") != body:
                body = canonical(parse(body))
            return _head(body), body
        except (msgspec.MsgspecError, InputError, UnicodeError, RecursionError):
            raise LogFaultError(
                ALTERED, f"object {item.seq} can't be read", {"object": body, "seq": item.seq}
            ) from None

    def _signed(self, item: Item, envelope: bytes, body: bytes, head: _Head) -> tuple[Batch, bytes]:
        digest = hashlib.sha256(envelope).digest()
        evidence = {
            "seq": item.seq,
            "object": body,
            "envelope": envelope,
            "batch_index": item.batch_index,
            "proof": [base64.b64encode(step).decode() for step in item.proof],
        }
        batch = self._opened.get(digest)
        if batch is None:
            batch = self._open(envelope, evidence)
            with self._store.writing(durable=False):
                self._store.run(
                    "INSERT OR IGNORE INTO envelopes VALUES (?, ?)", (digest, envelope.decode("utf-8"))
                )
            self._opened[digest] = batch
            while len(self._opened) > _KEPT_BATCHES:
                self._opened.popitem(last=False)
        wrong = None
        if batch.collection != item.collection:
            wrong = "was signed for another collection"
        elif head.created_by_ref is not None and head.created_by_ref != batch.pseudonym:
            wrong = "is signed by another pseudonym than its author's"
        elif not batches.is_signed(batch, body, item.batch_index or 0, item.proof):
            wrong = "is not what its author signed"
        if wrong is not None:
            raise LogFaultError(ALTERED, f"object {item.seq} ({head.id[:80]}) {wrong}", evidence)
        return batch, digest

    def _open(self, envelope: bytes, evidence: dict[str, Any]) -> Batch:
        broken = LogFaultError(SIGNATURE, "a batch's signature does not hold", evidence)
        try:
            said = json.loads(envelope)
            pseudonym = batches.claimed(said).pseudonym
        except (InputError, ValueError):
            raise broken from None
        author = self._pseudonyms.of(pseudonym)
        try:
            batch = batches.opened(said, author.key)
        except InputError:
            raise broken from None
        if batch.epoch != author.epoch:
            raise LogFaultError(SIGNATURE, "a batch names another epoch than its certificate", evidence)
        return batch


def _time(text: str | None) -> int | None:
    try:
        return None if text is None else microseconds(text)
    except (ValueError, OverflowError):
        return None


def about(body: bytes) -> list[str]:
    """Ids of what a sighting or an opinion, as it was kept, is about; none for other objects."""
    return _refers(_head(body))


def _refers(head: _Head) -> list[str]:
    if head.type not in ("sighting", "opinion"):
        return []
    return [head.sighting_of_ref] if head.sighting_of_ref else (head.object_refs or [])


def unreadable() -> InputError:
    """What is raised for an answer of another form than it should have."""
    return InputError("the hub's answer can't be read", mend="ask the forum which version its hub has")
