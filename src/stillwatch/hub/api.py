"""What nodes ask beyond TAXII: keys, certificates, receipts, corroboration, and the transparency log (C2SP tlog-tiles)."""

import re
from collections.abc import Callable

import msgspec

from stillwatch.hub.bounds import MAX_SMALL_BODY_BYTES
from stillwatch.hub.calls import JSON, TEXT, TILE, Answer, Call, Endpoint
from stillwatch.hub.errors import bad_request, not_found, unprocessable
from stillwatch.hub.limits import MAX_PAGE
from stillwatch.hub.requests import json_object, number, object_id
from stillwatch.records.errors import InputError
from stillwatch.transparency import tiles

PREFIX = "/exchange/v1"
MAX_CORROBORATED = 100
"""Ids in one question for corroboration: a query string has room for some 150."""

_MOST_COSIGNATURES = 1000
_MOST_LEVELS = 63
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def _json(resource: object) -> Answer:
    return Answer(msgspec.json.encode(resource), JSON)


def me(call: Call) -> Answer:
    """What the member may know of itself."""
    return _json(call.exchange.me(call.member))


def epoch(call: Call) -> Answer:
    """The epoch with its template key."""
    return _json(call.exchange.epoch())


def rules(call: Call) -> Answer:
    """The signed rules in force."""
    return _json({"envelope": call.exchange.rules_envelope()})


def certify(call: Call) -> Answer:
    """A certificate for the member's pseudonym of this epoch."""
    return _json(call.exchange.certify(call.member, json_object(call.body)))


def certificate(call: Call) -> Answer:
    """The certificate of any pseudonym."""
    return _json(call.exchange.certificate(object_id(call.path["pseudonym"])))


def receipts(call: Call) -> Answer:
    """What a node verifies, in order of `seq`."""
    after = number(call.query, "after", 0, 0)
    return _json(
        call.exchange.receipts(call.member, after, min(number(call.query, "limit", 1, MAX_PAGE), MAX_PAGE))
    )


def corroboration(call: Call) -> Answer:
    """How many members saw objects too, in buckets."""
    ids = [value for name, value in call.query if name == "id"]
    if not 1 <= len(ids) <= MAX_CORROBORATED:
        raise bad_request(f"give id once to {MAX_CORROBORATED} times", parameter="id")
    return _json({"items": call.exchange.corroboration(call.member, [object_id(each) for each in ids])})


def register_witness(call: Call) -> Answer:
    """Take the member's witness key."""
    key = json_object(call.body).get("key")
    if not isinstance(key, str):
        raise unprocessable('send {"key": "<verifier key>"}', field="key")
    call.exchange.register_witness(call.member, key)
    return Answer(status=204)


def checkpoint(call: Call) -> Answer:
    """The newest checkpoint that has at least so many cosignatures (C2SP tlog-checkpoint)."""
    wanted = number(call.query, "cosignatures", 0, 0)
    if wanted > _MOST_COSIGNATURES:
        raise bad_request(
            f"cosignatures is greater than {_MOST_COSIGNATURES}: there are no so many members",
            parameter="cosignatures",
        )
    note = call.exchange.checkpoint(wanted)
    if note is None:
        raise not_found("no checkpoint has so many cosignatures yet")
    return Answer(note.encode(), TEXT)


def cosign(call: Call) -> Answer:
    """Take a cosignature (C2SP tlog-cosignature)."""
    try:
        note = call.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(f"the note is not UTF-8 at byte {error.start}") from None
    call.exchange.cosign(call.member, note)
    return Answer(status=204)


def tile(call: Call) -> Answer:
    """Hashes of the log's tree."""
    level = call.path["level"]
    if re.fullmatch(r"0|[1-9]\d?", level) is None or int(level) > _MOST_LEVELS:
        raise not_found("no tile has such a level")
    index, width = _place(call)
    return _tile(call.exchange.tile(int(level), index, width), width)


def entries(call: Call) -> Answer:
    """Entries of the log."""
    index, width = _place(call)
    return _tile(call.exchange.entries(index, width), width)


def _place(call: Call) -> tuple[int, int | None]:
    """Index and width of a tile's path: `x001/234`, or `x001/234.p/5` (tlog-tiles, "Merkle tree")."""
    try:
        return tiles.read_number(call.path["index"])
    except InputError as error:
        raise not_found(error.what) from None


def _tile(found: bytes | None, width: int | None) -> Answer:
    if found is None:
        raise not_found("the log has not come so far")
    # A tile that is full never changes.
    return Answer(found, TILE, headers=_FOREVER if width is None else {})


def _get(path: str, name: str, handle: Callable[[Call], Answer], media_type: str = JSON) -> Endpoint:
    return Endpoint("GET", path, name, handle, media_type)


def _post(
    path: str, name: str, handle: Callable[[Call], Answer], takes: str = JSON, answers: str = ""
) -> Endpoint:
    # Most answer with nothing, and so take any Accept.
    return Endpoint("POST", path, name, handle, answers, (takes,), MAX_SMALL_BODY_BYTES, True)


ENDPOINTS = (
    _get(f"{PREFIX}/me", "me", me),
    _get(f"{PREFIX}/epoch", "epoch", epoch),
    _get(f"{PREFIX}/rules", "rules", rules),
    _post(f"{PREFIX}/pseudonyms", "certify", certify, answers=JSON),
    _get(f"{PREFIX}/pseudonyms/{{pseudonym}}", "certificate", certificate),
    _get(f"{PREFIX}/receipts", "receipts", receipts),
    _get(f"{PREFIX}/corroboration", "corroboration", corroboration),
    _post(f"{PREFIX}/witness", "register_witness", register_witness),
    _get("/log/checkpoint", "checkpoint", checkpoint, TEXT),
    _get("/log/tile/entries/{index}", "entries", entries, TILE),
    _get("/log/tile/{level}/{index}", "tile", tile, TILE),
    _post("/log/cosignatures", "cosign", cosign, "text/plain"),
)
"""The endpoints of nodes. `index` holds slashes."""
