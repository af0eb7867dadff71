"""What clients ask: media types (RFC 9110), filters of TAXII (section 3.4 and 3.5), numbers, envelopes."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from stillwatch.hub.errors import Refused, bad_request, unprocessable
from stillwatch.hub.limits import MAX_PAGE, MAX_POST_OBJECTS
from stillwatch.hub.model import Query
from stillwatch.hub.times import parse, stamp

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf"\s*({_WORD})\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|({_WORD}))\s*")
_RANGE = re.compile(rf"\s*({_WORD}|\*)/({_WORD}|\*)\s*")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,249}--[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9-]{0,249}")
_SPEC_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_MOST_FILTERS = 1000
LARGEST_NUMBER = 2**63 - 1

COLLECTION_FILTERS = frozenset({"id", "type", "version", "spec_version"})
OBJECT_FILTERS = frozenset({"version", "spec_version"})
VERSIONS_FILTERS = frozenset({"spec_version"})
_PAGING = frozenset({"added_after", "limit", "next"})


@lru_cache(maxsize=8192)
def format_version(microseconds: int) -> str:
    """A time with three digits after the second where they are enough, as STIX writes `modified`."""
    text = stamp(microseconds)
    return f"{text[:-4]}Z" if text.endswith("000Z") else text


def _parameters(text: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        match = _PARAMETER.fullmatch(part)
        if match is None:
            return None
        found[match[1].lower()] = match[2] if match[2] is not None else match[3]
    return found


def accepts(header: str | None, media_type: str) -> bool:
    """Whether a header `Accept` takes an answer of a media type (RFC 9110, section 12.5.1).

    Of parameters only `version` is compared, and one that the client leaves out is the newest (TAXII 2.1, section 1.6.8).
    The most specific range decides, so that `*/*, application/taxii+json;q=0` takes none.
    """
    if header is None or not header.strip():
        return True
    main, _, parameters = media_type.partition(";")
    kind, _, subtype = main.partition("/")
    version = (_parameters(parameters) or {}).get("version")
    best, weight = -1, 0.0
    for element in header.split(","):
        left, _, right = element.partition(";")
        match, given = _RANGE.fullmatch(left), _parameters(right)
        if match is None or given is None:
            continue
        wanted = (match[1].lower(), match[2].lower())
        rank = {(kind, subtype): 2, (kind, "*"): 1, ("*", "*"): 0}.get(wanted, -1)
        asked = given.get("version")
        if rank < 0 or (rank == 2 and asked is not None and asked != version):
            continue
        rank += asked is not None
        if rank >= best:
            best, weight = rank, _weight(given.get("q", "1"))
    return best >= 0 and weight > 0


def _weight(text: str) -> float:
    return float(text) if re.fullmatch(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", text) else 0.0


def is_of(header: str | None, media_types: Sequence[str]) -> bool:
    """Whether a header `Content-Type` names one of these media types; `version`, where given, must be theirs."""
    left, _, right = (header or "").partition(";")
    given = _parameters(right)
    if given is None or not set(given) <= {"version", "charset"}:
        return False
    if given.get("charset", "utf-8").lower() != "utf-8":
        return False
    for media_type in media_types:
        main, _, parameters = media_type.partition(";")
        version = (_parameters(parameters) or {}).get("version")
        if left.strip().lower() == main and given.get("version", version) == version:
            return True
    return False


def single(query: Sequence[tuple[str, str]], name: str) -> str | None:
    """The value of a parameter that may be given once."""
    found = [value for key, value in query if key == name]
    if len(found) > 1:
        raise bad_request(f"{name} is given {len(found)} times; give it once", parameter=name)
    return found[0] if found else None


def flag(query: Sequence[tuple[str, str]], name: str) -> bool:
    """A parameter that is 0 or 1; 0 where it is not given."""
    text = single(query, name)
    if text not in (None, "0", "1"):
        raise bad_request(f"{name} is neither 0 nor 1", parameter=name)
    return text == "1"


def number(query: Sequence[tuple[str, str]], name: str, least: int, default: int) -> int:
    """A decimal parameter."""
    text = single(query, name)
    if text is None:
        return default
    if re.fullmatch(r"[0-9]{1,19}", text) is None or not least <= int(text) <= LARGEST_NUMBER:
        raise bad_request(f"{name} is not a whole number of {least} or more", parameter=name)
    return int(text)


def query_of(query: Sequence[tuple[str, str]], filters: frozenset[str], *, paged: bool = True) -> Query:
    """The filters of a request.

    Parameters that TAXII does not know are ignored, as HTTP's are; a filter `match[...]` that is not known here is refused
    (400), since to leave it out would give what was not asked for. A `limit` beyond ours is ours (section 3.4).
    """
    matches: dict[str, tuple[str, ...]] = {}
    for name, _ in query:
        if not name.startswith("match[") and name != "match":
            continue
        field = name[6:-1]
        if not name.endswith("]") or field not in filters:
            known = " and ".join(f"match[{field}]" for field in sorted(filters))
            raise bad_request(f"this filter is not known here; {known} are")
        values = tuple(part.strip() for part in (single(query, name) or "").split(","))
        if len(values) > _MOST_FILTERS:
            raise bad_request(f"{name} has more than {_MOST_FILTERS} values", parameter=name)
        matches[field] = values
    for field, shape, example in (
        ("id", _ID, "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"),
        ("type", _TYPE, "indicator"),
        ("spec_version", _SPEC_VERSION, "2.1"),
    ):
        if not all(shape.fullmatch(value) for value in matches.get(field, ())):
            raise bad_request(
                f"match[{field}] holds what is none; write it as {example}", parameter=f"match[{field}]"
            )
    if not paged:
        return Query(versions=_versions(matches), spec_versions=matches.get("spec_version", ()))
    after = single(query, "added_after")
    cursor = single(query, "next")
    if cursor is not None and re.fullmatch(r"[A-Za-z0-9_.=-]{1,2000}", cursor) is None:
        raise bad_request("next is none of ours; give it as an answer gave it", parameter="next")
    return Query(
        added_after=None if after is None else _added_after(after),
        limit=min(number(query, "limit", 1, MAX_PAGE), MAX_PAGE),
        cursor=cursor,
        ids=matches.get("id", ()),
        types=matches.get("type", ()),
        versions=_versions(matches),
        spec_versions=matches.get("spec_version", ()),
    )


def _added_after(text: str) -> int:
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise bad_request(
            "added_after is not a time; write it as 2026-03-01T12:00:00.000000Z", parameter="added_after"
        ) from None


def _versions(matches: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    versions = matches.get("version", ())
    for version in versions:
        if version in ("all", "first", "last"):
            continue
        try:
            parse(version)
        except (ValueError, OverflowError):
            raise bad_request(
                "match[version] is none of all, first, last, or a time such as 2026-03-01T12:00:00.000Z",
                parameter="match[version]",
            ) from None
    return versions


def object_id(text: str) -> str:
    """An object's id in a path. Refused (404) where it is none."""
    if _ID.fullmatch(text) is None:
        raise Refused(404, "Not found", "no object has such an id")
    return text


class _Object(msgspec.Struct):
    """Any JSON object: what it holds is passed over."""


class _Count(msgspec.Struct):
    objects: Annotated[list[_Object], msgspec.Meta(max_length=MAX_POST_OBJECTS)]


class _Envelope(msgspec.Struct):
    objects: list[msgspec.Raw]
    x_stillwatch_batch: msgspec.Raw = msgspec.Raw(b"null")


_count, _envelope = msgspec.json.Decoder(_Count), msgspec.json.Decoder(_Envelope)


def envelope_of(body: bytes) -> tuple[list[bytes], bytes | None]:
    """The objects of an envelope (TAXII 2.1, section 3.7), each as its JSON, and what signs them.

    A bundle passes for one: other tools post it. Raises Refused: 400 what is not JSON, 413 too many, 422 no envelope.
    """
    try:
        body.decode("utf-8")
        # There are no more elements than commas. Where there could be too many they are counted first, at 16 bytes each.
        if body.count(b",") >= MAX_POST_OBJECTS:
            _count.decode(body)
        envelope = _envelope.decode(body)
    except UnicodeDecodeError as error:
        raise bad_request(f"the body is not UTF-8 at byte {error.start}") from None
    except msgspec.ValidationError as error:
        if "length <=" in str(error):
            raise Refused(
                413, "Content too large", f"an envelope has at most {MAX_POST_OBJECTS:,} objects"
            ) from None
        raise unprocessable('the body is no envelope; send {"objects": [{...}, ...]}') from None
    except msgspec.DecodeError:
        raise bad_request("the body is not JSON") from None
    except RecursionError:
        raise bad_request("the body is nested too deeply") from None
    if not envelope.objects:
        raise unprocessable("the envelope holds no object; send one at least")
    batch = bytes(envelope.x_stillwatch_batch)
    return [bytes(raw) for raw in envelope.objects], None if batch == b"null" else batch


def json_object(body: bytes) -> dict[str, Any]:
    """A small JSON object. Raises Refused: 400 what is not JSON, 422 another value."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise bad_request("the body is not JSON") from None
    if not isinstance(found, dict):
        raise unprocessable("the body is not a JSON object")
    return found
