"""Checks over several fields of an object, which the disclosure rules name under `also`.

Each takes the object with its fields as attributes or None, and what the rules and the member say, and returns (field, rule,
mend) of what it refuses, or None.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stillwatch.intelligence import patterns, sigma
from stillwatch.intelligence.extension import LINEAGE, PSEUDONYM, SUSPECT, TEMPLATE
from stillwatch.intelligence.markings import LEVELS, USES
from stillwatch.intelligence.opaque import decodes_to_text, id_reads_as_text, reads_as_text
from stillwatch.intelligence.vocabulary import SUSPECT_NAME

Found = tuple[str, str, str] | None
Get = Callable[[str], Any]
"""A field of the object by its name; None where it is absent. Of `extensions`: the ids of those that it has; of a field of
an extension, named `EXTENSION.FIELD`, its value.
"""

TEMPLATE_FORM = (
    r"stillwatch-template/1 epoch=[1-9][0-9]{0,3} part=(?:input|system) words=(?:12-15|16-31|32-63|64-127|128\+)"
    r" sketch=[A-Za-z0-9_-]{85}[AQgw]"
)
"""How a template signature is written (records/signatures reads it); of an epoch as forums count them, one a month or so."""


@dataclass(frozen=True)
class Setting:
    """What checks need besides the object."""

    k: int
    embargo_days: int
    now: datetime | None
    """None: nothing is held back for being recent, as where no clock may be read."""
    private_words: tuple[str, ...] = ()


def moment(text: str) -> datetime:
    """A time as STIX writes it. Raises ValueError for one that no calendar has."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _is_before(one: str, other: str) -> bool:
    # All are UTC, so those of one length are in the order of their texts.
    return one < other if len(one) == len(other) else moment(one) < moment(other)


def embargo(get: Get, setting: Setting) -> Found:
    """What was seen may be told when the day that it names has been over for the days that the rules say."""
    if setting.now is None:
        return None
    latest = setting.now - timedelta(days=1 + setting.embargo_days)
    for field in ("first_seen", "last_seen"):
        said = get(field)
        if said is not None and moment(said) > latest:
            return (
                field,
                "what was seen leaves only when its day is over"
                + (f" for {setting.embargo_days} days" if setting.embargo_days else ""),
                "wait until then (publish --not-before)",
            )
    return None


def versions(get: Get, setting: Setting) -> Found:
    """A version is not older than the object; those of one day count up in milliseconds."""
    if _is_before(get("modified"), get("created")):
        return "modified", "an object can't be changed before it was made", "give the time of this version"
    return None


def spans(get: Get, setting: Setting) -> Found:
    """Times in their order: something ends after it began (STIX 2.1, sections 4.2, 4.7 and 5.2)."""
    first, last = get("first_seen"), get("last_seen")
    if first is not None and last is not None and _is_before(last, first):
        return "last_seen", "it was seen last before it was seen first", "swap the times"
    begins, ends = get("valid_from"), get("valid_until")
    if begins is not None and ends is not None and not _is_before(begins, ends):
        return "valid_until", "it would be over before it began to be valid", "give a later end, or none"
    return None


def lists(get: Get, setting: Setting) -> Found:
    """Nothing stands twice in a list, and an object is handled in one way."""
    for field in _LISTS:
        listed = get(field)
        if listed is None or len(listed) < 2:
            continue
        # Values of references are written in one way, whoever wrote them.
        if len({one if isinstance(one, str) else _form(one) for one in listed}) < len(listed):
            return field, "something stands there twice", "name each once"
    marks = frozenset(get("object_marking_refs") or ())
    if len(marks) < 2:
        return None
    levels = [LEVELS[mark] for mark in marks if mark in LEVELS]
    if levels and not frozenset.intersection(*levels):
        return "object_marking_refs", "more than one TLP level", "leave the strictest"
    if len(marks & _USE_IDS) > 1:
        return "object_marking_refs", "more than one permitted use", "leave one"
    return None


def suspect(get: Get, setting: Setting) -> Found:
    """A suspect model is named by a digest of what it is; a member's own model by nothing."""
    known = SUSPECT in (get("extensions") or ())
    digests = [get(f"{SUSPECT}.{name}") for name in ("weights_sha256", "endpoint_sha256")]
    if known != (get("name") == SUSPECT_NAME):
        return (
            "extensions",
            "a suspect model has our extension, and no other model",
            "add it, or leave it out",
        )
    if known and digests == [None, None]:
        return (
            "extensions",
            "a suspect without a digest could be any model",
            "give that of weights or endpoint",
        )
    return None


def k(get: Get, setting: Setting) -> Found:
    """A group is described only from k accounts on, and by a number of handles that is the least of a bucket."""
    listed = get("object_refs")
    if len(set(listed)) < setting.k:
        return (
            "object_refs",
            f"fewer than {setting.k} accounts",
            "leave the group out: it could be told who they are",
        )
    if len(set(listed)) != len(listed) or len(listed) not in (setting.k, 10, 100, 1000, 10000):
        return (
            "object_refs",
            "a number of accounts that is not the least of a bucket",
            f"name {setting.k}, 10, 100, 1000 or 10000 of them",
        )
    return None


def pattern(get: Get, setting: Setting) -> Found:
    """The language of an indicator's pattern, and what its constants may be."""
    kind, text = get("pattern_type"), get("pattern")
    described = TEMPLATE in (get("extensions") or ())
    if kind == "stillwatch-template":
        if _TEMPLATE.fullmatch(text) is None:
            return "pattern", "no template signature", "make it with scan --epoch-key"
        if reads_as_text(text.rpartition("=")[2]):
            return "pattern", "the sketch reads as text", "make it with scan --epoch-key"
        if not described:
            return "extensions", "a template signature says of how many accounts it is", "add our extension"
        return None
    if described:
        return "extensions", "this extension is of template signatures only", "leave it out"
    fault = patterns.fault_of(text, setting.private_words) if kind == "stix" else sigma.fault_of(text)
    return None if fault is None else ("pattern", fault, "use what docs/reference/disclosure.md lists")


def relation(get: Get, setting: Setting) -> Found:
    """Which kinds of objects a relationship may tie together, and with which evidence."""
    kind = get("relationship_type")
    ends = (get("source_ref").partition("--")[0], get("target_ref").partition("--")[0])
    if ends not in RELATIONS[kind]:
        return (
            "relationship_type",
            f"{ends[0]} {kind} {ends[1]} is not on the allow-list",
            "use what docs/reference/disclosure.md lists, or leave it out",
        )
    tested = LINEAGE in (get("extensions") or ())
    if tested != (kind == "derived-from" and ends[0] == "software"):
        return (
            "extensions",
            "that a model was derived from another is said with the evidence, and nothing else is",
            "add the extension of lineage, or leave it out",
        )
    if tested and (get(f"{LINEAGE}.test") == "keyed marks") != (get(f"{LINEAGE}.grade") == "keyed"):
        return (
            f"extensions.{LINEAGE}.grade",
            "keyed evidence comes of keyed marks, and of nothing else",
            "give the grade of the test",
        )
    return None


def opaque(get: Get, setting: Setting) -> Found:
    """Ids, keys and digests are what they should be, and no text: bits that nobody chose."""
    kind = get("type")
    for field in (*_NAMES, *_REFERENCES.get(kind, ())):
        said = get(field)
        if said is not None and any(map(id_reads_as_text, (said,) if isinstance(said, str) else said)):
            return field, "the id is text in disguise", "draw the id by chance"
    for field in _BITS.get(kind, ()):
        bits = get(field)
        if bits is None:
            continue
        if reads_as_text(bits.rstrip("=")) if field == _KEY else decodes_to_text(bytes.fromhex(bits)):
            what = "key" if field == _KEY else "digest"
            return f"extensions.{field}", f"the {what} is text in disguise", f"give a {what}"
    return None


_NAMES = ("id", "created_by_ref")
_REFERENCES: Mapping[str, tuple[str, ...]] = {
    "relationship": ("source_ref", "target_ref"),
    "sighting": ("sighting_of_ref", "where_sighted_refs"),
    "grouping": ("object_refs",),
    "opinion": ("object_refs",),
    "user-account": ("user_id",),
}
_KEY = f"{PSEUDONYM}.public_key"
_BITS: Mapping[str, tuple[str, ...]] = {
    "identity": (_KEY,),
    "software": (f"{SUSPECT}.weights_sha256", f"{SUSPECT}.endpoint_sha256"),
    "relationship": (f"{LINEAGE}.prompt_set_sha256",),
}
_SHARED = ("campaign", "grouping", "indicator", "software")
RELATIONS: Mapping[str, frozenset[tuple[str, str]]] = {
    "indicates": frozenset((("indicator", "campaign"), ("indicator", "grouping"))),
    "mitigates": frozenset((("course-of-action", "campaign"), ("course-of-action", "indicator"))),
    "derived-from": frozenset(
        (("software", "software"), ("indicator", "indicator"), ("campaign", "campaign"))
    ),
    "uses": frozenset((("campaign", "software"),)),
    # Never single accounts: of groups, `k` says how many they are at least.
    "related-to": frozenset((one, other) for one in _SHARED for other in _SHARED),
}

_LISTS = (
    "object_marking_refs",
    "labels",
    "indicator_types",
    "external_references",
    "kill_chain_phases",
    "object_refs",
    "where_sighted_refs",
)
_USE_IDS = frozenset(use["id"] for use in USES.values())


def _form(one: Any) -> str:
    """A value of a list by its content, whichever of the two ways of checking read it."""
    return json.dumps(one, sort_keys=True) if isinstance(one, dict) else bytes(one).decode()


_TEMPLATE = re.compile(TEMPLATE_FORM)

Check = Callable[[Get, Setting], Found]
CHECKS: Mapping[str, Check] = {
    "embargo": embargo,
    "k": k,
    "lists": lists,
    "opaque": opaque,
    "pattern": pattern,
    "relation": relation,
    "spans": spans,
    "suspect": suspect,
    "versions": versions,
}
"""By the name that the rules use."""


def checked(names: Iterable[str], get: Get, setting: Setting) -> Found:
    """The first thing that one of these checks refuses; None where none does."""
    for name in names:
        found = CHECKS[name](get, setting)
        if found is not None:
            return found
    return None
