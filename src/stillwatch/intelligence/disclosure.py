"""The disclosure rules: an allow-list of what each type of object may carry, checked before anything leaves.

The rules are data (`disclosure.yaml`). What they do not name is refused, wherever it stands: there is no list
of forbidden words that a new spelling could slip past.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from stillwatch.intelligence.extension import published
from stillwatch.records.errors import InputError

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T00:00:00\.000Z")


@dataclass(frozen=True)
class Refusal:
    """One thing that may not leave: in which object, at which field, by which rule, and how to mend it."""

    object_id: str
    field: str
    rule: str
    mend: str


class DisclosureError(InputError):
    """Something may not leave; `refusals` names each object, field and rule."""

    def __init__(self, refusals: list[Refusal]) -> None:
        self.refusals = refusals
        first = refusals[0]
        more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        super().__init__(
            f"the disclosure rules refuse {first.field}: {first.rule}{more}",
            where=first.object_id,
            mend=first.mend,
        )


@cache
def rules() -> Mapping[str, Any]:
    """The rules by type of object."""
    text = (resources.files("stillwatch.intelligence") / "disclosure.yaml").read_text("utf-8")
    types: Mapping[str, Any] = yaml.safe_load(text)["types"]
    return types


def refusals(item: object) -> list[Refusal]:
    """Everything in an object or bundle (as parsed from JSON) that the rules do not allow."""
    return list(_object(item))


def require(item: object) -> None:
    """Raise `DisclosureError` if anything in the object or bundle may not leave."""
    found = refusals(item)
    if found:
        raise DisclosureError(found)


def _object(item: object) -> Iterator[Refusal]:
    kind = item.get("type") if isinstance(item, dict) else None
    name = _shown(item.get("id")) if isinstance(item, dict) else "object"
    if not isinstance(item, dict) or not isinstance(kind, str) or kind not in rules():
        if not _same(item, published()):
            yield Refusal(
                name, "type", "objects of this type are not on the allow-list", "leave the object out"
            )
        return
    if _same(item, published()):
        return
    yield from _fields(item, rules()[kind], name, "")


def _fields(value: object, allowed: Mapping[str, Any], name: str, path: str) -> Iterator[Refusal]:
    if not isinstance(value, dict):
        yield Refusal(name, path, "an object is expected here", "send the object's fields")
        return
    known = {key.removesuffix("?"): rule for key, rule in allowed.items()}
    for key in value:
        if key not in known:
            yield Refusal(
                name, _join(path, _shown(key)), "the field is not on the allow-list", "leave the field out"
            )
    for key, rule in allowed.items():
        field = key.removesuffix("?")
        if field in value:
            yield from _value(value[field], rule, name, _join(path, field))
        elif field == key:
            yield Refusal(name, _join(path, field), "the field is required", "add the field")


def _value(value: object, rule: Mapping[str, Any], name: str, path: str) -> Iterator[Refusal]:
    ((kind, argument),) = rule.items()
    if kind == "fields":
        yield from _fields(value, argument, name, path)
    elif kind == "list":
        if not isinstance(value, list):
            yield Refusal(name, path, "a list is expected here", "send a list")
            return
        for i, item in enumerate(value):
            if argument == "objects":
                yield from _object(item)
            else:
                yield from _value(item, argument, name, f"{path}[{i}]")
    elif not _scalar(value, kind, argument):
        yield Refusal(name, path, *_EXPLAINED[kind])


_EXPLAINED = {
    "is": ("the value is not the one that is allowed", "use the value that the rules name"),
    "one_of": (
        "the value is not in the vocabulary or the buckets",
        "use one of the values that the rules list",
    ),
    "id": ("not an id of the right type", "derive the id as the package does, from nothing that is secret"),
    "time": ("times leave only rounded to the day", "round the time to midnight, UTC"),
    "flag": ("true or false is expected here", "use true or false"),
}


def _scalar(value: object, kind: str, argument: Any) -> bool:
    if kind == "is":
        return _same(value, (argument,))
    if kind == "one_of":
        return _same(value, argument)
    if kind == "id":
        return isinstance(value, str) and re.fullmatch(f"{argument}--{_UUID}", value) is not None
    if kind == "time":
        return isinstance(value, str) and _DAY.fullmatch(value) is not None
    if kind == "flag":
        return isinstance(value, bool)
    raise ValueError(f"disclosure.yaml has an unknown rule '{kind}'")


def _same(value: object, allowed: Any) -> bool:
    """Whether the value equals one of those allowed, type for type: 1 is not true, and 15.0 is not 15."""
    return any(_alike(value, other) for other in allowed)


def _alike(value: object, other: object) -> bool:
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
