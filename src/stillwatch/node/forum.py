"""What the forum decides for all members: the disclosure rules in force, and the epoch with its keys."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from stillwatch.intelligence.rules import Rules
from stillwatch.intelligence.signed_rules import RULES, open_signed
from stillwatch.node.client import Client
from stillwatch.node.faults import SIGNATURE
from stillwatch.node.folder import Folder, write_private
from stillwatch.node.store import Store
from stillwatch.records.errors import InputError
from stillwatch.transparency import dsse
from stillwatch.transparency.follower import LogFaultError
from stillwatch.transparency.notes import Verifier

EPOCH_FILE = "epoch.json"
"""Beside node.json: what `scan --epoch-key` reads."""


@dataclass(frozen=True)
class Epoch:
    """An epoch: its number, and the key under which template signatures are made."""

    number: int
    template_key: bytes

    def document(self) -> dict[str, Any]:
        """As a file."""
        return {"number": self.number, "template_key": base64.b64encode(self.template_key).decode()}


class Forum:
    """Rules and epochs as one node knows them."""

    def __init__(self, folder: Folder, store: Store) -> None:
        self._folder, self._store = folder, store

    def rules(self) -> Rules:
        """The rules that were fetched last, their signature verified anew; those of this package where none ever were."""
        envelope = self._store.get("rules")
        return Rules.default() if envelope is None else self._open(envelope)

    @property
    def has_rules(self) -> bool:
        """Whether rules were ever fetched."""
        return self._store.get("rules") is not None

    def epochs(self) -> list[Epoch]:
        """Every epoch that was met, the newest first."""
        found = [Epoch(int(n), base64.b64decode(k)) for n, k in self._store.get("epochs", {}).items()]
        return sorted(found, key=lambda epoch: -epoch.number)

    def refresh(self, client: Client) -> Epoch:
        """Ask the hub. Raises LogFaultError where the rules are not signed by the forum, InputError where they, or the
        epoch, can't be read.
        """
        key = self._key()
        envelope = client.json("GET", "/exchange/v1/rules", dict[str, Any]).get("envelope")
        try:
            text = dsse.verify(envelope, RULES, key.key)
        except InputError as error:
            raise LogFaultError(
                SIGNATURE, f"the hub's disclosure rules do not hold: {error.what}", {"envelope": envelope}
            ) from None
        try:
            rules = Rules.parse(text)
        except InputError as error:
            # The forum's own word, for a version that knows more kinds of rules.
            raise InputError(
                f"the forum's disclosure rules can't be used here: {error.what}",
                where=error.where,
                mend="use the version of stillwatch that the forum's hub has",
            ) from None
        said = client.json("GET", "/exchange/v1/epoch", dict[str, Any])
        try:
            epoch = Epoch(int(said["number"]), dsse.unbase64(said["template_key"]))
        except (InputError, KeyError, TypeError, ValueError):
            raise InputError(
                "the hub's epoch can't be read", mend="ask the forum which version its hub has"
            ) from None
        with self._store.writing():
            # An older version would be a replay: what was forbidden since would leave.
            if not self.has_rules or rules.version >= self.rules().version:
                self._store.put("rules", envelope)
            known = {str(one.number): base64.b64encode(one.template_key).decode() for one in self.epochs()}
            before = known.get(str(epoch.number))
            known[str(epoch.number)] = base64.b64encode(epoch.template_key).decode()
            if before != known[str(epoch.number)]:
                self._store.put("epochs", known)
        return epoch

    def check_epoch(self) -> None:
        """Hold the newest epoch against the log, and write it for scans. Raises LogFaultError where the log has another."""
        logged = self._store.get("logged_epoch")
        if logged is None:
            return
        known = {epoch.number: epoch for epoch in self.epochs()}
        later = [number for number in known if number > logged["number"]]
        if later:
            # Of which the log knows nothing: asked for again, and held against it when it does.
            with self._store.writing():
                kept = {str(n): e.document()["template_key"] for n, e in known.items() if n not in later}
                self._store.put("epochs", kept)
        epoch = known.get(logged["number"])
        if epoch is None:
            return
        if hashlib.sha256(epoch.template_key).hexdigest() != logged.get("template_key"):
            raise LogFaultError(
                SIGNATURE,
                f"the hub gave another template key for epoch {epoch.number} than the one that it logged",
                {"logged": logged, "given": hashlib.sha256(epoch.template_key).hexdigest()},
            )
        text = json.dumps(epoch.document()) + "\n"
        path = self._folder.path / EPOCH_FILE
        if not path.exists() or path.read_text("utf-8") != text:
            write_private(path, text)

    def _open(self, envelope: object) -> Rules:
        return open_signed(envelope, self._key())

    def _key(self) -> Verifier:
        return Verifier.parse(self._folder.trust.rules_key)
