"""What a handler gets and gives: a request that was let in, and an answer, without a word of the server's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stillwatch.hub.exchange import Exchange
from stillwatch.hub.model import Member

TAXII = "application/taxii+json;version=2.1"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
TILE = "application/octet-stream"


@dataclass(frozen=True)
class Call:
    """A request of a member. `base` is the hub's address as the client reaches it, without a slash at the end."""

    exchange: Exchange
    member: Member
    path: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: bytes
    base: str


@dataclass(frozen=True)
class Answer:
    """What a request gets. A media type of None goes with an empty body."""

    body: bytes = b""
    media_type: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoint:
    """One method of one path, which is written as OpenAPI does. `name` is the operation's.

    `media_type`: what it answers with, errors apart, which come as TAXII or as plain JSON. `takes`: media types of its
    body; none for a method without one. `largest`: bytes of its body. `writes`: it waits for a commit.
    """

    method: str
    path: str
    name: str
    handle: Callable[[Call], Answer]
    media_type: str
    takes: tuple[str, ...] = ()
    largest: int = 0
    writes: bool = False
