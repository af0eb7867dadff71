"""What the hub must not do, once it did: kept with its evidence, said, and acted on until a person clears it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stillwatch.node.folder import FAULTS, Folder, write_private
from stillwatch.node.store import Store, now_us
from stillwatch.records.errors import InputError
from stillwatch.transparency.follower import ENTRIES, FORK, ROLLBACK, LogFaultError

ALTERED, SIGNATURE, MISSING, KEY = "altered", "signature", "missing", "key"
"""An object is not the one that was logged; a batch's signature or certificate does not hold; the log lacks what it should
hold; a checkpoint is signed by another key."""

SEND_AGAIN = "send_again"
"""Kept while what was sent has to be looked for in a log that is read anew."""

_OF_THE_LOG = frozenset((FORK, ROLLBACK, ENTRIES, MISSING, KEY))


class OpenFaultError(Exception):
    """Nothing is taken from the hub, or sent to it, before a person has cleared a fault."""


@dataclass(frozen=True)
class Fault:
    """One fault. `at` and `cleared` in microseconds since 1970; `cleared` is None while it is open."""

    id: str
    kind: str
    what: str
    at: int
    cleared: int | None


class Faults:
    """The faults that one node found."""

    def __init__(self, folder: Folder, store: Store) -> None:
        self._folder, self._store = folder, store

    def all(self) -> list[Fault]:
        """All of them, oldest first."""
        return [Fault(*row) for row in self._store.all("SELECT * FROM faults ORDER BY at, id")]

    def require_none(self) -> None:
        """Raise OpenFaultError while one is open."""
        row = self._store.one("SELECT id, what FROM faults WHERE cleared IS NULL ORDER BY at LIMIT 1")
        if row is not None:
            raise OpenFaultError(
                f"fault {row[0]} is open ({row[1]}): nothing is taken from this hub or sent to it until a person has"
                f" looked at {self._folder.fault_file(row[0])} and ran stillwatch node faults clear"
            )

    def record(self, error: LogFaultError) -> Fault:
        """Keep a fault with its evidence, drop what was received and not settled, and let nothing more in."""
        at = now_us()
        moment = datetime.fromtimestamp(at / 1e6, UTC)
        (self._folder.path / FAULTS).mkdir(mode=0o700, exist_ok=True)
        fault = Fault(f"{moment:%Y%m%dT%H%M%S%fZ}-{error.kind}", error.kind, error.what, at, None)
        document = {
            "id": fault.id,
            "kind": fault.kind,
            "what": fault.what,
            "at": moment.isoformat(),
            "hub": self._folder.trust.url,
            "log_key": self._folder.trust.log_key,
            "evidence": _plain(error.evidence),
        }
        # The evidence before the fault: a fault without evidence could not be judged.
        write_private(
            self._folder.fault_file(fault.id),
            json.dumps(document, indent=1, sort_keys=True) + "\n",
        )
        store = self._store
        with store.writing():
            store.run("INSERT INTO faults VALUES (?, ?, ?, ?, NULL)", (fault.id, fault.kind, fault.what, at))
            self._drop_unsettled()
        return fault

    def evidence(self, fault_id: str) -> dict[str, Any]:
        """The evidence file of a fault. Raises InputError for an unknown one."""
        self._find(fault_id)
        path = self._folder.fault_file(fault_id)
        try:
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            raise InputError("the evidence can't be read", where=str(path), mend="restore it") from None
        return found

    def clear(self, fault_id: str) -> Fault:
        """Go on after a person has decided so; the evidence stays.

        After a fault of the log itself, all of it and all objects are read anew, and what this member sent and the log does
        not hold is sent again: a hub that came back from a backup has lost it.
        """
        fault = self._find(fault_id)
        store = self._store
        with store.writing():
            store.run("UPDATE faults SET cleared = ? WHERE id = ? AND cleared IS NULL", (now_us(), fault_id))
            if fault.kind in _OF_THE_LOG:
                for table in (
                    "entries",
                    "erasures",
                    "logged_pseudonyms",
                    "received",
                    "envelopes",
                    "certificates",
                    # What the hub told of them goes with them. Outcomes are this member's own word, and stay.
                    "corroboration",
                    "stale",
                ):
                    store.run(f"DELETE FROM {table}")
                # A hub that came back from a backup may not know the witness either.
                for name in ("follower", "cursor", "cosigned", "logged_epoch", "witness_known"):
                    store.put(name, None)
                # Numbers begin anew, and with them the bundles of what is new.
                store.put("began", now_us())
                # What the log still holds as it was sent must not be signed anew: the hub would see another content.
                store.run(
                    "UPDATE outbox SET state = 'sent', batch = NULL, place = NULL, sent = NULL"
                    " WHERE state IN ('assigned', 'sent', 'confirmed')"
                )
                store.run("DELETE FROM batches")
                store.put(SEND_AGAIN, True)
            self._drop_unsettled()
        return self._find(fault_id)

    def _drop_unsettled(self) -> None:
        store = self._store
        store.run("DELETE FROM received WHERE settled = 0")
        store.put("cursor", store.number("SELECT MAX(seq) FROM received"))
        # A stream that is open in some process has to begin anew from there.
        store.put("generation", store.get("generation", 0) + 1)

    def _find(self, fault_id: str) -> Fault:
        row = self._store.one("SELECT * FROM faults WHERE id = ?", (fault_id,))
        if row is None:
            raise InputError("there is no such fault", where=fault_id, mend="see stillwatch node faults list")
        return Fault(*row)


def _plain(value: Any) -> Any:
    """The evidence as JSON values."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    return value
