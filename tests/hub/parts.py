"""What the tests of the hub share: members with keys, objects, batches, and a hub on either store."""

import base64
import io
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.hub.exchange import Exchange
from stillwatch.hub.model import Limits, Member, Query, Status
from stillwatch.hub.pseudonyms import proof_message
from stillwatch.intelligence.markings import TLP
from stillwatch.serving.events import Events
from stillwatch.transparency import batches
from stillwatch.transparency.canonical import canonical

URL = "http://127.0.0.1:8600"
DAY = "2026-11-01T00:00:00.000Z"


def indicator(**fields: Any) -> dict[str, Any]:
    """An indicator that the default rules accept."""
    made = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": DAY,
        "modified": DAY,
        "pattern": "[domain-name:value = 'example.com']",
        "pattern_type": "stix",
        "valid_from": DAY,
        **fields,
    }
    return {name: value for name, value in made.items() if value is not None}


def large(pseudonym: str) -> dict[str, Any]:
    """An object of half a megabyte that the default rules accept."""
    return {
        "type": "grouping",
        "spec_version": "2.1",
        "id": f"grouping--{uuid.uuid4()}",
        "created_by_ref": pseudonym,
        "created": DAY,
        "modified": DAY,
        "context": "suspicious-activity",
        "object_refs": [f"user-account--{uuid.uuid4()}" for _ in range(10_000)],
        "object_marking_refs": [TLP["green"]["id"]],
    }


def identity(**fields: Any) -> dict[str, Any]:
    """An identity of nobody in particular."""
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": f"identity--{uuid.uuid4()}",
        "created": DAY,
        "modified": DAY,
        "name": "Anonymous member",
        **fields,
    }


def sighting(of: str, **fields: Any) -> dict[str, Any]:
    """A sighting of another object."""
    return {
        "type": "sighting",
        "spec_version": "2.1",
        "id": f"sighting--{uuid.uuid4()}",
        "created": DAY,
        "modified": DAY,
        "sighting_of_ref": of,
        **fields,
    }


def opinion(of: str, said: str = "strongly-disagree", **fields: Any) -> dict[str, Any]:
    """An opinion on another object."""
    return {
        "type": "opinion",
        "spec_version": "2.1",
        "id": f"opinion--{uuid.uuid4()}",
        "created": DAY,
        "modified": DAY,
        "opinion": said,
        "object_refs": [of],
        **fields,
    }


def day(number: int) -> str:
    """A time that may be a version: midnight of a day in 2026, from 1 on."""
    month, rest = divmod(number - 1, 28)
    return f"2026-{month + 1:02d}-{rest + 1:02d}T00:00:00.000Z"


@dataclass
class Store:
    """Where the hub of a test keeps its rows."""

    folder: Path
    database: str | None
    opened: list[Exchange] = field(default_factory=list)
    told: io.StringIO = field(default_factory=io.StringIO)
    """The hubs' own log."""

    @property
    def kind(self) -> str:
        """The name of the store."""
        return "sqlite" if self.database is None else "postgresql"

    def create(self) -> Exchange:
        """Make a hub."""
        return self._keep(Exchange.create(self.folder, URL, self.database, Events(self.told)))

    def open(self) -> Exchange:
        """Open the same hub once more."""
        return self._keep(Exchange.open(self.folder, self.database, Events(self.told)))

    def _keep(self, hub: Exchange) -> Exchange:
        self.opened.append(hub)
        return hub

    def end(self) -> None:
        """Close all hubs."""
        for hub in self.opened:
            hub.close()


class Provider:
    """A member with its credentials and, once asked for, its pseudonym."""

    def __init__(self, hub: Exchange, name: str, limits: Limits | None = None) -> None:
        self.hub = hub
        self.credentials = hub.add_member(name, limits)
        self.member: Member = hub.member(self.credentials["member_id"])
        self.collection = self.credentials["hub"]["collection"]
        self.key = Ed25519PrivateKey.generate()

    def request(self, epoch: int = 1, key: Ed25519PrivateKey | None = None) -> dict[str, Any]:
        """What it asks a certificate with."""
        key = key or self.key
        public = key.public_key().public_bytes_raw()
        proof = key.sign(proof_message(epoch, self.member.member_id, public))
        return {
            "epoch": epoch,
            "public_key": base64.b64encode(public).decode(),
            "proof": base64.b64encode(proof).decode(),
        }

    def pseudonym(self) -> str:
        """Its pseudonym of the current epoch."""
        epoch = self.hub.epoch()["number"]
        self.hub.certify(self.member, self.request(epoch))
        return self.hub.me(self.member)["pseudonym"]

    def post(self, *objects: Any, batch: bytes | None = None, hub: Exchange | None = None) -> Status:
        """Post objects (parsed, or as bytes)."""
        raw = [item if isinstance(item, bytes) else canonical(item) for item in objects]
        return (hub or self.hub).submit(self.member, self.collection, raw, batch, sum(map(len, raw)))

    def sign(self, *objects: dict[str, Any], **fields: Any) -> bytes:
        """The envelope of a signed batch."""
        pseudonym = fields.get("pseudonym") or self.hub.me(self.member)["pseudonym"]
        epoch = fields.get("epoch") or self.hub.epoch()["number"]
        forms = [canonical(item) for item in objects]
        collection = fields.get("collection", self.collection)
        return json.dumps(batches.sign(forms, collection, epoch, pseudonym, self.key)).encode()

    def post_signed(self, *objects: dict[str, Any]) -> Status:
        """Post objects under one signature."""
        return self.post(*objects, batch=self.sign(*objects))

    def all(self, **query: Any) -> list[Any]:
        """All rows that the pages of a query hold."""
        rows, cursor = [], None
        while True:
            page = self.hub.objects(self.member, self.collection, Query(cursor=cursor, **query))
            rows += page.rows
            if not page.more:
                return rows
            cursor = page.next
