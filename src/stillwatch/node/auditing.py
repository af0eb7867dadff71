"""Following the hub's log: every entry is read, and what was received is held against them.

Raises LogFaultError wherever the hub contradicts itself; nothing of that look is kept then.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from stillwatch.node.client import Client, RefusedError
from stillwatch.node.faults import ALTERED, KEY, MISSING, SIGNATURE
from stillwatch.node.folder import Folder
from stillwatch.node.receiving import about
from stillwatch.node.store import Store
from stillwatch.records.errors import InputError
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency import follower as followers
from stillwatch.transparency import merkle, tiles
from stillwatch.transparency.canonical import parse
from stillwatch.transparency.follower import ENTRIES, FORK, ROLLBACK, Entry, Follower, LogFaultError
from stillwatch.transparency.notes import Note, Verifier

_ROWS = 1024
_FRESH = {"Cache-Control": "no-cache"}


class ObjectEntry(msgspec.Struct, tag_field="kind", tag="object"):
    """The entry of an object version."""

    commitment: str
    seq: int
    v: int


_entry = msgspec.json.Decoder(ObjectEntry).decode


@dataclass(frozen=True)
class Audited:
    """What one look at the log found: its size, how many entries are new, how many objects were settled."""

    size: int
    new: int
    settled: int
    epoch: bool
    """Whether a new epoch is among the entries."""


class Auditor:
    """Follows one log."""

    def __init__(self, folder: Folder, store: Store, client: Client) -> None:
        self._folder, self._store, self._client = folder, store, client

    def verifier(self) -> Verifier:
        """The log's key, as it was pinned."""
        return Verifier.parse(self._folder.trust.log_key)

    def follower(self) -> Follower:
        """The log as far as it was read."""
        state = self._store.get("follower")
        log = self.verifier()
        return Follower.new(log) if state is None else Follower.of_state(log, state)

    def audit(self) -> Audited:
        """Read the log up to its newest checkpoint, and settle what was received."""
        try:
            return self._audit({})
        except LogFaultError as error:
            # A cache on the way may hold an older checkpoint, or a damaged tile: asked again, past it.
            if error.kind not in (ROLLBACK, ENTRIES, MISSING):
                raise
        try:
            return self._audit(_FRESH)
        except LogFaultError as error:
            raise self._told_apart(error) from None

    def look(self) -> None:
        """Hold the newest checkpoint against what was seen, and read nothing. Raises LogFaultError, InputError.

        Before anything is sent: a hub that was put back has a shorter log, and would seem to have forked it once it grew.
        """
        try:
            self._look({})
        except LogFaultError as error:
            if error.kind != ROLLBACK:
                raise
            self._look(_FRESH)  # past a cache with an older one

    def _look(self, headers: dict[str, str]) -> None:
        self._compare(self.follower(), self._client.ask("GET", "/log/checkpoint", headers=headers).text)

    def _audit(self, headers: dict[str, str]) -> Audited:
        store = self._store
        # Before the checkpoint is asked for: what was received by then has to be under it.
        needed = store.number("SELECT MAX(log_index) FROM received WHERE settled = 0 AND received.seq <= ?",
                              (store.get("cursor", 0),))  # fmt: skip
        waiting = store.number("SELECT COUNT(*) FROM received WHERE settled = 0")
        follower = self.follower()
        before = follower.size
        note = self._client.ask("GET", "/log/checkpoint", headers=headers).text
        signed = self._compare(follower, note)
        if waiting and signed.size <= needed:
            raise LogFaultError(
                MISSING,
                f"an object is said to be entry {needed} of a log that is signed with {signed.size}",
                {"now": note, "log_index": needed},
            )
        bundles = self._bundles(before, signed.size, headers)

        def entries() -> Iterator[Entry]:
            if before == signed.size:
                return iter(())
            return followers.entries(before, signed.size, lambda number, width: bundles[number])

        grown = follower.frontier.copy()
        grown.append(merkle.leaf_hash(entry.data) for entry in entries())
        # Before any of them is read: what they say is the hub's word only if it signed them.
        if grown.root() != signed.root:
            raise LogFaultError(
                ENTRIES,
                f"entries {before} to {signed.size - 1} do not continue the log as it was read before",
                {"before": follower.note, "now": note, "frontier": follower.state()["peaks"]},
            )
        with store.writing():
            epoch = False
            erased: set[int] = set()
            left = entries()
            while held := list(islice(left, _ROWS)):
                epoch |= self._keep(held, note, erased)
            follower.frontier, follower.note = grown, note
            store.put("follower", follower.state())
            # Objects that were on their way while their erasure was read go with those of new erasures: after all of it
            # was held against the log, or what was never said could be given, and then erased.
            erased.update(
                row[0]
                for row in store.all(
                    "SELECT r.seq FROM received r JOIN erasures x ON x.seq = r.seq WHERE r.settled = 0 AND r.erased = 0"
                )
            )
            settled = self._settle(note) if waiting else 0
            self._confirm()
            for seq in sorted(erased):
                self._erase(seq)
            # Of what was erased as soon as it was taken the hub could not say more than where it stood.
            store.run(
                "UPDATE outbox SET state = 'erased' WHERE state = 'sent' AND commitment IS NULL"
                " AND seq IN (SELECT seq FROM erasures)"
            )
            if erased:
                store.run(
                    "UPDATE outbox SET state = 'erased' WHERE state = 'confirmed'"
                    " AND seq IN (SELECT seq FROM erasures)"
                )
        return Audited(signed.size, signed.size - before, settled, epoch)

    def _compare(self, follower: Follower, note: str) -> checkpoints.Checkpoint:
        try:
            parsed = Note.parse(note)
        except InputError:
            raise InputError(
                "the hub's answer is no checkpoint", mend="check its URL, and try again"
            ) from None
        if not parsed.is_signed_by(follower.log):
            raise LogFaultError(
                KEY,
                "the checkpoint is not signed by the key that was pinned",
                {"before": follower.note, "now": note, "pinned": str(follower.log)},
            )
        return follower.compare(note)

    def _bundles(self, start: int, stop: int, headers: dict[str, str]) -> dict[int, bytes]:
        """The bundles that hold these entries: fetched before anything is written, so that nobody waits for a network."""
        found = {}
        for number in range(start // tiles.WIDTH, -(-stop // tiles.WIDTH) if stop > start else 0):
            path = tiles.tile_path(None, number, min(tiles.WIDTH, stop - number * tiles.WIDTH))
            found[number] = self._client.ask("GET", f"/log/{path}", headers=headers).content
        return found

    def _keep(self, entries: list[Entry], note: str, erased: set[int]) -> bool:
        """Keep new entries, and note what they erase; whether one begins an epoch."""
        store = self._store
        last = store.number("SELECT MAX(seq) FROM entries")
        rows: list[tuple[Any, ...]] = []
        epoch = False
        for entry in entries:
            try:
                said = _entry(entry.data)
                rows.append(
                    (entry.index, entry.data, said.seq, base64.b64decode(said.commitment, validate=True))
                )
                if said.seq != last + 1:
                    raise LogFaultError(
                        ENTRIES,
                        f"entry {entry.index} is of object {said.seq} after object {last}",
                        {"index": entry.index, "entry": entry.data, "now": note},
                    )
                last = said.seq
            except (msgspec.MsgspecError, ValueError):
                rows.append((entry.index, entry.data, None, None))
                epoch |= self._other(entry, note, erased)
        store.run_many("INSERT INTO entries VALUES (?, ?, ?, ?)", rows)
        return epoch

    def _other(self, entry: Entry, note: str, erased: set[int]) -> bool:
        """Take an entry that is no object's; whether it begins an epoch. Kinds that are not known are passed over."""
        store = self._store
        try:
            said = parse(entry.data)
            kind = said.get("kind") if isinstance(said, dict) else None
            if kind == "pseudonym":
                store.run(
                    "INSERT OR IGNORE INTO logged_pseudonyms VALUES (?, ?, ?)",
                    (
                        str(said["pseudonym"]),
                        base64.b64decode(said["certificate"], validate=True),
                        entry.index,
                    ),
                )
            elif kind == "erasure":
                seq = int(said["seq"])
                store.run("INSERT OR IGNORE INTO erasures VALUES (?, ?)", (seq, entry.index))
                erased.add(seq)
            elif kind == "epoch":
                store.put("logged_epoch", said | {"number": int(said["number"])})
                return True
        except (InputError, KeyError, ValueError, TypeError):
            raise LogFaultError(
                ENTRIES,
                f"entry {entry.index} can't be read",
                {"index": entry.index, "entry": entry.data, "now": note},
            ) from None
        return False

    def _erase(self, seq: int) -> None:
        """Forget the content of an object that its author or its expiry had erased."""
        store = self._store
        row = store.one(
            "SELECT r.stix_id, r.body, COALESCE(r.body, o.body) AS content FROM received r"
            " LEFT JOIN received o ON o.seq = r.same_as WHERE r.seq = ?",
            (seq,),
        )
        if row is None:
            return
        if row["content"] is not None:
            # How many say so has to be asked for anew.
            store.run_many(
                "INSERT OR IGNORE INTO stale VALUES (?)", [(each,) for each in about(row["content"])]
            )
        if row["body"] is not None:
            # Its content may stand for that of another collection.
            heir = store.one("SELECT seq FROM received WHERE same_as = ? AND erased = 0 ORDER BY seq", (seq,))
            if heir is not None:
                store.run(
                    "UPDATE received SET body = ?, same_as = NULL WHERE seq = ?", (row["body"], heir[0])
                )
                store.run("UPDATE received SET same_as = ? WHERE same_as = ?", (heir[0], seq))
        store.run(
            "UPDATE received SET body = NULL, salt = NULL, same_as = NULL, erased = 1 WHERE seq = ?", (seq,)
        )

    def _settle(self, note: str) -> int:
        """Hold what was received against the log; how many objects that were."""
        store = self._store
        wrong = store.one(
            "SELECT r.seq, r.stix_id, r.body, r.salt, r.collection, r.log_index, r.commitment, r.erased,"
            " e.data AS entry, e.seq AS entry_seq, e.commitment AS logged FROM received r"
            " JOIN entries e ON e.log_index = r.log_index"
            " WHERE r.settled = 0 AND (e.seq IS NOT r.seq OR (r.erased = 0 AND e.commitment IS NOT r.commitment)"
            " OR (r.erased = 1 AND NOT EXISTS (SELECT 1 FROM erasures x WHERE x.seq = r.seq)))"
            " ORDER BY r.seq LIMIT 1"
        )
        if wrong is not None:
            what = "is not the one that was logged"
            if wrong["entry_seq"] != wrong["seq"]:
                what = f"is not entry {wrong['log_index']} of the log, as the hub says"
            elif wrong["erased"]:
                what = "is withheld as erased, and the log has no erasure of it"
            evidence = {name: wrong[name] for name in ("seq", "collection", "log_index", "entry")}
            raise LogFaultError(
                ALTERED,
                f"object {wrong['seq']} ({wrong['stix_id'] or 'erased'}) {what}",
                {**evidence, "object": wrong["body"], "salt": wrong["salt"], "now": note},
            )
        unlogged = store.one(
            "SELECT r.seq, c.id, c.envelope FROM received r JOIN certificates c ON c.id = r.pseudonym"
            " JOIN entries e ON e.log_index = r.log_index"
            " LEFT JOIN logged_pseudonyms l ON l.id = c.id AND l.digest = c.digest"
            " WHERE r.settled = 0 AND l.id IS NULL LIMIT 1"
        )
        if unlogged is not None:
            raise LogFaultError(
                SIGNATURE,
                f"the certificate of {unlogged['id']}, who signed object {unlogged['seq']}, is not in the log",
                {"certificate": unlogged["envelope"], "now": note},
            )
        return store.run(
            "UPDATE received SET settled = 1 WHERE settled = 0"
            " AND EXISTS (SELECT 1 FROM entries e WHERE e.log_index = received.log_index)"
        )

    def _confirm(self) -> None:
        """Find what was sent from here in the log: where the hub said that it is, and in what it gave."""
        store = self._store
        store.run(
            "UPDATE outbox SET state = 'confirmed', reason = NULL WHERE state = 'sent' AND EXISTS (SELECT 1 FROM entries e"
            " WHERE e.log_index = outbox.log_index AND e.seq = outbox.seq AND e.commitment = outbox.commitment)"
        )
        store.run(
            "UPDATE outbox SET state = 'confirmed', seq = r.seq, reason = NULL FROM received r"
            " WHERE outbox.state IN ('assigned', 'sent') AND r.stix_id = outbox.stix_id AND r.version = outbox.version"
            " AND r.settled = 1"
            " AND outbox.body = COALESCE(r.body, (SELECT o.body FROM received o WHERE o.seq = r.same_as))"
        )

    def _told_apart(self, error: LogFaultError) -> LogFaultError:
        """Where entries do not have the signed root: whether the hub signs another tree up to where it was read before."""
        follower = self.follower()
        if error.kind != ENTRIES or not follower.size or "now" not in error.evidence:
            return error
        try:
            before = tiles.frontier(follower.size, self._tile)
        except (InputError, ValueError, RefusedError):
            return error
        if before.root() == follower.frontier.root():
            return error
        return LogFaultError(
            FORK,
            f"the hub's log of {follower.size} entries has another root now than the one that it signed before",
            error.evidence | {"root_now": before.root()},
        )

    def _tile(self, level: int, index: int) -> bytes:
        follower = self.follower()
        size = tiles.width_at(follower.size, level, index)
        path = tiles.tile_path(level, index, size)
        return self._client.ask("GET", f"/log/{path}", headers=_FRESH).content
