"""A member's node: everything it does with its hub, one step at a time."""

import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from stillwatch.node.auditing import Audited, Auditor
from stillwatch.node.client import Client, RefusedError, UnreachableError
from stillwatch.node.exports import Exports
from stillwatch.node.faults import MISSING, SEND_AGAIN, Fault, Faults, OpenFaultError
from stillwatch.node.folder import BusyError, Folder
from stillwatch.node.forum import Epoch, Forum
from stillwatch.node.pseudonyms import Pseudonym, Pseudonyms
from stillwatch.node.publishing import Explained, Queue, explain, moment_of, today, withdrawal
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
_PATIENCE_S = 5.0
"""How long who publishes waits for another process, which will send what is queued by then."""


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
    problem: str | None = None
    """Why what is queued could not be sent now, where the hub refused that and nothing else."""
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
    before: int = 0
    """How many the hub had taken before."""
    withdrawn: int = 0
    """How many of them are withdrawn, which stays so."""


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
        """The current epoch, and this member's pseudonym in it, made where it is new; of the log that was seen before."""
        self.auditor.look()
        epoch = self.forum.refresh(self.client)
        return epoch, self.pseudonyms.own(epoch.number)

    def _send(self, current: tuple[Epoch, Pseudonym]) -> Sent:
        rules = self.forum.rules()
        if self.store.get(SEND_AGAIN):
            catch_up(self.client, self.receiver)
            self.auditor.audit()
            self.sender.send_again()
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
            done = Synced()
            try:
                done.sent = self._send(self.renew())
            except (RefusedError, UnreachableError) as error:
                # Who may not post, or has no quota left, still takes. A hub that is away is found away again.
                done.problem = str(error)
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
        row = self.store.one(
            "SELECT stix_id, body, seq, log_index, commitment FROM outbox WHERE state = 'sent' AND sent < ?"
            " ORDER BY number LIMIT 1",
            (began,),
        )
        if row is not None:
            note = (self.store.get("follower") or {}).get("note")
            said = {name: row[name] for name in ("seq", "log_index", "commitment")}
            raise LogFaultError(
                MISSING,
                f"the hub took {row['stix_id']} from here, and its log does not hold it",
                {"object": row["body"], "said": said, "now": note},
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

        Raises OpenFaultError, FaultError, and InputError where the hub refuses this member; unless the rules refuse it, the
        bundle is queued all the same, before the hub is asked for anything.
        """
        # Under which pseudonym it will go is known when it goes, and the rules of then hold.
        when = moment_of(max(not_before, now_us()))
        explained = explain(bundle, self.forum.rules(), when, own=self.pseudonyms.all_own())
        problem = None
        if explained.refusals or not self.forum.has_rules:
            # By rules that are known here; there may be newer ones.
            with suppress(InputError, OpenFaultError, FaultError):
                problem = self._tried(self.renew)
            explained = explain(bundle, self.forum.rules(), when, own=self.pseudonyms.all_own())
        if explained.refusals:
            return Published(explained, [], [], problem)
        numbers = self.queue.add(explained.objects, not_before)
        before, withdrawn = self.queue.taken(numbers)
        problem = problem or self._tried(lambda: self._send(self.renew()))
        return Published(explained, numbers, self.queue.states(numbers), problem, before, withdrawn)

    def _tried(self, work: Callable[[], object]) -> str | None:
        """Do something with the hub; why it could not be done now, where it can be later."""
        try:
            with self.folder.working(_PATIENCE_S), self.trusting():
                work()
        except UnreachableError as error:
            return f"the hub is out of reach ({error})"
        except BusyError:
            return "another process works with this node, and sends them"
        return None

    def withdraw(self, stix_id: str) -> Published | None:
        """Withdraw an object of this member's; None where nothing of it had left, and nothing of it will.

        Raises InputError where it was not published from here, and as `publish`.
        """
        if self.queue.cancel(stix_id):
            return None
        return self.say([withdrawal(self.queue, stix_id, today())])

    def say(self, items: Sequence[Mapping[str, Any]]) -> Published:
        """Publish objects that this node made itself. Raises as `publish`."""
        return self.publish({"type": "bundle", "objects": list(items)})

    def standing(self, stix_id: str) -> str | None:
        """Why what is said of an object may be a mistake: no such object came here, or it was withdrawn; else None."""
        row = self.store.one(
            "SELECT revoked FROM received WHERE stix_id = ? AND erased = 0 ORDER BY version DESC LIMIT 1",
            (stix_id,),
        )
        if row is None:
            return "this node has received no object of this id"
        return "it is withdrawn" if row["revoked"] else None

    def false_positive(self, stix_id: str) -> None:
        """Count an object against its source, as an opinion of this member says; none of unknown origin counts."""
        if self.store.one("SELECT 1 FROM received WHERE stix_id = ? AND settled = 1 AND own = 0", (stix_id,)):
            self.sources.record(stix_id, right=False, origin="opinion")

    # Whether all of it holds.

    def verify(self, *, ask: bool = True) -> Verified:
        """Check all that is kept, then (with `ask`) all that the hub gives anew against it.

        Raises OpenFaultError, and FaultError where the hub is found at fault.
        """
        with tempfile.TemporaryDirectory(dir=self.folder.path, prefix=".verifying-") as aside:
            # Of a copy: to read all of it takes long, and nobody should wait for that.
            with self.folder.working():
                self.store.copy(Path(aside) / "kept.sqlite")
            kept = Store(Path(aside) / "kept.sqlite")
            try:
                bad = verify_kept(self.folder, kept)
                if bad is not None or not ask:
                    return Verified(bad, None, None)
                with self.trusting():
                    return Verified(None, verify_given(self.folder, kept, self.client), None)
            except UnreachableError as error:
                return Verified(None, None, str(error))
            finally:
                kept.close()
