"""Disclosure rules in words, and for each part of an object the rule that lets it leave."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stillwatch.intelligence.extension import published
from stillwatch.intelligence.markings import TLP, USES
from stillwatch.intelligence.rules import Rule, Rules, kind_of, required

TIMES = {
    "day": "midnight UTC of a day",
    "version": "midnight UTC of a day, with milliseconds that count the versions of that day",
    "instant": "a time, UTC",
}
"""Times of the disclosure rules, in words."""

_NAMES: Mapping[str, str] = {each["id"]: each["name"] for each in (*TLP.values(), *USES.values())}


@dataclass(frozen=True)
class Reason:
    """A field of an object that may leave, its value, and what the rules allow there."""

    field: str
    value: Any
    rule: str


def worded(rule: Rule, code: Callable[[str], str] = str) -> str:
    """What a rule lets pass, in words; `code` marks up what is quoted."""
    kind, argument = kind_of(rule)
    if kind == "is":
        return f"always {code(str(argument))}"
    if kind == "one_of":
        plain = [item for item in argument if not isinstance(item, dict)]
        if not plain:
            return "one of: " + ", ".join(
                " ".join(v for k, v in item.items() if k != "description") for item in argument
            )
        return "one of: " + ", ".join(code(str(_NAMES.get(item, item))) for item in plain)
    if kind == "matches":
        return f"a text of the form {code(argument)}"
    if kind == "list":
        return "list, objects of these types" if argument == "objects" else f"list, {worded(argument, code)}"
    if kind == "id":
        return f"an id of type {' or '.join(argument)}"
    return TIMES[argument] if kind == "time" else "true or false"


def reasons(item: Mapping[str, Any], rules: Rules) -> list[Reason]:
    """Each field of an object that the rules accept, inner ones by their paths, with the rule that lets it leave.

    None of an object that is the same for everybody: it leaves as a whole.
    """
    if item in published():
        return []
    fields = rules.types.get(str(item.get("type")), {})
    return list(_fields(item, fields, ""))


def _fields(item: Mapping[str, Any], allowed: Mapping[str, Rule], path: str) -> Iterator[Reason]:
    known = required(allowed)
    for field in sorted(item.keys() & known.keys()):
        yield from _value(item[field], known[field][0], f"{path}{field}")


def _value(value: Any, rule: Rule, path: str) -> Iterator[Reason]:
    kind, argument = kind_of(rule)
    if kind == "fields" and isinstance(value, Mapping):
        yield from _fields(value, argument, f"{path}.")
    elif (
        kind == "list" and isinstance(argument, Mapping) and isinstance(value, list) and "fields" in argument
    ):
        for place, each in enumerate(value):
            yield from _value(each, argument, f"{path}[{place}]")
    else:
        yield Reason(path, value, worded(rule))
