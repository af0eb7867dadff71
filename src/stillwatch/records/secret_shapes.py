"""What secrets look like: one list for masking, for telling raw keys among identifiers, and for redaction.

A key that a vendor issues begins in its own way and goes on with so many characters of an alphabet. Two
lengths are kept for each. What is to be shown is searched with the shorter one, since a cut or damaged key is
still a secret. An identifier counts as a raw key only at the length of a real one, since whoever is replaced
by a digest can no longer be found in the provider's own records.
"""

import base64
import binascii
import re
from itertools import pairwise
from typing import NamedTuple

_URL_SAFE = "[A-Za-z0-9_-]"
_ALNUM = "[A-Za-z0-9]"
_HEX = "[0-9a-f]"


class _Kind(NamedTuple):
    """How keys of one kind begin (a pattern), what follows, the least to be masked, the least of a real one.

    The pattern of the beginning is in the syntax common to Python's `re` and to RE2, which Arrow uses.
    """

    start: str
    alphabet: str
    masked: int
    whole: int


# Of `sk-` alone (OpenAI's first keys, LiteLLM, DeepSeek) the length does not tell: see `is_key`.
_BARE = _Kind("(?:sk|rk|pk)[-_]", _URL_SAFE, 12, 0)

_KINDS = (
    # Model providers and gateways.
    _Kind("sk-(?:proj|svcacct|admin|None|ant|or-v1|lf|litellm)-", _URL_SAFE, 8, 20),
    _Kind("gsk_", _ALNUM, 12, 24),
    _Kind("xai-", _ALNUM, 12, 32),
    _Kind("r8_", _ALNUM, 16, 32),
    _Kind("nvapi-", _URL_SAFE, 12, 32),
    _Kind("pplx-", _ALNUM, 12, 32),
    _Kind("csk-", _ALNUM, 16, 32),
    _Kind("tgp_v1_", _URL_SAFE, 12, 32),
    _Kind("tvly-", _URL_SAFE, 16, 24),
    _Kind("rpa_", _ALNUM, 20, 32),
    _Kind("lsv2_(?:pt|sk)_", "[A-Za-z0-9_]", 12, 32),
    _Kind("(?:hf_|api_org_)", _ALNUM, 20, 34),
    _Kind("jina_", _ALNUM, 20, 40),
    # Clouds.
    _Kind("(?:AKIA|ASIA)", "[A-Z0-9]", 12, 16),
    _Kind("AIza", _URL_SAFE, 30, 35),
    _Kind(r"ya29\.", "[A-Za-z0-9_.-]", 12, 30),
    _Kind("GOCSPX-", _URL_SAFE, 12, 28),
    _Kind("do[opr]_v1_", _HEX, 16, 40),
    _Kind("dapi", "[0-9a-f-]", 32, 32),
    _Kind(r"hv[sbr]\.", _URL_SAFE, 16, 24),
    _Kind("sbp_", _HEX, 20, 40),
    # Code and packages.
    _Kind("gh[pousr][_-]", _ALNUM, 16, 36),
    _Kind("github_pat_", "[A-Za-z0-9_]", 16, 40),
    _Kind("gl(?:pat|rt|dt|ptt|cbt|ft|agent|soat|imt|oas|sft)-", "[A-Za-z0-9_.-]", 12, 20),
    _Kind("npm_", _ALNUM, 20, 36),
    _Kind("pypi-", _URL_SAFE, 16, 40),
    _Kind("dckr_pat_", _URL_SAFE, 16, 24),
    # Payment, shops, mail, chat.
    _Kind("(?:sk|rk|pk)_(?:live|test)_", _ALNUM, 8, 20),
    _Kind("whsec_", "[A-Za-z0-9+/=]", 16, 24),
    _Kind("shp(?:at|ca|pa|ss)_", "[0-9A-Fa-f]", 16, 32),
    _Kind("(?:xox[a-z][-_]|xapp-)", "[A-Za-z0-9-]", 8, 20),
    _Kind(r"SG\.[A-Za-z0-9_-]{16,64}\.", _URL_SAFE, 16, 16),
    _Kind("[MNO][A-Za-z0-9_-]{22,28}\\.[A-Za-z0-9_-]{6}\\.", _URL_SAFE, 27, 27),  # Discord
    _Kind("[0-9]{6,12}:AA", _URL_SAFE, 30, 30),  # Telegram
    _Kind("eyJ[A-Za-z0-9_-]{6,}\\.", "[A-Za-z0-9_.-]", 6, 8),  # JSON Web Token (RFC 7519)
)

# A key begins after whatever is no letter or digit, and after an escape that ends in one (\n, %3D).
_BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f][0-9A-Fa-f]))"

ANYWHERE = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
    # Whoever knows such an address may post to it.
    r"|https://hooks\.slack\.com/[A-Za-z0-9/_-]{8,}"
    r"|https://(?:[a-z]+\.)?discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[A-Za-z0-9/_-]{8,}"
    r"|(?<![0-9])[0-9]{6,12}:AA[A-Za-z0-9_-]{30,}|"
    + _BEGINS
    + "(?:"
    + "|".join(f"{kind.start}{kind.alphabet}{{{kind.masked},}}" for kind in (*_KINDS, _BARE))
    + ")"
)
"""A secret of a known shape, wherever it stands in a text. It has no groups."""

_SCHEMES = "[Bb]earer|[Bb]asic|[Tt]oken|[Aa]pi-?[Kk]ey"

STARTS_LIKE_KEY = (
    rf"^[ \t]*(?:(?:{_SCHEMES})[ \t]|eyJ|(?:sk|rk|pk)[-_]|"
    + "|".join(kind.start for kind in _KINDS if not kind.start.startswith("eyJ"))
    + ")"
)
"""What every raw key begins with, and some names too: a filter that Arrow can apply, for `is_key` to judge."""

_START = re.compile(STARTS_LIKE_KEY)
_WHOLE = re.compile("|".join(f"{kind.start}{kind.alphabet}{{{kind.whole},}}" for kind in _KINDS))
_HEX_KEY = re.compile(r"sk-(?:[0-9a-f]{32}|[0-9a-f]{64}|[A-Za-z0-9]{40,})")
_HEADER = re.compile(rf"({_SCHEMES})\s+(\S+)")
_LEAST_RANDOM = 20
_LEAST_TURNS = 0.2


def starts_like_key(value: str) -> bool:
    """Whether a value begins as raw keys do; ordinary names may, too."""
    return _START.match(value) is not None


def is_key(value: str) -> bool:
    """Whether the whole of a value has the shape and the length of a real key or authorization header."""
    bare = value.strip()
    if _WHOLE.fullmatch(bare) or _HEX_KEY.fullmatch(bare):
        return True
    header = _HEADER.fullmatch(bare)
    if header is not None:
        scheme, rest = header[1].lower(), header[2]
        if scheme == "basic":
            return ":" in (decoded_text(rest) or "")
        return is_key(rest) or (len(rest) >= 8 and not rest.isalpha()) or is_random(rest)
    return bare.startswith("sk-") and is_random(bare[3:])


def is_random(token: str, least: int = _LEAST_RANDOM) -> bool:
    """Whether a token mixes small letters, capitals and digits as chance does and names do not.

    Counted are the turns from one sort to another, but for that from a capital to a small letter, with which
    words begin: nearly half of all places in a random token, one in ten in `EuWest-Team-2024`.
    """
    sorts = "".join(
        "a" if c.islower() else "A" if c.isupper() else "0" if c.isdigit() else " " for c in token
    )
    signs = len(sorts) - sorts.count(" ")
    if signs < least or not {"a", "A", "0"} <= set(sorts):
        return False
    turns = sum(a != b and " " not in (a, b) and a + b != "Aa" for a, b in pairwise(sorts))
    return turns >= _LEAST_TURNS * signs


def decoded_text(token: str) -> str | None:
    """The text that a token holds in base64; None when it holds none."""
    padded = token.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        text = base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text if text and all(c.isprintable() or c in "\r\n\t" for c in text) else None
