"""The audit of a whole node: all that it keeps is computed anew, and then asked of the hub anew and compared.

The first part needs no hub: the entries have the root that was signed, and what is stored is what they say. The second reads
the whole log and all objects once more, as a new node would, and holds them against what is kept here: a hub that shows a
newcomer another history than an old member is found out.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from sqlite3 import Row
from typing import Any

import msgspec

from stillwatch.node.auditing import Auditor
from stillwatch.node.client import Client
from stillwatch.node.faults import ALTERED, MISSING
from stillwatch.node.folder import Folder
from stillwatch.node.pseudonyms import Pseudonym, Pseudonyms, opened
from stillwatch.node.receiving import Receiver, catch_up, commitment
from stillwatch.node.store import NAME, Store
from stillwatch.records.errors import InputError
from stillwatch.transparency import batches, dsse, merkle
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency.follower import FORK, ROLLBACK, LogFaultError
from stillwatch.transparency.notes import Note, Verifier

_LEAVES = 4096

_ENTRIES = (
    "SELECT log_index, data, seq, commitment FROM entries WHERE log_index > ? ORDER BY log_index LIMIT ?"
)
_RECEIVED = (
    "SELECT r.seq, r.log_index, r.collection, r.stix_id, r.salt, r.commitment, r.erased, r.pseudonym, r.batch_index,"
    " r.proof, v.envelope AS envelope, x.seq AS erasure, e.seq AS entry_seq, e.commitment AS logged,"
    " COALESCE(r.body, (SELECT o.body FROM received o WHERE o.seq = r.same_as)) AS body FROM received r"
    " LEFT JOIN envelopes v ON v.digest = r.envelope LEFT JOIN erasures x ON x.seq = r.seq"
    " LEFT JOIN entries e ON e.log_index = r.log_index"
    " WHERE r.settled = 1 AND r.seq > ? ORDER BY r.seq LIMIT ?"
)
_GIVEN = "SELECT seq, log_index, collection, stix_id, commitment, erased FROM received WHERE seq > ? ORDER BY seq LIMIT ?"


class _Collection(msgspec.Struct):
    id: str
    can_read: bool


class _Me(msgspec.Struct):
    """What of /exchange/v1/me is looked at."""

    collections: list[_Collection]


@dataclass(frozen=True)
class Bad:
    """The first entry that does not hold (None: none in particular), and what is wrong."""

    entry: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.entry is None else f"entry {self.entry}: {self.what}"


def verify_kept(folder: Folder, store: Store) -> Bad | None:
    """Check the log as it is kept here against what is stored here; the first fault, by its entry. Asks no hub."""
    state = store.get("follower")
    if state is None:
        return None
    log = Verifier.parse(folder.trust.log_key)
    try:
        signed = checkpoints.opened(Note.parse(state["note"]), log)
    except InputError as error:
        return Bad(None, f"the checkpoint that is kept is not signed by the log: {error.what}")
    found = [bad for bad in (_tree(store, signed), _objects(store, log)) if bad is not None]
    return min(found, key=lambda bad: -1 if bad.entry is None else bad.entry, default=None)


def _tree(store: Store, signed: checkpoints.Checkpoint) -> Bad | None:
    frontier, leaves, last = merkle.Frontier(), [], -1
    for row in store.pages(_ENTRIES):
        if row["log_index"] != last + 1:
            return Bad(last + 1, "it is missing here")
        last += 1
        leaves.append(merkle.leaf_hash(row["data"]))
        if len(leaves) == _LEAVES:
            frontier.append(leaves)
            leaves = []
        if row["seq"] is not None:
            said = json.loads(row["data"])
            if said.get("seq") != row["seq"] or dsse.unbase64(said["commitment"]) != row["commitment"]:
                return Bad(last, "what is kept beside it is not what it says")
    frontier.append(leaves)
    if frontier.size != signed.size or frontier.root() != signed.root:
        return Bad(None, f"the {frontier.size} entries kept here are not the {signed.size} that were signed")
    return None


def _objects(store: Store, log: Verifier) -> Bad | None:
    authors: dict[str, Pseudonym | None] = {}
    opened_batches: dict[bytes, batches.Batch | None] = {}
    for row in store.pages(_RECEIVED):
        what = f"object version {row['seq']} ({row['stix_id'] or 'erased'})"
        if row["entry_seq"] != row["seq"]:
            return Bad(row["log_index"], f"{what} is not that entry's")
        if row["erased"]:
            if row["erasure"] is None:
                return Bad(row["log_index"], f"{what} is erased here, and the log has no erasure of it")
            continue
        body = _bytes(row["body"])
        if body is None or row["logged"] != commitment(row["salt"] or b"", row["collection"], body):
            return Bad(row["log_index"], f"{what} is not the one that was logged")
        if row["pseudonym"] is not None and not _signed(
            row, _author(store, log, row, authors), opened_batches
        ):
            return Bad(row["log_index"], f"{what} is not what its author signed")
    return None


def _author(store: Store, log: Verifier, row: Row, known: dict[str, Pseudonym | None]) -> Pseudonym | None:
    """Who signed an object, if certificate and log say so."""
    name = row["pseudonym"]
    if name not in known:
        kept = store.one("SELECT envelope FROM certificates WHERE id = ?", (name,))
        found = None
        with suppress(InputError):
            found = None if kept is None else opened(json.loads(kept["envelope"]), log)
        logged = found and store.one(
            "SELECT 1 FROM logged_pseudonyms WHERE id = ? AND digest = ?", (name, found.digest)
        )
        known[name] = found if logged and found is not None and found.id == name else None
    return known[name]


def _signed(row: Row, author: Pseudonym | None, known: dict[bytes, batches.Batch | None]) -> bool:
    if author is None or row["envelope"] is None:
        return False
    raw = row["envelope"].encode()
    if raw not in known:
        known.clear()
        try:
            known[raw] = batches.opened(json.loads(raw), author.key)
        except (InputError, ValueError):
            known[raw] = None
    batch = known[raw]
    proof = row["proof"] or b""
    path = [proof[k : k + merkle.SIZE] for k in range(0, len(proof), merkle.SIZE)]
    return (
        batch is not None
        and (batch.pseudonym, batch.epoch, batch.collection) == (author.id, author.epoch, row["collection"])
        and batches.is_signed(batch, _bytes(row["body"]) or b"", row["batch_index"] or 0, path)
    )


def _bytes(value: bytes | str | None) -> bytes | None:
    """A body as it is kept. SQLite gives text where somebody wrote text into it."""
    return value.encode() if isinstance(value, str) else value


def verify_given(folder: Folder, store: Store, client: Client) -> int:
    """Read everything anew from the hub and hold it against what is kept here; entries of its log.

    Raises LogFaultError where the hub contradicts itself or what it said before, UnreachableError, RefusedError.
    """
    with tempfile.TemporaryDirectory(dir=folder.path, prefix=".verifying-") as aside:
        anew = Store(Path(aside) / NAME)
        try:
            pseudonyms = Pseudonyms(folder, anew, client)
            catch_up(client, Receiver(anew, pseudonyms))
            size = Auditor(folder, anew, client).audit().size
            notes = {
                "before": (store.get("follower") or {}).get("note"),
                "now": (anew.get("follower") or {}).get("note"),
            }
            readable = {
                each.id for each in client.json("GET", "/exchange/v1/me", _Me).collections if each.can_read
            }
            _compare_entries(store, anew, notes)
            _compare_objects(store, anew, readable, notes)
            return size
        finally:
            anew.close()


def _compare_entries(store: Store, anew: Store, notes: dict[str, Any]) -> None:
    for kept, given in zip_longest(store.pages(_ENTRIES), anew.pages(_ENTRIES)):
        if kept is None:
            return
        index = kept["log_index"]
        if given is None:
            raise LogFaultError(ROLLBACK, f"the log ends before entry {index}, which it had", notes)
        if kept["data"] != given["data"]:
            evidence = {**notes, "index": index, "entry": kept["data"], "given": given["data"]}
            raise LogFaultError(FORK, f"entry {index} is another one than it was", evidence)


def _compare_objects(store: Store, anew: Store, readable: set[str], notes: dict[str, Any]) -> None:
    given = anew.pages(_GIVEN)
    other: Row | None = next(given, None)
    for kept in _settled(store):
        while other is not None and other["seq"] < kept["seq"]:
            other = next(given, None)
        what = f"object {kept['seq']} ({kept['stix_id'] or 'erased'}), entry {kept['log_index']},"
        if other is None or other["seq"] != kept["seq"]:
            if kept["collection"] in readable:
                raise LogFaultError(MISSING, f"{what} is not given any more", {**notes, "seq": kept["seq"]})
        elif not (kept["erased"] or other["erased"]) and kept["commitment"] != other["commitment"]:
            raise LogFaultError(ALTERED, f"{what} is another one than it was", {**notes, "seq": kept["seq"]})


def _settled(store: Store) -> Iterator[Row]:
    return store.pages(_GIVEN.replace("WHERE ", "WHERE settled = 1 AND "))
