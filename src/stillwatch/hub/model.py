"""What the exchange takes and returns. Times are microseconds since 1970-01-01 UTC, unless said otherwise."""

from dataclasses import dataclass, field
from typing import NamedTuple

from stillwatch.hub.limits import BYTES_PER_DAY, MAX_PAGE, OBJECTS_PER_DAY, REQUESTS_PER_MINUTE


@dataclass(frozen=True)
class Limits:
    """What one member may use."""

    requests_per_minute: int = REQUESTS_PER_MINUTE
    objects_per_day: int = OBJECTS_PER_DAY
    bytes_per_day: int = BYTES_PER_DAY


@dataclass(frozen=True)
class Member:
    """One member of the forum. Only the hub's operator and the member itself see its id and its name."""

    member_id: str
    name: str
    revoked: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Collection:
    """A TAXII collection (TAXII 2.1, section 5.2) as one member sees it."""

    id: str
    title: str
    alias: str | None
    description: str
    can_read: bool
    can_write: bool


@dataclass(frozen=True)
class Query:
    """What of a collection is wanted (TAXII 2.1, section 3.4). Empty filters take everything.

    `added_after` is about receipt and strictly greater. `versions`: "all", "first", "last" or RFC 3339 times; STIX's
    `modified`, else `created`. `cursor` is `next` of an earlier page: it carries its filters, and those given beside
    it must be the same or not given.
    """

    added_after: int | None = None
    limit: int = MAX_PAGE
    cursor: str | None = None
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()  # none: "last", unless the cursor says otherwise
    spec_versions: tuple[str, ...] = ()


class Row(NamedTuple):
    """One version of an object: its `modified`, else `created`, else 0. `body`: canonical JSON, where asked for."""

    seq: int
    date_added: int
    stix_id: str
    version: int
    spec_version: str
    body: bytes | None


@dataclass(frozen=True)
class Page:
    """Rows in order of date_added. `next` is there exactly when `more` is: the cursor of the page after."""

    rows: list[Row]
    more: bool
    next: str | None


class Outcome(NamedTuple):
    """What became of one object of a POST: its id ("" where it has none), its version, and why, in words."""

    id: str
    version: int
    message: str | None = None


@dataclass(frozen=True)
class Status:
    """TAXII's status resource (TAXII 2.1, section 4.3.1)."""

    id: str
    status: str  # "complete" or "pending"
    request_timestamp: int
    total_count: int
    success_count: int
    failure_count: int
    pending_count: int
    successes: list[Outcome]
    failures: list[Outcome]
    pendings: list[Outcome]


class Event(NamedTuple):
    """An accepted object version for those who follow. `body` is None once erased.

    `receipt` is JSON: the receipt without `object`, with `envelope` and `proof` where the object came in a signed batch.
    """

    seq: int
    collection: str
    body: bytes | None
    receipt: bytes


class EventPage(NamedTuple):
    """Events in order of `seq`, and whether there are more of those that were asked for."""

    events: list[Event]
    more: bool


@dataclass(frozen=True)
class Fault:
    """The first thing that the log and the stored objects disagree about: index of the log entry, where there is one."""

    entry: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.entry is None else f"log entry {self.entry}: {self.what}"


@dataclass(frozen=True)
class Stats:
    """Numbers for metrics. `committed` and `refused` are of this process; the rest is of the whole hub."""

    head: int
    log_size: int
    members: int
    committed: int
    transactions: int
    refused: dict[str, int]  # rule -> objects
    waiting: int  # objects that wait for a transaction
