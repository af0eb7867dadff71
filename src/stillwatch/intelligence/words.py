"""A screen for what little of an object is free in form: labels of domain names and paths of addresses.

Everything else is on an allow-list, and no list of words could replace that. Here it is the second line only: it refuses
words of prices, volumes, capacity and plans, which antitrust law keeps out of an exchange between competitors, and names
that a member gives to its own node. A domain name can itself be somebody's name; no list knows them all
(docs/threat-model.md).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

FORBIDDEN = frozenset(
    (
        "cost",
        "costs",
        "sale",
        "sales",
        "pays",
        "paid",
        "payment",
        "payments",
        "spend",
        "spending",
        "profit",
        "profits",
        "income",
        "salary",
        "salaries",
        "contract",
        "contracts",
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
        "release",
        "released",
        "releases",
        "unreleased",
        "prerelease",
        "upcoming",
        "comingsoon",
        "million",
        "millions",
        "billion",
        "billions",
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

_WHOLE = frozenset(
    "sales spend release released releases contract contracts profit profits income payment payments".split()  # noqa: SIM905
)
"""Stand in the names of well-known services, so they count as whole words, too."""

# Letters of other scripts that fonts draw like Latin ones (Unicode Technical Standard 39): the sign, then the letter.
_LOOK_ALIKE = (
    "аa вb сc ԁd еe єe ғf ԍg һh іi јj кk ӏl мm ոn оo рp ԛq ѕs тt уy ԝw хx ѵv гr пn "
    "αa βb γy δd εe ηn ιi κk νv οo ρp σo τt υu χx ωw "
    "ɑa ɡg ıi ɩi ʟl ɴn ʀr ꜱs օo սu հh ցg ɪi ȷj ƿp ẝf øo łl đd ħh ŧt"
)
_LATIN = {ord(pair[0]): pair[1] for pair in _LOOK_ALIKE.split()}
# What is taken for something else within Latin: each such sign becomes one of those that look alike, in the text and in the
# words (a skeleton, as Unicode Technical Standard 39, section 4, has it). The pairs come after the single signs.
_SKELETON = {
    ord(pair[0]): pair[1]
    for pair in "1l il |l !l jl 0o 3e 4a @a 5s $s zs 2s 7t +t 8b 9g qg vu".split()  # noqa: SIM905 - as above
}
_PAIRS = (("rn", "m"), ("nn", "m"), ("uu", "w"), ("cl", "d"))
_NUMBER = re.compile(r"(?<![^\W_])[0-9]{2,}(?![^\W_])")
"""Stands by itself, and so for no letters: 5413 is no sale."""
_PUNYCODE = re.compile(r"xn--([a-z0-9-]+)", re.IGNORECASE)
_LABELS = re.compile(r"[./:'?&=#\s]+")
_WORDS = re.compile(r"[\W_]+")


def _unpunycode(found: re.Match[str]) -> str:
    try:
        return found[1].encode("ascii").decode("punycode")
    except (UnicodeError, OverflowError):
        return found[0]


def folded(text: str) -> str:
    """Small Latin letters that the text looks like: compatibility forms, accents, what is not seen, and letters of other
    scripts that look alike (also behind punycode) are taken away.
    """
    if text.isascii() and "xn--" not in text.lower():
        return text.lower()  # what all of the rest would leave, at a third of the time
    shown = unicodedata.normalize("NFKD", _PUNYCODE.sub(_unpunycode, text)).casefold()
    kept = "".join(c for c in shown if unicodedata.category(c) not in ("Cf", "Mn", "Me"))
    return kept.translate(_LATIN)


def _thin(text: str) -> str:
    return _NUMBER.sub("0", folded(text)).translate(_SKELETON)


def _paired(thin: str) -> str:
    for pair, one in _PAIRS:
        thin = thin.replace(pair, one)
    return thin


def skeleton(text: str) -> str:
    """Letters of a text with one sign for all that look alike: what looks the same is the same."""
    return _paired(_WORDS.sub("", _thin(text)))


_SKELETONS = {skeleton(word): word for word in sorted(FORBIDDEN)}
_BARE = re.compile(r"[^\W\d_]+")
_BY_LENGTH = sorted(
    ((thin, word) for thin, word in _SKELETONS.items() if word not in _WHOLE), key=lambda item: -len(item[0])
)
_LONG = re.compile(
    "|".join(
        thin if len(word) >= _INSIDE else f"^{thin}|{thin}$"
        for thin, word in _BY_LENGTH
        if len(word) >= _EDGE
    )
)
_ACROSS = re.compile("|".join(thin for thin, word in _BY_LENGTH if len(word) >= _INSIDE))
"""Over the borders of labels, where short words come about by chance (`p.rice.edu`)."""


def forbidden_word(text: str, private: Iterable[str] = ()) -> str | None:
    """A forbidden word that the text holds, or None. `private`: further ones, as they are written."""
    # Beside digits too: `199usd` holds a word, and no digit of it is a letter.
    for bare in _BARE.findall(folded(text)):
        if (found := _SKELETONS.get(skeleton(bare))) is not None:
            return found
    whole = _thin(text)
    # Looks like two letters that nobody takes for each other.
    readings = (whole.replace("6", "b"), whole.replace("6", "g")) if "6" in whole else (whole,)
    own = tuple(private)
    return next(filter(None, (_found(reading, own) for reading in readings)), None)


def _found(whole: str, private: tuple[str, ...]) -> str | None:
    # Signs are read as letters before the text is cut, and pairs after it: `pr!ce` is a word, and so is `mar-gin`.
    words = {_paired(word) for word in _WORDS.split(whole)}
    bare = [_WORDS.sub("", label) for label in _LABELS.split(whole)]
    labels, joined = [_paired(label) for label in bare], _paired("".join(bare))
    for found in _SKELETONS.keys() & (words | set(labels)):
        return _SKELETONS[found]
    for label in labels:
        inside = _LONG.search(label)
        if inside is not None:
            return _SKELETONS[inside[0]]
    across = _ACROSS.search(joined)
    if across is not None:
        return _SKELETONS[across[0]]
    for given in private:
        name = _skeleton_of(given)
        if name and (name in joined if len(name) >= _EDGE else name in words or name in labels):
            return given
    return None


_skeleton_of = lru_cache(maxsize=4096)(skeleton)
"""Of private words, which are the same for every text."""
