"""The disclosure rules as data: read from a file, and told apart by a digest."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import yaml

from stillwatch.intelligence.checks import CHECKS
from stillwatch.records.errors import InputError

# The one in C takes a tenth of the time; it is in every wheel, but not in every build from source.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_ITEMS = 64
"""Items of a list for which the rules name no number."""
KINDS = frozenset(("is", "one_of", "id", "time", "flag", "matches", "list", "fields"))
TIMES: Mapping[str, re.Pattern[str]] = {
    "day": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T00:00:00\.000Z"),
    "version": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T00:00:00\.[0-9]{3}Z"),
    "instant": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z"),
}
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

Rule = Mapping[str, Any]
"""One kind of KINDS with its argument; of lists also how many."""


@dataclass(frozen=True, eq=False)
class Rules:
    """What may leave, by type of object; the same text gives the same object."""

    text: bytes
    version: int
    k: int
    """A group is described only from so many accounts on."""
    embargo_days: int
    types: Mapping[str, Mapping[str, Rule]]
    also: Mapping[str, tuple[str, ...]]
    """Names of checks over several fields, by type."""

    @property
    def digest(self) -> str:
        """SHA-256 of the text in hexadecimal: which rules these are."""
        return hashlib.sha256(self.text).hexdigest()

    @classmethod
    def default(cls) -> "Rules":
        """Those that come with this package."""
        return _default()

    @classmethod
    def parse(cls, text: bytes) -> "Rules":
        """Read a rule file. Raises InputError that says which part is wrong."""
        return _read(text)


@lru_cache(maxsize=8)
def _read(text: bytes) -> Rules:
    # Rules come with each batch that leaves, and are the same each time; reading them takes longer than all the rest.
    try:
        said = yaml.load(text.decode("utf-8"), Loader=_LOADER)  # noqa: S506 (both are safe)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise _bad("the file", "is no YAML") from None
    if not isinstance(said, dict) or set(said) != {"version", "k", "embargo_days", "also", "types"}:
        raise _bad("the file", "has other parts than version, k, embargo_days, also and types")
    for name in ("version", "k", "embargo_days"):
        if type(said[name]) is not int or said[name] < (name != "embargo_days"):
            raise _bad(name, "is no number that it could be")
    if not isinstance(said["types"], dict) or not isinstance(said["also"], dict):
        raise _bad("types or also", "is no mapping")
    for kind, fields in said["types"].items():
        _fields(fields, f"types.{kind}")
    also = {}
    for kind, names in said["also"].items():
        if kind not in said["types"] or not isinstance(names, list) or not set(names) <= CHECKS.keys():
            raise _bad(
                f"also.{kind}", f"names a type or a check that there is not ({', '.join(sorted(CHECKS))})"
            )
        also[kind] = tuple(names)
    return Rules(text, said["version"], said["k"], said["embargo_days"], said["types"], also)


@cache
def _default() -> Rules:
    text = (resources.files("stillwatch.intelligence") / "disclosure.yaml").read_bytes()
    return Rules.parse(text)


def required(fields: Mapping[str, Rule]) -> dict[str, tuple[Rule, bool]]:
    """Field -> (its rule, whether it has to be there)."""
    return {name.removesuffix("?"): (rule, not name.endswith("?")) for name, rule in fields.items()}


def kind_of(rule: Rule) -> tuple[str, Any]:
    """The kind of a rule and its argument."""
    (kind,) = KINDS & rule.keys()
    return kind, rule[kind]


def pattern_of(rule: Rule) -> re.Pattern[str] | None:
    """The form of a text that an id, a time or a `matches` asks for; None for other kinds."""
    kind, argument = kind_of(rule)
    if kind == "id":
        return re.compile(f"(?:{'|'.join(argument)})--{UUID}")
    if kind == "time":
        return TIMES[argument]
    return re.compile(argument) if kind == "matches" else None


def _fields(said: object, where: str) -> None:
    if not isinstance(said, dict) or not all(isinstance(name, str) for name in said):
        raise _bad(where, "is no mapping of fields to rules")
    for name, rule in said.items():
        _rule(rule, f"{where}.{name}")


def _rule(said: object, where: str) -> None:
    if not isinstance(said, dict) or len(KINDS & said.keys()) != 1:
        raise _bad(where, f"is not one rule of {', '.join(sorted(KINDS))}")
    kind, argument = kind_of(said)
    if said.keys() - {kind} - ({"least", "most"} if kind == "list" else set()):
        raise _bad(where, "has a part that it can't have")
    if any(type(said[limit]) is not int or said[limit] < 0 for limit in ("least", "most") if limit in said):
        raise _bad(where, "has a limit that is no number")
    if kind == "fields":
        _fields(argument, where)
    elif kind == "list" and argument != "objects":
        _rule(argument, f"{where}[]")
    elif kind == "time" and argument not in TIMES:
        raise _bad(where, f"is a time that is none of {', '.join(TIMES)}")
    elif kind in ("id", "one_of") and (not isinstance(argument, list) or not argument):
        raise _bad(where, "lists nothing")
    elif kind == "matches":
        try:
            re.compile(argument)
        except (re.error, TypeError):
            raise _bad(where, "has a form that is no regular expression") from None


def _bad(where: str, what: str) -> InputError:
    return InputError(
        f"the disclosure rules can't be used: {where} {what}", mend="mend the rule file and sign it anew"
    )
