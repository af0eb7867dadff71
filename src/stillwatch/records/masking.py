"""Masks secrets in rows that are kept aside: keys of known shapes, passwords, card numbers, header fields.

A rejected row is kept so that a person can see why it was refused. It may hold anything, so every string is
searched for secrets, also inside JSON in text and under escapes; fields that carry credentials by their name
are blanked, and long strings are cut. Masking what is masked already changes nothing.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence

from stillwatch.records.secret_shapes import ANYWHERE, decoded_text, is_random, starts_like_key

MASK = "[masked]"
MAX_TEXT = 500
MAX_ITEMS = 100
MAX_DEPTH = 8
# Only this much of a string is searched: far more than is kept.
_SEARCHED = 64 * 1024
# Hiding one thing can bring two others together; text that changes for longer than this was made to.
_ROUNDS = 8

_WORDS_OF_NAME = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_SECRET_NAME = re.compile(
    r"(?:(?:^|_)(?:authori[sz]ation|pass(?:wd|word|phrase|code)?s?|pwd|secrets?|credentials?|(?:set_)?cookies?"
    r"|(?:api|access|secret|private|account|virtual|master|encryption|signing|subscription|storage|client|session"
    r"|auth|service|license|user)_key(?:_id)?s?"
    r"|(?:access|refresh|id|auth|session|csrf|bearer)tokens?|token|bearer|jwt|dsn|(?:connection|conn)_?str(?:ing)?"
    r"|[jp]?(?:hp)?sess(?:ion)?_?id|sig|signature)"
    # Written in one word.
    r"|(?:password|passwd|passphrase|api_?key|accesskey|accountkey|secretkey|privatekey|authtoken|accesstoken))"
    r"(?:_(?:value|raw|plain|text|string|[0-9]+))?$"
)
# Fields whose values look random by their nature, and without which a rejected row could not be found again.
_ID_NAME = re.compile(r"(?:^|_)(?:ids?|uuid|guid|hash|digest|fingerprint|ja[34]|etag|checksum|traceparent)$")
_DOTTED_NAME = re.compile(r"[A-Za-z_]+(?:[._-][A-Za-z0-9_]+)*")

# A value as it stands in text: quoted, quoted under escapes, masked before, in brackets, or bare.
_BARE = r"(?:[^\s,;&\"'}\]\\]|\\(?![nrt\"'\\/u]))"
_VALUE = (
    r"(?P<open>\"|')(?:(?!(?P=open))[^\\]|\\[\s\S])*(?:(?P=open)|\\?\Z)"
    r"|(?P<escapes>\\+)(?P<quote>[\"'])(?:(?!(?<!\\)(?P=escapes)(?P=quote))[\s\S])*(?:(?P=escapes)(?P=quote)|\Z)"
    rf"|\[masked\]{_BARE}*|\{{[^{{}}]*\}}?|\[[^\[\]]*\]?|{_BARE}+"
)
_EQUALS = r"(?:\\*[\"']|%22)?\s*(?:[:=]>?|%3[AaDd])\s*"
_NAME = re.compile(rf"(?<![\w.-])(?P<name>[\w.-]+){_EQUALS}")
_NAMED = re.compile(rf"(?P<value>{_VALUE})")
# JSON in a field of CSV, where every quote is doubled.
_DOUBLED = re.compile(
    r"(?<![\w.-])(?P<before>(?P<name>[\w.-]+)\"\"\s*:\s*\"\")(?P<inner>(?:(?!\"\")[\s\S])+)"
)
# {"key": "authorization", "value": {"stringValue": ...}}, as OTLP writes attributes.
_PAIR = re.compile(
    r"(?P<before>[\"'](?:key|name)\\*[\"']\s*:\s*\\*[\"'](?P<name>[^\"'\\]{1,100})\\*[\"']\s*,\s*\\*[\"']value\\*[\"']\s*:"
    rf"\s*(?:\{{\s*\\*[\"']\w+\\*[\"']\s*:\s*)?)(?P<value>{_VALUE})"
)
# Header fields whose value is more than one word. A list of parameters may hold quotes and commas of its own.
_PARAMETER = r"[\w-]+\s*=\s*(?:\\*\"[^\"\\]*\\*\"|[^\s,\"\\]+)"
_HEADER = re.compile(
    r"(?<![A-Za-z0-9])(?P<before>(?:proxy-)?authori[sz]ation\s*[:=]\s*)(?![\s\"'\\])"
    rf"(?:[\w-]+[ ]+{_PARAMETER}(?:\s*,\s*{_PARAMETER})*|[^\"'\\\r\n,;{{}}]+)"
    r"|(?<![A-Za-z0-9])(?P<cookie>(?:set-)?cookie\s*[:=]\s*)(?![\s\"'\\])[^\"'\\\r\n]+",
    re.IGNORECASE,
)
_SCHEME = re.compile(
    r"(?<![A-Za-z0-9])(?P<before>(?P<scheme>bearer|basic|token|api-?key)\s+)(?P<value>[A-Za-z0-9._~+/=-]{6,})",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?P<before>(?:pass(?:word|phrase|code)|pwd|(?:(?:api|access|secret|private) )?key|secret|token)"
    r"\s+(?:is|was|=|:)\s*[\"'`]?)(?P<value>[^\s\"'`,;]{4,})",
    re.IGNORECASE,
)
_SPACED_NAME = re.compile(
    rf"(?<![A-Za-z0-9])(?P<before>(?:api|access|secret|private|account) key{_EQUALS})(?P<value>{_VALUE})",
    re.IGNORECASE,
)
# The last @ ends the password, which may hold others, and slashes; a port and its path are none.
_URL_PASSWORD = re.compile(
    r"(?P<before>://[^\s/:@\"'<>]*:)(?!\d{1,5}/)(?:(?!://)[^\s\"'<>])+(?=@)",
    re.IGNORECASE,
)
_URL_USER = re.compile(r"(?P<before>://)[^\s/:@\"'<>\[]{16,}(?=@)", re.IGNORECASE)
# ISO/IEC 7812: 12 to 19 digits; cards in use begin with 2 to 6.
_CARD = re.compile(r"(?<![\dA-Za-z])[2-6]\d(?:[ -]?\d){10,17}(?![\dA-Za-z])")
_LONG_TOKEN = re.compile(r"(?<![A-Za-z0-9_+/=-])[A-Za-z0-9_+/-]{32,}={0,2}")
_LEAST_RANDOM = 28
# Ids that APIs give to answers, requests and the like.
_ID_PREFIX = re.compile(
    r"(?:chatcmpl|cmpl|msg|req|resp|run|step|call|toolu|srvtoolu|thread|asst|file|batch|gen|trace|event|evt|acct|user"
    r"|org|proj|conv|sess|session|account|request|response)[-_]"
)
_UNICODE_ESCAPE = re.compile(r"(?<!\\)\\+u00([2-7][0-9A-Fa-f])")


def passes_luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def mask_text(text: str, limit: int = MAX_TEXT) -> str:
    """`text` with secrets replaced by `[masked]`, lone surrogates repaired, cut to `limit` characters."""
    return _text(text, limit, 0, False)


def mask(value: object, depth: int = 0) -> object:
    """Any raw value as plain JSON values (str, int, float, bool, None, list, dict) with secrets masked.

    Bytes are read as UTF-8; values of other types are shown as text. Deep and long structures are cut.
    """
    return _mask(value, depth, "")


def _mask(value: object, depth: int, name: str) -> object:
    is_id = bool(_ID_NAME.search(name))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, MAX_TEXT, depth, is_id)
    if isinstance(value, int):
        shown = str(value) if value.bit_length() < 128 else "an integer of more than 128 bits"
        masked = mask_text(shown)
        return value if masked == shown and value.bit_length() < 64 else masked
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value[: _SEARCHED * 4]).decode("utf-8", "replace"), MAX_TEXT, depth, is_id)
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return _mapping(value, depth)
    if isinstance(value, Sequence):
        items = list(value[:MAX_ITEMS])
        # A header as a pair of name and value.
        if (
            len(items) == 2
            and isinstance(items[0], str)
            and _hides(_plain_name(items[0]), items[1], bare=False)
        ):
            return [_mask(items[0], depth + 1, ""), MASK]
        return [_mask(item, depth + 1, name) for item in items]
    return mask_text(str(value))


def _mapping(fields: Mapping[object, object], depth: int) -> dict[str, object]:
    label = next((fields[k] for k in ("key", "name") if isinstance(fields.get(k), str)), "")
    labelled = _plain_name(str(label)) if "value" in fields else ""
    masked: dict[str, object] = {}
    for key, value in list(fields.items())[:MAX_ITEMS]:
        shown = mask_text(str(key), 100)
        # By the name as it is and as it is shown: whoever masks the result again sees no other names.
        names = {_plain_name(str(key)), _plain_name(shown)}
        if key == "value" and labelled:
            names.add(labelled)
        bare = not ("value" in fields and key == "key")
        hidden = any(_hides(name, value, bare=bare) for name in names)
        masked[shown] = MASK if hidden else _mask(value, depth + 1, _plain_name(shown))
    return masked


def _plain_name(name: str) -> str:
    """A field's name in small letters with its words set apart: `userApiKey`, `User-API-Key`: user_api_key."""
    return _WORDS_OF_NAME.sub("_", name[-200:]).lower().strip("_")


def _hides(name: str, value: object, *, bare: bool = True) -> bool:
    """Whether the value of a field with this plain name is a secret. `bare`: a name `key` may mean one, too."""
    if value is None or value == "" or isinstance(value, bool):
        return False
    if _SECRET_NAME.search(name):
        return not (name.endswith("pass") and isinstance(value, int | float))
    if not isinstance(value, str):
        return False
    if name == "key":
        # As often the name of something, which a person needs to read.
        return bare and (any(c.isdigit() for c in value[:200]) or not _DOTTED_NAME.fullmatch(value))
    return "key" in name.split("_") and starts_like_key(value)


def _text(text: str, limit: int, depth: int, is_id: bool) -> str:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    for _ in range(_ROUNDS):
        searched = text
        if len(text) > _SEARCHED:
            # A token that the end of the search cuts in two could be half a secret.
            searched = text[:_SEARCHED]
            last = searched[-4096:].rpartition(" ")[2]
            searched = searched[: len(searched) - len(last)]
        masked = _plain_text(_inner_json(searched, depth), depth, is_id)
        if len(masked) > limit or len(text) > _SEARCHED:
            note = f"… ({len(text)} characters)"
            masked = masked[: limit - len(note)] + note
        if masked == text:
            return text
        text = masked
    return MASK


def _inner_json(text: str, depth: int) -> str:
    """JSON in text, masked by its fields; as it is where nothing had to be hidden, or it is no JSON."""
    if text.lstrip()[:1] not in ("{", "[", '"') or depth >= MAX_DEPTH:
        return text
    try:
        value = json.loads(text)
        masked = _mask(value, depth + 1, "")
        if masked == value:
            return text
        return json.dumps(masked, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _plain_text(text: str, depth: int, is_id: bool) -> str:
    unescaped = text
    if "\\" in text:
        unescaped = _UNICODE_ESCAPE.sub(_unescape, text).replace("\\/", "/")
    masked = ANYWHERE.sub(MASK, unescaped)
    masked = _HEADER.sub(lambda m: f"{m['before'] or m['cookie']}{MASK}", masked)
    masked = _PAIR.sub(lambda m: m["before"] + _cover_if(_plain_name(m["name"]), m), masked)
    masked = _DOUBLED.sub(
        lambda m: m["before"] + (MASK if _hides(_plain_name(m["name"]), m["inner"]) else m["inner"]), masked
    )
    masked = _named_values(masked)
    masked = _SPACED_NAME.sub(lambda m: m["before"] + _covered(m), masked)
    masked = _SCHEME.sub(_mask_scheme, masked)
    masked = _SPOKEN.sub(_mask_spoken, masked)
    masked = _URL_PASSWORD.sub(rf"\g<before>{MASK}", masked)
    masked = _URL_USER.sub(rf"\g<before>{MASK}", masked)
    masked = _CARD.sub(_mask_card, masked)
    if not is_id:
        masked = _LONG_TOKEN.sub(lambda m: _mask_token(m.group(), depth), masked)
    # Escapes stay as they were where they hid nothing.
    return text if masked == unescaped else masked


def _unescape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return f"\\{character}" if character in "\"\\'" else character


def _named_values(text: str) -> str:
    out, at = [], 0
    for found in _NAME.finditer(text):
        # An escape in front of a name ends in a letter: \\ntoken= is a line's end, then token.
        name = found["name"][1:] if text[found.start() - 1 : found.start()] == "\\" else found["name"]
        plain = _plain_name(name)
        if found.start() < at or not (_SECRET_NAME.search(plain) or "key" in plain.split("_")):
            continue
        value = _NAMED.match(text, found.end())
        if value is not None:
            out += [text[at : found.end()], _cover_if(plain, value)]
            at = value.end()
    return "".join([*out, text[at:]])


def _cover_if(name: str, match: re.Match[str]) -> str:
    """A value in text, covered if the plain name in front of it says that it is a secret."""
    inner = match["value"].strip("\\\"'")
    known = inner in ("", "null", "None", "true", "false", MASK)
    return match["value"] if known or not _hides(name, inner, bare=len(inner) >= 8) else _covered(match)


def _covered(match: re.Match[str]) -> str:
    quote = match["open"] or (match["escapes"] or "") + (match["quote"] or "")
    return f"{quote}{MASK}{quote}"


def _has_turn(token: str) -> bool:
    """Whether a word has a digit, or a capital behind a small letter: prose has neither."""
    return re.search(r"\d|[a-z][A-Z]|=", token) is not None


def _mask_scheme(match: re.Match[str]) -> str:
    if match["scheme"].lower() == "bearer" or _has_turn(match["value"]):
        return match["before"] + MASK
    return match.group()


def _mask_spoken(match: re.Match[str]) -> str:
    return match["before"] + MASK if _has_turn(match["value"]) else match.group()


def _mask_card(match: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", match.group())
    return MASK if passes_luhn(digits) else match.group()


def _mask_token(token: str, depth: int) -> str:
    """A long token that only chance can have made; ids and ordinary text in base64 stay."""
    if _ID_PREFIX.match(token) or not is_random(token, _LEAST_RANDOM):
        return token
    decoded = decoded_text(token)
    if decoded is not None and depth < MAX_DEPTH:
        return MASK if _text(decoded, _SEARCHED, depth + 1, False) != decoded else token
    return MASK
