"""A member's node: everything it does with its hub, one step at a time."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from stillwatch.node.auditing import Audited, Auditor
from stillwatch.node.client import Client, RefusedError, UnreachableError
from stillwatch.node.exports import Exports
from stillwatch.node.faults import MISSING, Fault, Faults, OpenFaultError
from stillwatch.node.folder import Folder
from stillwatch.node.forum import Epoch, Forum
from stillwatch.node.pseudonyms import Pseudonym, Pseudonyms
from stillwatch.node.publishing import Explained, Queue, explain, moment_of, today
from stillwatch.node.receiving import Receiver, catch_up
from stillwatch.node.sending import Sender, Sent, StaleError
from stillwatch.node.sources import Sources
from stillwatch.node.store import NAME, Store, now_us
from stillwatch.node.verifying import Bad, verify_given, verify_kept
from stillwatch.records.errors import InputError
from stillwatch.transparency import cosignature
from stillwatch.transparency.follower import LogFaultError
from stillwatch.transparency.notes import COSIGNATURE, Note, Verifier

_MOST_IDS = 100
_SENDING_US = 60_000_000
"""How long a batch may be on its way: so much earlier than its answer may what it holds come back by the stream."""


class _Counted(msgspec.Struct):
    id: str
    sightings: str
    false_positives: str


class _Corroboration(msgspec.Struct):
    items: list[_Counted]


class FaultError(Exception):
    """The hub did what it must not; the fault is kept with its evidence, and nothing more is taken from the hub."""

    def __init__(self, fault: Fault, file: Path) -> None:
        self.fault, self.file = fault, file
        super().__init__(f"{fault.kind.upper()}: {fault.what}; the evidence is in {file}")


@dataclass
class Synced:
    """What one look at the hub did."""

    received: int = 0
    sent: Sent = field(default_factory=Sent)
    log_size: int = 0
    cosigned: bool = False
    not_shown: int = 0
    """Objects in the log that the hub did not show: of collections that this member may not read, or withheld."""


@dataclass(frozen=True)
class Published:
    """What became of a bundle: refused where `explained` has refusals, else queued under `numbers`."""

    explained: Explained
    numbers: list[int]
    states: list[dict[str, Any]]
    """Of each object: id, state, reason, seq (of `sending.Queue.states`)."""
    problem: str | None
    """Why the hub could not be reached; None where it was."""


@dataclass(frozen=True)
class Verified:
    """What an audit of the whole node found."""

    bad: Bad | None
    entries: int | None
    """Entries of the hub's log that were read anew; None where it was not asked."""
    problem: str | None
    """Why the hub could not be reached."""


class Node:
    """One member's node. Several may live in one process."""

    def __init__(self, path: Path) -> None:
        """Open a node's folder. Raises InputError where there is none."""
        self.folder = Folder.open(path)
        self.store = Store(path / NAME)
        self.client = Client(self.folder)
        self.faults = Faults(self.folder, self.store)
        self.forum = Forum(self.folder, self.store)
        self.pseudonyms = Pseudonyms(self.folder, self.store, self.client)
        self.receiver = Receiver(self.store, self.pseudonyms)
        self.auditor = Auditor(self.folder, self.store, self.client)
        self.queue = Queue(self.store)
        self.sender = Sender(self.folder, self.store, self.client)
        self.sources = Sources(self.store)
        self.exports = Exports(self.store, self.forum, self.sources)

    def close(self) -> None:
        """Let go of the hub and the database."""
        self.client.close()
        self.store.close()

    def __enter__(self) -> "Node":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def trusting(self) -> Iterator[None]:
        """Do something with the hub while no fault is open. Raises FaultError for one that is found, once it is kept."""
        self.faults.require_none()
        try:
            yield
        except LogFaultError as error:
            self.pseudonyms.forget()
            fault = self.faults.record(error)
            raise FaultError(fault, self.folder.fault_file(fault.id)) from None

    # What leaves.

    def explain(self, bundle: Mapping[str, Any], moment: datetime | None = None) -> Explained:
        """What publishing a bundle would send, and for what it would be refused; nothing is asked of the hub."""
        own = self.pseudonyms.latest_own()
        name = None if own is None else own.id
        return explain(bundle, self.forum.rules(), moment or today(), name, self.pseudonyms.all_own())

    def flush(self) -> Sent:
        """Send what is due. Raises UnreachableError with what is left still queued, FaultError and OpenFaultError."""
        with self.folder.working(), self.trusting():
            return self._send(self.renew())

    def renew(self) -> tuple[Epoch, Pseudonym]:
        """The current epoch, and this member's pseudonym in it, made where it is new."""
        epoch = self.forum.refresh(self.client)
        return epoch, self.pseudonyms.own(epoch.number)

    def _send(self, current: tuple[Epoch, Pseudonym]) -> Sent:
        rules = self.forum.rules()
        try:
            return self.sender.send(current[1], rules)
        except StaleError:
            # Some of it may have been taken when an answer was lost: the log tells, before anything is signed anew.
            catch_up(self.client, self.receiver)
            self.auditor.audit()
            self.sender.reopen()
        try:
            return self.sender.send(current[1], rules)
        except StaleError as error:
            raise InputError(str(error), mend="ask the forum; what waits stays queued") from None

    # What comes.

    def sync(self) -> Synced:
        """Send what is due, take what is new, and hold all of it against the log.

        Raises UnreachableError, FaultError and OpenFaultError; InputError for what a person has to mend.
        """
        with self.folder.working(), self.trusting():
            began = now_us()
            done = Synced(sent=self._send(self.renew()))
            done.received = catch_up(self.client, self.receiver)
            self._finish(done, self.auditor.audit())
            self._require_sent(began)
            return done

    def audit(self) -> tuple[Synced, Audited]:
        """Hold what the stream gave against the log. Raises as `sync`."""
        with self.folder.working(), self.trusting():
            done = Synced()
            audited = self.auditor.audit()
            self._finish(done, audited)
            return done, audited

    def _finish(self, done: Synced, audited: Audited) -> None:
        self.forum.check_epoch()
        done.log_size = audited.size
        done.cosigned = self._cosign()
        self._ask_corroboration()
        done.not_shown = self.not_shown()

    def not_shown(self) -> int:
        """Objects of the log, up to the last one that the hub gave, that it did not give."""
        return self.store.number(
            "SELECT (SELECT COUNT(*) FROM entries WHERE seq <= ?1) - (SELECT COUNT(*) FROM received WHERE settled = 1"
            " AND seq <= ?1)",
            (self.receiver.cursor,),
        )

    def _require_sent(self, began: int) -> None:
        """Raise LogFaultError where the hub took something before this sync began, and its log does not hold it."""
        store = self.store
        rows = store.all(
            "SELECT stix_id, body, sent FROM outbox WHERE state = 'sent' AND sent < ? ORDER BY number",
            (began,),
        )
        if not rows:
            return
        # What was erased before it came here tells its id no more: so many of them may be among those.
        nameless = store.number(
            "SELECT COUNT(*) FROM received WHERE erased = 1 AND stix_id IS NULL AND received >= ?",
            (rows[0]["sent"] - _SENDING_US,),
        )
        if len(rows) > nameless:
            note = (store.get("follower") or {}).get("note")
            raise LogFaultError(
                MISSING,
                f"the hub took {rows[0]['stix_id']} from here, and its log does not hold it",
                {"object": rows[0]["body"], "now": note},
            )

    def _cosign(self) -> bool:
        """Say as a witness that the newest checkpoint continues what was seen; whether the hub took it."""
        note = self.auditor.follower().note
        if not note or self.store.get("cosigned") == note:
            return bool(note)
        key = self.folder.key("witness")
        name = self.store.get("witness")
        if name is None:
            # Told to everybody, so it says nothing of the member.
            name = f"witness-{secrets.token_hex(8)}"
            with self.store.writing():
                self.store.put("witness", name)
        signature = cosignature.cosign(Note.parse(note), key, name, now_us() // 1_000_000)
        try:
            if not self.store.get("witness_known"):
                vkey = str(Verifier.of(name, key, COSIGNATURE))
                self.client.ask("POST", "/exchange/v1/witness", body={"key": vkey})
                with self.store.writing():
                    self.store.put("witness_known", True)
            signed = Note.parse(note)
            raw = str(Note(signed.text, (*signed.signatures, signature))).encode()
            self.client.ask(
                "POST", "/log/cosignatures", raw=raw, headers={"Content-Type": "text/plain"}, attempts=2
            )
        except (RefusedError, UnreachableError):
            # A witness that is not heard harms nobody: the next checkpoint is cosigned again.
            with self.store.writing():
                self.store.put("witness_known", None)
            return False
        with self.store.writing():
            self.store.put("cosigned", note)
        return True

    def _ask_corroboration(self) -> None:
        """Ask anew for what sightings and opinions were received about."""
        store = self.store
        while True:
            ids = [row[0] for row in store.all("SELECT id FROM stale ORDER BY id LIMIT ?", (_MOST_IDS,))]
            if not ids:
                return
            said = self.client.json("GET", "/exchange/v1/corroboration", _Corroboration, id=ids)
            with store.writing():
                for each in said.items:
                    store.run(
                        "INSERT INTO corroboration VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                        " sightings = excluded.sightings, false_positives = excluded.false_positives",
                        (each.id, each.sightings, each.false_positives),
                    )
                store.run_many("DELETE FROM stale WHERE id = ?", [(each,) for each in ids])

    # What a member says itself.

    def publish(self, bundle: Mapping[str, Any], not_before: int = 0) -> Published:
        """Queue a bundle, durably, if the rules allow all of it, and send what is due; `not_before` in microseconds.

        Raises OpenFaultError and FaultError; unless the rules refuse it, the bundle is queued all the same.
        """
        problem = fault = current = None
        try:
            with self.folder.working(), self.trusting():
                current = self.renew()
        except UnreachableError as error:
            problem = str(error)
        except (OpenFaultError, FaultError) as error:
            fault = error
        # Under which pseudonym it will go is known when it goes.
        when = moment_of(max(not_before, now_us()))
        explained = explain(bundle, self.forum.rules(), when, own=self.pseudonyms.all_own())
        if explained.refusals:
            return Published(explained, [], [], problem)
        numbers = self.queue.add(explained.objects, not_before)
        if fault is not None:
            raise fault
        if current is not None:
            try:
                with self.folder.working(), self.trusting():
                    self._send(current)
            except UnreachableError as error:
                problem = str(error)
        return Published(explained, numbers, self.queue.states(numbers), problem)

    def say(self, items: Sequence[Mapping[str, Any]]) -> Published:
        """Publish objects that this node made itself. Raises as `publish`."""
        return self.publish({"type": "bundle", "objects": list(items)})

    def false_positive(self, stix_id: str) -> None:
        """Count an object against its source, as an opinion of this member says; none of unknown origin counts."""
        if self.store.one("SELECT 1 FROM received WHERE stix_id = ? AND settled = 1 AND own = 0", (stix_id,)):
            self.sources.record(stix_id, right=False, origin="opinion")

    # Whether all of it holds.

    def verify(self, *, ask: bool = True) -> Verified:
        """Check all that is kept, then (with `ask`) all that the hub gives anew against it.

        Raises OpenFaultError, and FaultError where the hub is found at fault.
        """
        with self.folder.working():
            bad = verify_kept(self.folder, self.store)
            if bad is not None or not ask:
                return Verified(bad, None, None)
            try:
                with self.trusting():
                    return Verified(None, verify_given(self.folder, self.store, self.client), None)
            except UnreachableError as error:
                return Verified(None, None, str(error))
