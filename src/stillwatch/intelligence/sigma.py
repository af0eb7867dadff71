"""Which Sigma rules may leave: rules on columns of usage records, with values from their vocabularies.

Sigma (https://sigmahq.io, specification 2.0) is YAML with much room for text. The part that is taken has a title from the
vocabulary, selections over columns that say nothing of a person, numbers in powers of ten, and a condition. Comments are
text, too.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from stillwatch.intelligence.opaque import decodes_to_text, id_reads_as_text
from stillwatch.intelligence.vocabulary import INDICATOR_NAMES

MOST_BYTES = 4096
MOST_NESTED = 6
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Of libyaml where there is one: ten times as fast."""

_STRING, _INTEGER = "tag:yaml.org,2002:str", "tag:yaml.org,2002:int"
_TAGS = frozenset((_STRING, _INTEGER, *(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "map", "seq"))))
# Other spellings of a number, a second column of spaces, a comment or a directive could say something of their own.
_DECIMAL = re.compile("0|[1-9][0-9]*")
_PLAIN = re.compile(r"[A-Za-z0-9_:|,.()\[\]{}*'\"\n -]+")
_SELECTION = re.compile(r"(?:selection|filter)(?:_?[0-9]{1,2})?")
_CONDITION = re.compile(
    r"(?:\(|\)|and|or|not|(?:1|all) of (?:selection|filter)(?:_?\*)?|(?:selection|filter)(?:_?[0-9]{1,2})?|\s)+"
)
_TOKEN = re.compile(r"(?:1|all) of (?:selection|filter)(?:_?\*)?|[a-z_0-9]+|[()]")
_JA4 = re.compile(r"[tqd](?:10|11|12|13|s2|s3|d1|d2|d3|00)[di][0-9]{4}[a-z0-9]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_POWERS = frozenset(10**n for n in range(10))

VALUES: Mapping[str, frozenset[str]] = {
    "surface": frozenset(("api", "app", "cloud")),
    "operation": frozenset(("chat", "text_completion", "embeddings")),
    "client_network": frozenset(
        ("hosting", "residential", "business", "education", "mobile", "vpn", "unknown")
    ),
    "status": frozenset(("ok", "refused", "rate_limited", "blocked", "error")),
    "plan": frozenset(("free", "paid", "enterprise", "education", "research", "startup")),
    "payment_kind": frozenset(
        ("card", "prepaid_card", "virtual_card", "invoice", "cloud_marketplace", "none")
    ),
}
"""Columns with a vocabulary. Country is none of them: it is never evidence."""

FLAGS = frozenset(("stream", "logprobs", "verified"))
NUMBERS = frozenset(
    ("turn", "input_tokens", "output_tokens", "reasoning_tokens", "max_tokens", "choice_count", "tool_count")
)
MODIFIERS = frozenset(("gt", "gte", "lt", "lte"))
FIXED: Mapping[str, frozenset[str]] = {
    "status": frozenset(("experimental", "test", "stable", "deprecated")),
    "level": frozenset(("informational", "low", "medium", "high", "critical")),
}


def fault_of(pattern: str) -> str | None:
    """Why a Sigma rule may not leave; None where it may."""
    if len(pattern) > MOST_BYTES or _PLAIN.fullmatch(pattern) is None:
        return "the rule is too long, or has signs that no rule needs (comments, directives, escapes)"
    try:
        root = _root(pattern)
        rule = None if root is None else LOADER("").construct_document(root)
    except (yaml.YAMLError, ValueError, RecursionError):
        return "the rule is no YAML"
    if not isinstance(rule, dict):
        return "the rule has tags, aliases, repeated keys, or is no mapping"
    for key, value in rule.items():
        if not _top(key, value):
            return (
                f"`{key}` of the rule is not on the allow-list"
                if key in _TOP
                else "a key of the rule is not on the allow-list"
            )
    return (
        None
        if {"title", "logsource", "detection"} <= rule.keys()
        else "title, logsource or detection is missing"
    )


_TOP = ("title", "id", "status", "level", "logsource", "detection")


def _top(key: object, value: Any) -> bool:
    if key == "title":
        return value in INDICATOR_NAMES
    if key == "id":
        return isinstance(value, str) and _UUID.fullmatch(value) is not None and not id_reads_as_text(value)
    if key in FIXED:
        return isinstance(value, str) and value in FIXED[str(key)]
    if key == "logsource":
        return bool(value == {"product": "stillwatch", "service": "usage"})
    return key == "detection" and isinstance(value, dict) and _detection(value)


def _detection(said: dict[object, Any]) -> bool:
    condition = said.get("condition")
    if not isinstance(condition, str) or _CONDITION.fullmatch(condition) is None:
        return False
    names = {name for name in said if name != "condition"}
    asked = {word for word in _TOKEN.findall(condition) if _SELECTION.fullmatch(word)}
    return (
        bool(names)
        and asked <= names
        and all(
            isinstance(name, str) and _SELECTION.fullmatch(name) and _selection(said[name]) for name in names
        )
    )


def _selection(said: object) -> bool:
    return (
        isinstance(said, dict)
        and 0 < len(said) <= 16
        and all(
            all(_value(column, one) for one in (value if isinstance(value, list) else [value]))
            and (not isinstance(value, list) or 0 < len(value) <= 16)
            for column, value in said.items()
        )
    )


def _value(column: object, value: object) -> bool:
    if not isinstance(column, str):
        return False
    name, _, modifier = column.partition("|")
    if name in NUMBERS:
        return type(value) is int and value in _POWERS and (not modifier or modifier in MODIFIERS)
    if modifier:
        return False
    if name in FLAGS:
        return isinstance(value, bool)
    if name == "tls_ja4":
        return (
            isinstance(value, str)
            and _JA4.fullmatch(value) is not None
            and not decodes_to_text(bytes.fromhex(value[-25:].replace("_", "")))
        )
    return isinstance(value, str) and value in VALUES.get(name, ())


def _root(text: str) -> yaml.Node | None:
    """The document of a text; None where it has tags, aliases, merges, repeated keys, kinds of scalars that no rule needs,
    or is nested deeper than rules are: what is read is all that there is.
    """
    depth = 0
    for event in yaml.parse(text, LOADER):
        if (
            isinstance(event, yaml.AliasEvent)
            or getattr(event, "anchor", None)
            or getattr(event, "tag", None)
        ):
            return None
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_NESTED:
            return None
    root = yaml.compose(text, LOADER)
    todo = [] if root is None else [root]
    while todo:
        node = todo.pop()
        if node.tag not in _TAGS:
            return None
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if key.tag == _STRING]
            if len(set(keys)) < len(node.value):
                return None
            todo += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif node.tag == _INTEGER and _DECIMAL.fullmatch(node.value) is None:
            return None
    return root
