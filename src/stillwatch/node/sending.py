"""Sending what is queued: in signed batches that are kept before they are sent, so that a lost answer does no harm."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from sqlite3 import Row
from typing import Any

import msgspec

from stillwatch.intelligence import objects
from stillwatch.intelligence.checking import Checker
from stillwatch.intelligence.extension import PSEUDONYM
from stillwatch.intelligence.rules import Rules
from stillwatch.node.client import TAXII, Client, RefusedError, UnreachableError
from stillwatch.node.faults import SEND_AGAIN
from stillwatch.node.folder import Folder
from stillwatch.node.pseudonyms import Pseudonym
from stillwatch.node.publishing import Queue, moment_of, named, today
from stillwatch.node.receiving import Number, commitment, unreadable
from stillwatch.node.store import Store, now_us
from stillwatch.records.errors import InputError
from stillwatch.transparency import batches, dsse
from stillwatch.transparency.canonical import parse

MOST_OBJECTS = 500
MOST_BYTES = 4 << 20
"""Of one batch. A quarter of what a hub takes in one request."""
_ASKED_S, _ASKS = 0.2, 100
RECEIPTS = "x_stillwatch_receipts"


@dataclass
class Sent:
    """What a sending did: objects that the hub took, and those that it refused, with its reasons."""

    taken: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)


class _Placed(msgspec.Struct):
    """Where the hub says that its log holds an object that it took. `salt` opens the entry; None once it was erased."""

    id: str
    seq: Number
    log_index: Number
    salt: str | None

    def of(self, collection: str, body: bytes) -> tuple[int, int, bytes | None]:
        """Seq, entry, and what the entry has to say of this content."""
        known = None if self.salt is None else commitment(dsse.unbase64(self.salt), collection, body)
        return self.seq, self.log_index, known


def _placed_in(status: dict[str, Any]) -> list[_Placed]:
    """Raises InputError."""
    try:
        found = msgspec.convert(status.get(RECEIPTS) or [], list[_Placed])
        for each in found:
            dsse.unbase64(each.salt or "")
        return found
    except msgspec.ValidationError:
        raise unreadable() from None


class StaleError(Exception):
    """The hub takes no batch under this pseudonym any more."""


class Sender:
    """Sends what is due. Whoever calls it holds the node (`Folder.working`)."""

    def __init__(self, folder: Folder, store: Store, client: Client) -> None:
        self._folder, self._store, self._client = folder, store, client

    def send(self, pseudonym: Pseudonym, rules: Rules) -> Sent:
        """Send open batches as they were made, then what is due in new ones.

        Raises UnreachableError, with what is left still queued; StaleError for a batch of an epoch that is over.
        """
        sent = Sent()
        self._introduce(pseudonym)
        for row in self._store.all("SELECT number FROM batches WHERE state = 'open' ORDER BY number"):
            self._post(row["number"], sent)
        while (number := self._next(pseudonym, rules, sent)) is not None:
            self._post(number, sent)
        return sent

    def reopen(self) -> None:
        """Take apart batches that were not taken, so that their objects go in new ones, under a new pseudonym."""
        store = self._store
        with store.writing():
            store.run(
                "UPDATE outbox SET state = 'queued', batch = NULL, place = NULL, body = NULL WHERE state = 'assigned'"
            )
            store.run("UPDATE batches SET state = 'stale' WHERE state = 'open'")

    def send_again(self) -> None:
        """Queue what the hub once took, as far as the log that was read since holds it no more (`Faults.clear`).

        But for identities of pseudonyms that the hub lost with it: it would refuse them, and nobody could mend that.
        """
        store = self._store
        with store.writing():
            store.run(
                "UPDATE outbox SET state = 'queued', batch = NULL, place = NULL, body = NULL, seq = NULL,"
                " log_index = NULL, commitment = NULL WHERE state = 'sent' AND sent IS NULL"
            )
            rows = store.all(
                "SELECT number, draft FROM outbox WHERE state = 'queued' AND stix_id LIKE 'identity--%'"
                " AND stix_id NOT IN (SELECT id FROM certificates WHERE own = 1)"
            )
            store.run_many(
                "DELETE FROM outbox WHERE number = ?",
                [(row["number"],) for row in rows if self._is_pseudonym_of_ours(row["draft"])],
            )
            store.put(SEND_AGAIN, None)

    def _is_pseudonym_of_ours(self, draft: bytes) -> bool:
        """Whether it is an identity as `_introduce` makes them."""
        said = (parse(draft).get("extensions") or {}).get(PSEUDONYM) or {}
        key = self._folder.public_key(f"epoch-{said.get('epoch')}")
        return key is not None and said.get("public_key") == base64.b64encode(key).decode()

    def _introduce(self, pseudonym: Pseudonym) -> None:
        """Queue the identity of a new pseudonym before anything that is said under it."""
        row = self._store.one("SELECT 1 FROM outbox WHERE stix_id = ?", (pseudonym.id,))
        if row is None:
            item = objects.pseudonym(pseudonym.id, pseudonym.epoch, pseudonym.public_key, today())
            Queue(self._store).add([item])

    def _next(self, pseudonym: Pseudonym, rules: Rules, sent: Sent) -> int | None:
        """Make the next batch of what is due; its number."""
        while True:
            # In one transaction: what is withdrawn before it left must not be chosen.
            with self._store.writing():
                rows = self._store.all(
                    "SELECT number, stix_id, draft FROM outbox WHERE state = 'queued' AND not_before <= ?"
                    " ORDER BY stix_id = ? DESC, number LIMIT ?",
                    (now_us(), pseudonym.id, MOST_OBJECTS),
                )
                if not rows:
                    return None
                chosen, refused = self._chosen(rows, pseudonym, rules)
                # Rules may have changed since an object was queued.
                self._store.run_many(
                    "UPDATE outbox SET state = 'refused', reason = ? WHERE number = ?",
                    [(reason, row["number"]) for row, reason in refused],
                )
                number = self._assign(chosen, pseudonym) if chosen else None
            sent.refused += [{"id": row["stix_id"], "reason": reason} for row, reason in refused]
            if number is not None:
                return number

    def _chosen(
        self, rows: Sequence[Row], pseudonym: Pseudonym, rules: Rules
    ) -> tuple[list[tuple[Row, bytes]], list[tuple[Row, str]]]:
        """What of the rows goes into the next batch, as it is sent, and what the rules refuse, with the reason."""
        moment = moment_of(now_us())
        checker = Checker(rules, now=lambda: moment)
        chosen: list[tuple[Row, bytes]] = []
        refused: list[tuple[Row, str]] = []
        names: set[str] = set()
        size = 0
        for row in rows:
            # The hub tells what became of objects by their ids, so a batch holds one version of each.
            if row["stix_id"] in names:
                continue
            body = named(row["draft"], pseudonym.id)
            found = checker.check(body)
            if isinstance(found, list):
                first = found[0]
                refused.append((row, f"{first.field}: {first.rule}; {first.mend}"))
                continue
            if chosen and size + len(body) > MOST_BYTES:
                break
            chosen.append((row, body))
            names.add(row["stix_id"])
            size += len(body)
        return chosen, refused

    def _assign(self, chosen: Sequence[tuple[Row, bytes]], pseudonym: Pseudonym) -> int:
        store, key = self._store, self._folder.key(f"epoch-{pseudonym.epoch}")
        bodies = [body for _, body in chosen]
        envelope = batches.sign(bodies, self.collection, pseudonym.epoch, pseudonym.id, key)
        store.run(
            "INSERT INTO batches (pseudonym, envelope, state) VALUES (?, ?, 'open')",
            (pseudonym.id, json.dumps(envelope)),
        )
        batch = store.number("SELECT last_insert_rowid()")
        store.run_many(
            "UPDATE outbox SET state = 'assigned', batch = ?, place = ?, body = ? WHERE number = ?",
            [(batch, place, body, row["number"]) for place, (row, body) in enumerate(chosen)],
        )
        return batch

    @property
    def collection(self) -> str:
        """Where objects go: the collection that all members share."""
        return self._folder.trust.collection

    def _post(self, batch: int, sent: Sent) -> None:
        store = self._store
        rows = store.all("SELECT number, stix_id, body FROM outbox WHERE batch = ? ORDER BY place", (batch,))
        made = store.one("SELECT envelope FROM batches WHERE number = ?", (batch,))
        assert made is not None
        raw = b'{"objects":[%b],"x_stillwatch_batch":%b}' % (
            b",".join(row["body"] for row in rows),
            made["envelope"].encode(),
        )
        path = f"/taxii2/api/collections/{self.collection}/objects/"
        try:
            answer = self._client.ask(
                "POST", path, raw=raw, headers={"Content-Type": TAXII, "Accept": TAXII}, receipts=1
            )
            status = self._complete(parse(answer.content))
            placed = {each.id: each for each in _placed_in(status)}
        except RefusedError as error:
            if error.status == 422:
                raise StaleError(str(error)) from None
            raise
        except InputError:
            raise UnreachableError("the hub's answer to a batch can't be read") from None
        self._settle(batch, rows, status, placed, sent)

    def _complete(self, status: Any) -> dict[str, Any]:
        """The status once it is complete (TAXII 2.1, section 4.3)."""
        for _ in range(_ASKS):
            if not isinstance(status, dict):
                raise InputError("no status", mend="ask the forum what its hub answers")
            if status.get("status") == "complete":
                return status
            self._client.wait(_ASKED_S)
            path = f"/taxii2/api/status/{status.get('id')}/"
            status = parse(self._client.ask("GET", path, headers={"Accept": TAXII}).content)
        raise UnreachableError("the hub has not said yet what became of a batch")

    def _settle(
        self,
        batch: int,
        rows: Sequence[Row],
        status: dict[str, Any],
        placed: Mapping[str, "_Placed"],
        sent: Sent,
    ) -> None:
        failures = {
            each.get("id"): str(each.get("message") or "the hub does not say why")
            for each in status.get("failures") or ()
            if isinstance(each, dict)
        }
        named_here = {row["stix_id"] for row in rows}
        # A failure that names no object that was sent can't be laid at one; the log tells then which were taken.
        lost = len(failures.keys() - named_here)
        taken, refused, now = [], [], now_us()
        for row in rows:
            reason = failures.get(row["stix_id"])
            if reason is None:
                place = placed.get(row["stix_id"])
                known = (None, None, None) if place is None else place.of(self.collection, row["body"])
                taken.append((now if not lost else None, *known, row["number"]))
            else:
                refused.append((reason[:1000], row["number"]))
                sent.refused.append({"id": row["stix_id"], "reason": reason[:1000]})
        with self._store.writing():
            self._store.run_many(
                "UPDATE outbox SET state = 'sent', sent = ?, seq = ?, log_index = ?, commitment = ?"
                " WHERE number = ? AND state = 'assigned'",
                taken,
            )
            self._store.run_many("UPDATE outbox SET state = 'refused', reason = ? WHERE number = ?", refused)
            self._store.run("UPDATE batches SET state = 'done' WHERE number = ?", (batch,))
        sent.taken += len(taken)
