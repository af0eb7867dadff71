"""A screen for what little of an object is free in form: labels of domain names, paths of addresses, values in rules.

Everything else is on an allow-list, and no list of words could replace that. Here it is the second line only: it refuses words of
prices, volumes, capacity and plans, which antitrust law keeps out of an exchange between competitors, and names that a member
gives to its own node.
"""

import re
import unicodedata
from collections.abc import Iterable

FORBIDDEN = frozenset(
    [
        "price",
        "prices",
        "priced",
        "pricing",
        "discount",
        "discounts",
        "rebate",
        "rebates",
        "margin",
        "margins",
        "revenue",
        "revenues",
        "invoice",
        "invoices",
        "billing",
        "tariff",
        "fee",
        "fees",
        "dollar",
        "dollars",
        "euro",
        "euros",
        "usd",
        "eur",
        "gbp",
        "volume",
        "volumes",
        "quota",
        "quotas",
        "throughput",
        "turnover",
        "capacity",
        "capacities",
        "gpu",
        "gpus",
        "tpu",
        "tpus",
        "datacenter",
        "datacentre",
        "flops",
        "utilisation",
        "utilization",
        "headcount",
        "roadmap",
        "roadmaps",
        "launch",
        "launches",
        "unreleased",
        "prerelease",
        "milestone",
        "milestones",
        "strategy",
        "strategies",
        "forecast",
        "forecasts",
        "budget",
        "budgets",
        "customer",
        "customers",
        "supplier",
        "suppliers",
        "prospect",
        "prospects",
        "prompt",
        "prompts",
        "completion",
        "completions",
        "password",
        "passwords",
        "secret",
        "secrets",
        "apikey",
        "weights",
        "checkpoint",
        "checkpoints",
    ]
)
"""Words that name what may not be shared, as whole words or at the edge of one that is longer."""

_LEET = str.maketrans("013457@$!|", "oieastasil")
_PARTS = re.compile(r"[^a-z]+")
_LEAST_INSIDE = 5
"""Shorter words stand in others by chance (`fee` in `coffee`); from this length on they are looked for at both edges."""


def folded(text: str) -> str:
    """Small ASCII letters that the text looks like: compatibility forms, accents and digits for letters are taken away."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain.translate(_LEET) if not unicodedata.combining(c))


def forbidden_word(text: str, private: Iterable[str] = ()) -> str | None:
    """A forbidden word that the text holds, or None. `private`: further ones, as they are written."""
    whole = folded(text)
    for part in _PARTS.split(whole):
        if part in FORBIDDEN:
            return part
        for size in range(_LEAST_INSIDE, len(part)):
            if part[:size] in FORBIDDEN or part[-size:] in FORBIDDEN:
                return part
    joined = _PARTS.sub("", whole)
    for word in private:
        name = _PARTS.sub("", folded(word))
        if name and name in joined:
            return word
    return None
