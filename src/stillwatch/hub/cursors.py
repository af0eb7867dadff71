"""Cursors (`next` of TAXII 2.1, section 3.5): where the next page begins, and of what. Nobody else can make one."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, replace

import msgspec

from stillwatch.hub.errors import Refused, bad_request
from stillwatch.hub.model import Query

_MAC_BYTES = 16


@dataclass(frozen=True)
class Cursor:
    """A page begins after `seq`, of a resource (`objects`, `manifest`, `versions`) with these filters."""

    resource: str
    collection: str
    seq: int
    added_after: int | None
    ids: tuple[str, ...]
    types: tuple[str, ...]
    versions: tuple[str, ...]
    spec_versions: tuple[str, ...]


_FILTERS = ("added_after", "ids", "types", "versions", "spec_versions")
_DECODER = msgspec.json.Decoder(Cursor)


class Cursors:
    """Makes and reads the cursors of one hub; processes that share its key understand each other's."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, resource: str, collection: str, query: Query, seq: int) -> str:
        """The cursor after `seq`."""
        filters = {name: getattr(query, name) for name in _FILTERS}
        text = msgspec.json.encode(Cursor(resource, collection, seq, **filters))
        return base64.urlsafe_b64encode(self._mac(text) + text).decode().rstrip("=")

    def resume(self, resource: str, collection: str, query: Query) -> tuple[Query, int]:
        """The query with the filters of its cursor, and the `seq` after which its page begins (-1 without a cursor).

        Raises `Refused` (400) for a cursor that is not ours, or is of another resource, or contradicts the query.
        """
        if query.cursor is None:
            return query, -1
        try:
            data = base64.b64decode(
                query.cursor + "=" * (-len(query.cursor) % 4), altchars=b"-_", validate=True
            )
            text = data[_MAC_BYTES:]
            if not hmac.compare_digest(data[:_MAC_BYTES], self._mac(text)):
                raise _bad("This `next` was not made by this server.")
            cursor = _DECODER.decode(text)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            raise _bad("This `next` was not made by this server.") from None
        if (cursor.resource, cursor.collection) != (resource, collection):
            raise _bad("This `next` is of another resource.")
        for name in _FILTERS:
            given, kept = getattr(query, name), getattr(cursor, name)
            if given not in (None, ()) and _plain(given) != _plain(kept):
                raise _bad(f"This `next` was made with another `{name}`: give the same, or leave it out.")
        return replace(query, **{name: getattr(cursor, name) for name in _FILTERS}), cursor.seq

    def _mac(self, text: bytes) -> bytes:
        return hmac.digest(self._key, b"stillwatch cursor v1\n" + text, hashlib.sha256)[:_MAC_BYTES]


def _plain(value: object) -> object:
    """A filter without the order and repetition of its values, which mean nothing."""
    if isinstance(value, tuple):
        return set(value) or {"last"}
    return value


def _bad(description: str) -> Refused:
    return bad_request(description)
