"""A screen for what little of an object is free in form: labels of domain names and paths of addresses.

Everything else is on an allow-list, and no list of words could replace that. Here it is the second line only: it refuses
words of prices, volumes, capacity and plans, which antitrust law keeps out of an exchange between competitors, and names
that a member gives to its own node. A domain name can itself be somebody's name; no list knows them all
(docs/threat-model.md).
"""

import re
import unicodedata
from collections.abc import Iterable

FORBIDDEN = frozenset(
    (
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
        "password",
        "passwords",
        "secret",
        "secrets",
        "apikey",
        "weights",
        "checkpoint",
        "checkpoints",
    )
)
"""Words that name what may not be shared."""

_INSIDE, _EDGE = 6, 5
"""Letters from which on a word is looked for anywhere in a label, and at its edges; shorter ones stand in others by
chance (`fee` in `coffee`), so they count as whole words only."""

# Digits and signs that stand for letters, and letters of other scripts that fonts draw like Latin ones (Unicode
# Technical Standard 39): the sign, then the letter.
_LOOK_ALIKE = (
    "0o 1i 3e 4a 5s 7t @a $s !i |l "
    "аa вb сc ԁd еe єe ғf ԍg һh іi јj кk ӏl мm ոn оo рp ԛq ѕs тt уy ԝw хx ѵv гr "
    "αa βb γy δd εe ηn ιi κk νv οo ρp τt υu χx ωw"
)
_LATIN = {ord(pair[0]): pair[1] for pair in _LOOK_ALIKE.split()}
_PUNYCODE = re.compile(r"xn--([a-z0-9-]+)", re.IGNORECASE)
_LONG = re.compile(
    "|".join(
        word if len(word) >= _INSIDE else f"^{word}|{word}$"
        for word in sorted(FORBIDDEN)
        if len(word) >= _EDGE
    )
)
_LABELS = re.compile(r"[./:'?&=#\s]+")
_WORDS = re.compile(r"[\W_]+")


def folded(text: str) -> str:
    """Small Latin letters that the text looks like: compatibility forms, accents, what is not seen, letters of other scripts
    that look alike (also behind punycode) and digits that stand for letters are taken away.
    """
    shown = unicodedata.normalize("NFKD", _PUNYCODE.sub(_unpunycode, text)).casefold()
    kept = "".join(c for c in shown if unicodedata.category(c) not in ("Cf", "Mn", "Me"))
    return kept.translate(_LATIN)


def forbidden_word(text: str, private: Iterable[str] = ()) -> str | None:
    """A forbidden word that the text holds, or None. `private`: further ones, as they are written."""
    whole = folded(text)
    words = set(_WORDS.split(whole))
    labels = [_WORDS.sub("", label) for label in _LABELS.split(whole)]
    for found in FORBIDDEN & (words | set(labels)):
        return found
    for label in labels:
        inside = _LONG.search(label)
        if inside is not None:
            return inside[0]
    joined = "".join(labels)
    for given in private:
        name = _WORDS.sub("", folded(given))
        if name and (name in joined if len(name) >= _EDGE else name in words or name in labels):
            return given
    return None


def _unpunycode(found: re.Match[str]) -> str:
    try:
        return found[1].encode("ascii").decode("punycode")
    except (UnicodeError, OverflowError):
        return found[0]
