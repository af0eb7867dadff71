"""Checks over several fields of an object, which the disclosure rules name under `also`.

Each takes the object with its fields as attributes or None, and what the rules and the member say, and returns (field, rule,
mend) of what it refuses, or None.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from stillwatch.intelligence import patterns, sigma
from stillwatch.intelligence.extension import TEMPLATE

Found = tuple[str, str, str] | None
Get = Callable[[str], Any]
"""A field of the object by its name; None where it is absent. Of `extensions`: the ids of those that it has."""

TEMPLATE_FORM = (
    r"stillwatch-template/1 epoch=[1-9][0-9]{0,8} part=(?:input|system) words=[0-9]{1,5}(?:-[0-9]{1,5}|\+)"
    r" sketch=[A-Za-z0-9_-]{16,512}"
)
"""How a template signature is written; records/signatures.py reads it."""


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
                "wait until then (publish --after)",
            )
    return None


def versions(get: Get, setting: Setting) -> Found:
    """A version is not older than the object; those of one day count up in milliseconds."""
    if moment(get("modified")) < moment(get("created")):
        return "modified", "an object can't be changed before it was made", "give the time of this version"
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
        if not described:
            return "extensions", "a template signature says of how many accounts it is", "add our extension"
        return None
    if described:
        return "extensions", "this extension is of template signatures only", "leave it out"
    fault = patterns.fault_of(text, setting.private_words) if kind == "stix" else sigma.fault_of(text)
    return None if fault is None else ("pattern", fault, "use what docs/reference/disclosure.md lists")


def relation(get: Get, setting: Setting) -> Found:
    """Which kinds of objects a relationship may tie together."""
    kind = get("relationship_type")
    ends = (get("source_ref").partition("--")[0], get("target_ref").partition("--")[0])
    if kind != "related-to" and ends not in RELATIONS[kind]:
        return (
            "relationship_type",
            f"{ends[0]} {kind} {ends[1]} is not on the allow-list",
            "use related-to, or leave it out",
        )
    if get("extensions") and kind != "derived-from":
        return "extensions", "evidence of lineage belongs to derived-from", "leave it out"
    return None


RELATIONS: Mapping[str, frozenset[tuple[str, str]]] = {
    "indicates": frozenset((("indicator", "campaign"), ("indicator", "grouping"))),
    "mitigates": frozenset((("course-of-action", "campaign"), ("course-of-action", "indicator"))),
    "derived-from": frozenset(
        (("software", "software"), ("indicator", "indicator"), ("campaign", "campaign"))
    ),
    "uses": frozenset((("campaign", "software"),)),
}

_TEMPLATE = re.compile(TEMPLATE_FORM)

Check = Callable[[Get, Setting], Found]
CHECKS: Mapping[str, Check] = {
    "embargo": embargo,
    "k": k,
    "pattern": pattern,
    "relation": relation,
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
