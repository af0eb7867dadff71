"""Whether an object may leave: the quick way for those that may, and the way that says why for those that may not.

Both decide alike (tests/intelligence/test_checking.py). The quick way takes objects in canonical form, as nodes send
them; what comes in another form is brought into it first, so that nothing hides in white space, escapes or repeated keys.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from stillwatch.intelligence.checks import Get, Setting, checked, moment
from stillwatch.intelligence.compiled import Compiled, UnusableError, compiled
from stillwatch.intelligence.extension import PSEUDONYM, published
from stillwatch.intelligence.rules import MOST_ITEMS, Rule, Rules, kind_of, pattern_of, required
from stillwatch.records.errors import InputError
from stillwatch.transparency.canonical import canonical, parse

MOST_BYTES = 1 << 20
"""Of one object. The largest that the rules allow is a grouping of many thousand accounts."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Refusal:
    """One thing that may not leave: in which object, at which field, by which rule, and how to mend it."""

    object_id: str
    field: str
    rule: str
    mend: str


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An object that may leave, in its canonical form, with what a store has to know of it."""

    id: str
    type: str
    version: int
    """Microseconds since 1970 of `modified`, else of `created`; 0 where it has neither."""
    said_by: tuple[str, ...]
    """The identities under which it is said: its author, and who sighted something."""
    revoked: bool
    valid_until: int | None
    """Microseconds since 1970."""
    refers: tuple[str, ...]
    """What a sighting or an opinion is about."""
    opinion: str | None
    certified: tuple[str, str] | None
    """Epoch and public key that an identity claims to have a certificate for."""
    spec_version: str
    common: bool
    """One of the objects that are the same for everybody."""
    canonical: bytes


class _Peek(msgspec.Struct):
    type: str


@lru_cache(maxsize=8)
def _quick(rules: Rules) -> Mapping[str, Compiled]:
    # A node makes a checker for each batch, under rules that stay the same for months.
    found: dict[str, Compiled] = {}
    for kind, fields in rules.types.items():
        try:
            found[kind] = compiled(kind, fields)
        except UnusableError:
            continue
    return found


class Checker:
    """Checks objects against one version of the rules."""

    def __init__(
        self,
        rules: Rules | None = None,
        now: Callable[[], datetime] | None = None,
        private_words: Iterable[str] = (),
    ) -> None:
        """`now` gives the time by which something is too recent to leave; without it nothing is. `private_words`: a member's
        own words, such as its customers' names, that may stand in no constant.
        """
        self.rules = rules if rules is not None else Rules.default()
        self._now = now
        self._private = tuple(private_words)
        self._peek = msgspec.json.Decoder(_Peek).decode
        self._quick = _quick(self.rules)

    @cached_property
    def _common(self) -> Mapping[bytes, dict[str, Any]]:
        return {canonical(item): item for item in published()}

    def check(self, raw: bytes) -> Accepted | list[Refusal]:
        """One object as JSON: accepted, or everything for which it is not."""
        accepted = self._accept(raw)
        if accepted is not None:
            return accepted
        if len(raw) > MOST_BYTES:
            return [Refusal("object", "", f"larger than {MOST_BYTES:,} bytes", "send less in one object")]
        try:
            value = parse(raw)
            form = canonical(value)
        except InputError as error:
            return [Refusal("object", "", error.what, "send RFC 8259 JSON with integers only")]
        if form != raw:
            accepted = self._accept(form)
            if accepted is not None:
                return accepted
        refused = self.refusals(value)
        if refused:
            return refused
        kind = value["type"]
        # Bundles, and types whose rules have no quick form.
        return _accepted(kind, _getter(value), form, form in self._common)

    def refusals(self, value: object) -> list[Refusal]:
        """Everything in a parsed object or bundle that the rules do not allow: the way that says why."""
        return list(self._object(value))

    def _setting(self) -> Setting:
        now = self._now() if self._now is not None else None
        return Setting(self.rules.k, self.rules.embargo_days, now, self._private)

    def _accept(self, raw: bytes) -> Accepted | None:
        """The object, where it is canonical and may leave; None where the other way has to be gone."""
        try:
            kind = self._peek(raw).type
            quick = self._quick.get(kind)
            if quick is None:
                return self._accept_common(raw)
            item = quick.decode(raw)
            if msgspec.json.encode(item) != raw:
                return None
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return self._accept_common(raw)
        for attribute, allowed in quick.raw:
            listed = getattr(item, attribute)
            if listed is not msgspec.UNSET and not all(bytes(one) in allowed for one in listed):
                return None
        unset = msgspec.UNSET
        names, extensions, inside = quick.names, quick.extensions, quick.inside

        def get(field: str) -> Any:
            within = inside.get(field)
            if within is not None:
                told = getattr(item, names["extensions"])
                told = unset if told is unset else getattr(told, within[0])
                value = unset if told is unset else getattr(told, within[1])
                return None if value is unset else value
            attribute = names.get(field)
            value = unset if attribute is None else getattr(item, attribute)
            if value is unset:
                return None
            if field == "extensions":
                return [name for name, at in extensions.items() if getattr(value, at) is not unset]
            return value

        try:
            for attribute in quick.times:
                value = getattr(item, attribute)
                if value is not unset:
                    datetime.fromisoformat(value)
            also = self.rules.also.get(kind)
            if also is not None and checked(also, get, self._setting()) is not None:
                return None
            return _accepted(kind, get, raw, False)
        except (ValueError, OverflowError):
            return None

    def _accept_common(self, raw: bytes) -> Accepted | None:
        item = self._common.get(raw)
        return None if item is None else _accepted(item["type"], _getter(item), raw, True)

    def _object(self, item: object) -> Iterator[Refusal]:
        name = _shown(item.get("id")) if isinstance(item, dict) else "object"
        kind = item.get("type") if isinstance(item, dict) else None
        if isinstance(item, dict) and any(_alike(item, other) for other in self._common.values()):
            return
        if not isinstance(item, dict) or not isinstance(kind, str) or kind not in self.rules.types:
            yield Refusal(
                name, "type", "objects of this type are not on the allow-list", "leave the object out"
            )
            return
        found = list(self._fields(item, self.rules.types[kind], name, ""))
        yield from found
        if found:
            return

        also = checked(self.rules.also.get(kind, ()), _getter(item), self._setting())
        if also is not None:
            yield Refusal(name, *also)

    def _fields(self, value: object, allowed: Mapping[str, Rule], name: str, path: str) -> Iterator[Refusal]:
        if not isinstance(value, dict):
            yield Refusal(name, path, "an object is expected here", "send the object's fields")
            return
        known = required(allowed)
        for key in value:
            if key not in known:
                yield Refusal(
                    name,
                    _join(path, _shown(key)),
                    "the field is not on the allow-list",
                    "leave the field out",
                )
        for field, (rule, needed) in known.items():
            if field in value:
                yield from self._value(value[field], rule, name, _join(path, field))
            elif needed:
                yield Refusal(name, _join(path, field), "the field is required", "add the field")

    def _value(self, value: object, rule: Rule, name: str, path: str) -> Iterator[Refusal]:
        kind, argument = kind_of(rule)
        if kind == "fields":
            yield from self._fields(value, argument, name, path)
        elif kind == "list":
            least, most = max(rule.get("least", 1), 1), rule.get("most", MOST_ITEMS)
            if not isinstance(value, list) or not least <= len(value) <= most:
                yield Refusal(
                    name, path, f"a list of {least} to {most:,} is expected here", "send such a list"
                )
                return
            for i, item in enumerate(value):
                if argument == "objects":
                    yield from self._object(item)
                else:
                    yield from self._value(item, argument, name, f"{path}[{i}]")
        elif not _scalar(value, rule):
            yield Refusal(name, path, *_EXPLAINED[kind])


_EXPLAINED = {
    "is": ("the value is not the one that is allowed", "use the value that the rules name"),
    "one_of": (
        "the value is not in the vocabulary or the buckets",
        "use one of the values that the rules list",
    ),
    "id": (
        "not an id of a type that may stand here",
        "derive the id as the package does, from nothing that is secret",
    ),
    "time": (
        "not a time of the form that may leave",
        "round it to midnight UTC, or write it as the rules say",
    ),
    "flag": ("true or false is expected here", "use true or false"),
    "matches": ("the value does not have the form that the rules name", "use the form that the rules name"),
}


def _getter(item: dict[str, Any]) -> Get:
    """The fields of a parsed object, as checks ask for them."""

    def get(field: str) -> Any:
        extension, dot, inner = field.partition(".")
        if dot:
            return ((item.get("extensions") or {}).get(extension) or {}).get(inner)
        value = item.get(field)
        return list(value) if field == "extensions" and value is not None else value

    return get


def _scalar(value: object, rule: Rule) -> bool:
    kind, argument = kind_of(rule)
    if kind in ("is", "one_of"):
        return any(_alike(value, one) for one in ((argument,) if kind == "is" else argument))
    if kind == "flag":
        return isinstance(value, bool)
    form = pattern_of(rule)
    assert form is not None
    if not isinstance(value, str) or form.fullmatch(value) is None:
        return False
    return kind != "time" or _is_moment(value)


def _is_moment(text: str) -> bool:
    try:
        moment(text)
    except (ValueError, OverflowError):
        return False
    return True


def _accepted(kind: str, get: Callable[[str], Any], form: bytes, common: bool) -> Accepted:
    """What a store has to know of an object that may leave. Raises ValueError for times that no calendar has."""
    version = get("modified") or get("created")
    until = get("valid_until")
    author = get("created_by_ref")
    names = (*((author,) if author is not None else ()), *(get("where_sighted_refs") or ()))
    key = get(f"{PSEUDONYM}.public_key") if kind == "identity" else None
    refers: tuple[str, ...] = ()
    if kind == "sighting":
        refers = (get("sighting_of_ref"),)
    elif kind == "opinion":
        refers = tuple(get("object_refs"))
    return Accepted(
        get("id"),
        kind,
        0 if version is None else _microseconds(version),
        names,
        get("revoked") is True,
        None if until is None else _microseconds(until),
        refers,
        get("opinion") if kind == "opinion" else None,
        None if key is None else (get(f"{PSEUDONYM}.epoch"), key),
        get("spec_version") or "2.1",
        common,
        form,
    )


def _microseconds(text: str) -> int:
    since = datetime.fromisoformat(text) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _alike(value: object, other: object) -> bool:
    """Whether two values are equal, type for type: 1 is not true, and 15.0 is not 15."""
    if type(value) is not type(other):
        return False
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_alike(value[key], other[key]) for key in value)
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_alike, value, other))
    return value == other


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _shown(value: object) -> str:
    """A name for messages: short, and no more of a stranger's text than needed to find it."""
    text = value if isinstance(value, str) else type(value).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."
