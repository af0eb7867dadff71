"""Epochs: each has a new key for template signatures and lets members take new pseudonyms."""

import base64
import secrets
from typing import Any

from stillwatch.hub import times
from stillwatch.hub.database import Database, Line, Transaction
from stillwatch.hub.log import Log, epoch_entry

TEMPLATE_KEY_BYTES = 16


class Epochs:
    """The epochs of one hub. The newest is the current one."""

    def __init__(self, database: Database, log: Log) -> None:
        self._database, self._log = database, log

    def begin(self, tx: Transaction, rules: str) -> int:
        """Begin the next epoch (1 is the first) under rules of this digest, and log it; its number."""
        line = tx.one("SELECT COALESCE(MAX(number), 0) + 1 FROM epochs")
        assert line is not None
        number, key = int(line[0]), secrets.token_bytes(TEMPLATE_KEY_BYTES)
        index = self._log.add(tx, [epoch_entry(number, key, rules)])
        tx.insert(
            "epochs",
            ("number", "template_key", "began", "rules", "log_index"),
            [(number, key, times.now(), rules, index)],
        )
        return number

    def new(self, rules: str) -> dict[str, Any]:
        """Begin the next epoch; as `current` tells it."""
        with self._database.write() as tx:
            self.begin(tx, rules)
        return self.current()

    def number(self) -> int:
        """The number of the current epoch."""
        return int(self._newest()[0])

    def current(self) -> dict[str, Any]:
        """The current epoch with its template key."""
        number, key, began, rules = self._newest()
        return {
            "number": number,
            "template_key": base64.b64encode(key).decode(),
            "began": times.stamp(began),
            "rules": rules,
        }

    def _newest(self) -> Line:
        line = self._database.one(
            "SELECT number, template_key, began, rules FROM epochs ORDER BY number DESC LIMIT 1"
        )
        assert line is not None  # a hub is made with its first
        return line
