"""Which STIX patterns may leave: one observation, few paths, constants whose form says what they are.

A pattern is text, and text could say anything. So the rules take the small part of STIX 2.1's language (section 9) that
indicators of infrastructure need: `[path = 'constant' OR path IN ('a', 'b')]`, where each path has a form for its constants.
"""

import ipaddress
import re
import string
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable

from stillwatch.intelligence.opaque import decodes_to_text
from stillwatch.intelligence.words import forbidden_word

MOST_BYTES = 4096
MOST_CONSTANTS = 64

MOST_LABELS, MOST_HYPHENS, MOST_LETTERS = 6, 4, 100
"""Of a domain name: names of machines in clouds have as many; longer ones have room for sentences."""

MOST_DIGITS_IN_A_ROW, MOST_DIGITS = 6, 20
"""Of a domain name: numbers of machines, and addresses that are written in their names, have as many; a count that has
no more can't be told from them."""

_INNER = frozenset(
    ("local", "localdomain", "localhost", "internal", "intranet", "lan", "corp", "home", "private")
)
"""Ends of names that are of a network inside (RFC 6762, appendix G, and what ICANN gives to nobody)."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.){{1,{MOST_LABELS - 1}}}[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
# Digits in a path could be a count; those of an interface's version can't.
_URL = re.compile(r"https?://([a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?((?:/(?:[a-z]{1,16}|v[1-9][0-9]?))*/?)")
MOST_STEPS = 4
"""Of a path: `/api/v1/chat/completions` and the like."""


# Addresses that name nobody on the internet, and may tell how a member's own network is built (IANA's registries of special
# purpose addresses). Those for documentation stay allowed: examples and exercises are made of them.
_SPECIAL = {
    version: sorted(
        (int(net.network_address), int(net.broadcast_address))
        for net in map(ipaddress.ip_network, listed.split())
    )
    for version, listed in (
        (
            4,
            "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16"
            " 198.18.0.0/15 224.0.0.0/3",
        ),
        (6, "::/8 100::/64 fc00::/7 fe80::/10 fec0::/10 ff00::/8"),
    )
}
_ENDS = {version: [end for _, end in spans] for version, spans in _SPECIAL.items()}


def _is_special(version: int, first: int, last: int) -> bool:
    """Whether any address between two is a special one."""
    at = bisect_left(_ENDS[version], first)
    spans = _SPECIAL[version]
    return at < len(spans) and spans[at][0] <= last


def _address(version: int) -> Callable[[str], bool]:
    def is_address(text: str) -> bool:
        host, slash, _ = text.partition("/")
        try:
            first = ipaddress.ip_address(host)
            # Takes most of the time, so only where there is one. Its end is counted here: Python's own way takes a lock.
            network = ipaddress.ip_network(text) if slash else None
        except ValueError:
            return False
        bits = 0 if network is None else network.max_prefixlen - network.prefixlen
        number = int(first)
        # As it is written canonically: other spellings, and zones, could carry something else.
        return (
            first.version == version
            and text == (str(first) if network is None else str(network))
            and "%" not in text
            and not _is_special(version, number, number + (1 << bits) - 1)
        )

    return is_address


_is_ipv4 = _address(4)


_COUNT = re.compile(rf"[0-9]{{{MOST_DIGITS_IN_A_ROW + 1}}}")
_TOGETHER = tuple(
    frozenset(("CJK", *others, "IDEOGRAPHIC"))
    for others in (("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"), ("HANGUL",), ("BOPOMOFO",))
)
"""Scripts that one language writes together, by the first words of their signs' names."""


def _hex(*sizes: int) -> Callable[[str], bool]:
    form = re.compile("|".join(f"[0-9a-f]{{{size}}}" for size in sizes))
    return lambda text: (
        text in (text.lower(), text.upper())
        and form.fullmatch(text.lower()) is not None
        and not decodes_to_text(bytes.fromhex(text))
    )


def _domain(text: str) -> bool:
    return (
        len(text) <= MOST_LETTERS
        and _DOMAIN.fullmatch(text) is not None
        and _COUNT.search(text) is None
        and sum(map(text.count, string.digits)) <= MOST_DIGITS
        and all(map(_label, text.split(".")))
        and text.rpartition(".")[2] not in _INNER
    )


def _label(text: str) -> bool:
    return text.count("-") <= MOST_HYPHENS if not text.startswith("xn--") else _international(text[4:])


def _international(coded: str) -> bool:
    """Whether this is the one way to write a label (RFC 3492) of letters of one script, as registries take it (Unicode
    Technical Standard 39, section 5.1): a mixture looks like what it is not.
    """
    try:
        label = coded.encode("ascii").decode("punycode")
        if label.isascii() or label.encode("punycode").decode("ascii") != coded:
            return False
    except (UnicodeError, OverflowError):
        return False
    if unicodedata.normalize("NFKC", label) != label:
        return False
    scripts = set()
    for sign in label:
        kind = unicodedata.category(sign)
        if kind in ("Ll", "Lo", "Lm"):
            scripts.add(unicodedata.name(sign, "").partition(" ")[0])
        elif kind not in ("Mn", "Mc", "Nd") and sign != "-":
            return False
    return len(scripts) == 1 or any(scripts <= together for together in _TOGETHER)


def _url(text: str) -> bool:
    found = _URL.fullmatch(text)
    if found is None:
        return False
    host, port, path = found.groups()
    return (
        (_domain(host) or (_is_ipv4(host) and "/" not in host))
        and (port is None or int(port) < 65536)
        and len(path.strip("/").split("/")) <= MOST_STEPS
    )


_NUMBER = re.compile("[1-9][0-9]{0,5}")
"""Of an autonomous system: none beyond six digits has been given out but for private use."""


def _system(text: str) -> bool:
    # 64512 to 65535 are for private use and reserved (RFC 6996, RFC 7300).
    return _NUMBER.fullmatch(text) is not None and not 64_512 <= int(text) <= 65_535


PATHS: dict[str, tuple[Callable[[str], bool], bool]] = {
    "ipv4-addr:value": (_address(4), False),
    "ipv6-addr:value": (_address(6), False),
    "domain-name:value": (_domain, True),
    "url:value": (_url, True),
    "file:hashes.MD5": (_hex(32), False),
    "file:hashes.'MD5'": (_hex(32), False),
    "file:hashes.'SHA-1'": (_hex(40), False),
    "file:hashes.'SHA-256'": (_hex(64), False),
    "file:hashes.'SHA-512'": (_hex(128), False),
    "x509-certificate:hashes.'SHA-1'": (_hex(40), False),
    "x509-certificate:hashes.'SHA-256'": (_hex(64), False),
    "autonomous-system:number": (_system, False),
}
"""Path of an object -> the form of its constants, and whether words could stand in them."""

_PATH = "|".join(re.escape(path) for path in sorted(PATHS, key=len, reverse=True))
_STRING = r"'[^'\\]{1,512}'"
_CONSTANT = rf"(?:{_STRING}|[0-9]{{1,10}})"
_COMPARISON = re.compile(
    rf"(?P<path>{_PATH})(?: *= *(?P<one>{_CONSTANT})| +IN +\( *(?P<many>{_CONSTANT}(?: *, *{_CONSTANT})*) *\))"
)
_BETWEEN = re.compile(r" +(?:OR|AND) +")


def fault_of(pattern: str, private: Iterable[str] = ()) -> str | None:
    """Why a STIX pattern may not leave; None where it may. `private`: words of the member's own to screen for."""
    if len(pattern) > MOST_BYTES or not pattern.isascii():
        return "the pattern is too long, or not ASCII"
    if not (pattern.startswith("[") and pattern.endswith("]")):
        return "the pattern is more than one observation"
    at, count, stop = 1, 0, len(pattern) - 1
    while pattern.startswith(" ", at):
        at += 1
    while True:
        found = _COMPARISON.match(pattern, at, stop)
        if found is None:
            return "a comparison that is not on the allow-list"
        path = found["path"]
        is_form, is_free = PATHS[path]
        for constant in re.findall(_CONSTANT, found["one"] or found["many"]):
            count += 1
            quoted = constant.startswith("'")
            if quoted == (path == "autonomous-system:number") or not is_form(constant.strip("'")):
                return f"a constant that is no {path.partition(':')[0]}"
            if is_free and forbidden_word(constant, private) is not None:
                return "a constant with a word that may not be shared"
        if count > MOST_CONSTANTS:
            return f"more than {MOST_CONSTANTS} constants"
        at = found.end()
        if pattern[at:stop].strip(" ") == "":
            return None
        between = _BETWEEN.match(pattern, at, stop)
        if between is None:
            return "a comparison that is not on the allow-list"
        at = between.end()
