"""The disclosure rules as types of msgspec, so that an object that keeps them is known at the speed of a parser.

A type is made for each kind of object, with its fields in the order of their names: what it writes again is the
canonical form (RFC 8785), since nothing here holds numbers with a fraction or other keys than ASCII. The types know less
than the rules where they have to (which combinations of values a list may hold, checks over several fields); `checking`
sees to the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from stillwatch.intelligence.rules import MOST_ITEMS, Rule, kind_of, pattern_of, required
from stillwatch.transparency.canonical import canonical

Attribute = Callable[[Any], Any]


@dataclass(frozen=True)
class Compiled:
    """One type of object: how it is read, and where its fields are."""

    decode: Callable[[bytes], Any]
    names: Mapping[str, str]
    """Field of the object -> attribute of what `decode` returns."""
    raw: tuple[tuple[str, frozenset[bytes]], ...]
    """Attributes that hold lists of values left as they came -> the canonical forms that these may have."""
    times: tuple[str, ...]
    """Attributes that are times."""
    extensions: Mapping[str, str]
    """Id of an extension -> attribute of the value of `extensions`."""
    inside: Mapping[str, tuple[str, str]]
    """`EXTENSION.FIELD` -> attributes of the value of `extensions` and of the extension."""


class UnusableError(Exception):
    """Rules of a shape that has no type: objects of this kind are checked by the slower way alone."""


def compiled(kind: str, fields: Mapping[str, Rule]) -> Compiled:
    """The type of one kind of object. Raises UnusableError."""
    raw: dict[str, frozenset[bytes]] = {}
    struct, names = _struct(kind, fields, raw)
    known = required(fields)
    times = tuple(names[field] for field, (rule, _) in known.items() if "time" in rule)
    extensions: dict[str, str] = {}
    inside: dict[str, tuple[str, str]] = {}
    if "extensions" in known and "fields" in known["extensions"][0]:
        listed_there = known["extensions"][0]["fields"]
        extensions = _attributes(listed_there)
        for name, (rule, _) in required(listed_there).items():
            for field, attribute in _attributes(rule["fields"]).items():
                inside[f"{name}.{field}"] = (extensions[name], attribute)
    listed = tuple((names[field], allowed) for field, allowed in raw.items())
    return Compiled(msgspec.json.Decoder(struct).decode, names, listed, times, extensions, inside)


def _attributes(fields: Mapping[str, Rule]) -> dict[str, str]:
    """Attributes of the type of these fields."""
    return {field: f"f{number}" for number, field in enumerate(sorted(required(fields)))}


def _struct(
    name: str, fields: Mapping[str, Rule], raw: dict[str, frozenset[bytes]] | None
) -> tuple[type, dict[str, str]]:
    """A type and the attributes of its fields; lists of fixed mappings go into `raw`, where that is not None."""
    members: list[Any] = []
    names = _attributes(fields)
    known = required(fields)
    for field in names:
        rule, needed = known[field]
        of = _type(rule, field, raw)
        members.append(
            (names[field], of) if needed else (names[field], of | msgspec.UnsetType, msgspec.UNSET)
        )
    # What stays a name of Python is encoded as such, so every field has its own name told.
    rename = {attribute: field for field, attribute in names.items()}
    struct = msgspec.defstruct(
        name.replace("-", "_"), members, kw_only=True, forbid_unknown_fields=True, rename=rename, gc=False
    )
    return struct, names


def _type(rule: Rule, field: str, raw: dict[str, frozenset[bytes]] | None) -> Any:
    kind, argument = kind_of(rule)
    if kind in ("is", "one_of"):
        allowed = [argument] if kind == "is" else argument
        if not all(type(value) in (str, int) for value in allowed):
            raise UnusableError(field)
        return Literal[tuple(allowed)]
    if kind == "flag":
        return bool
    if kind == "fields":
        return _struct(field, argument, None)[0]
    if kind == "list":
        limits = msgspec.Meta(
            min_length=max(rule.get("least", 1), 1), max_length=rule.get("most", MOST_ITEMS)
        )
        if argument == "objects":
            raise UnusableError(field)
        inner, values = kind_of(argument)
        if inner == "one_of" and all(isinstance(value, dict) for value in values) and raw is not None:
            raw[field] = frozenset(map(canonical, values))
            return Annotated[list[msgspec.Raw], limits]
        return Annotated[list[_type(argument, field, None)], limits]  # type: ignore[misc]
    if kind == "time" and raw is None:
        raise UnusableError(field)  # only those of the object itself are looked up in a calendar
    form = pattern_of(rule)
    assert form is not None
    return Annotated[str, msgspec.Meta(pattern=rf"\A(?:{form.pattern})\Z")]
