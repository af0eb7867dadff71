"""Hide what could identify a person or a secret in an example request, and keep its wording readable.

Two strengths. `mask` hides what has a form of its own: secrets, links, mail and network addresses,
telephone numbers, identifiers. `redact` hides numbers, quoted text and names too, which can only be guessed
from their form. Names are told by capitals and by the words that introduce them ("my name is"), so a name in
lower case, or in a script without capitals and with no such words, stays: examples are for the provider's own
staff, and reading raw text is theirs to log.
"""

import re
import unicodedata
from collections.abc import Callable
from importlib import resources

from stillwatch.records.secret_shapes import ANYWHERE

LONGEST = 20_000
"""Characters that are read; what follows is dropped, so that hostile text costs bounded time."""

_ROUNDS = 12

_SECRETS = re.compile(
    ANYWHERE.pattern + r"|-----BEGIN [A-Z ]{3,40}-----[\s\S]*?(?:-----END [A-Z ]{3,40}-----|\Z)"
    r"|\beyJ[A-Za-z0-9_\-]{6,}"
    r"|(?i:\b(?:bearer|apikey)\s+)[^\s\"'<>\[\]]{6,}"
    r"|(?i:(?<![A-Za-z0-9])(?:password|passwd|passphrase|pwd|secret|token|(?:api|access|account|secret|private)[ _-]?key)"
    r"\b\s*(?:is\s+|[:=]\s*))[\"']?[^\s\"'<>\[\]]+"
)
_SECRET_LABEL = re.compile(
    r"(?i)(?:password|passwd|passphrase|pwd|secret|token|(?:api|access|account|secret|private)[ _-]?key)\b"
    r"\s*(?:is\s+|[:=]\s*)[\"']?|(?:bearer|apikey)\s+"
)
_LINKS = re.compile(r"(?i)\b(?:[a-z][a-z0-9+.\-]{1,15}://|www\.)[^\s<>\"'\[\]]+")
_MAILS = re.compile(r"[^\s<>\"'()\[\]{},;:@]{1,64}@[^\s<>\"'()\[\]{},;:@]{1,255}")
_ADDRESSES = re.compile(
    r"\b(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?\b"
    r"|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])"
)
_PHONES = re.compile(r"(?<!\w)(?:\+|\(\d)?\d[\d\s().\-/]{5,24}\d(?!\w)")
_HANDLES = re.compile(r"(?<![\w\]])[@#]\w{2,}")
_RUNS = re.compile(r"[\w\-]{3,}|[A-Za-z0-9+/=_\-]{32,}")
_NUMBERS = re.compile(r"[+\-−]?\d+(?:[.,:/\-]\d+)*")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")

_QUOTES = re.compile(
    r"\"([^\"\n]{1,2000})\"|“([^”\n]{1,2000})”|„([^“”\n]{1,2000})[“”]|«([^»\n]{1,2000})»"
    r"|「([^」\n]{1,2000})」|『([^』\n]{1,2000})』|《([^》\n]{1,2000})》|‘([^’\n]{1,2000})’(?!\w)"
    r"|(?<![\w'])'([^'\n]{1,2000})'(?![\w'])|`([^`\n]{1,2000})`"
)

_KEY = re.compile(r"\"[a-z]+(?:_[a-z]+)*\"\Z")
_AFTER_KEY = re.compile(r"\s*:")
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’.\-](?=[^\W\d_]))*")
_INTRODUCED = re.compile(
    r"(?i)(\b(?:my name is|call me|i am called|named|signed|dear|mr|mrs|ms|dr|prof|me llamo|mi nombre es|"
    r"je m['’]appelle|ich hei(?:ß|ss)e|mein name ist|meu nome é|mi chiamo|меня зовут|اسمي|मेरा नाम)\b\.?\s+|"
    r"(?:我叫|我的名字是|姓名[:：]?\s*|私の名前は|제 이름은\s*))"
    r"(?!\[)([^\s,.;:!?，。；：！？\[\]]{1,24})"
)
# Words that open an instruction: at the start of a sentence their capital says nothing.
_OPENERS = frozenset((resources.files(__package__) / "redaction_openers.txt").read_text("utf-8").split())
# Capitals that belong to the craft, not to a person.
_TERMS = frozenset(
    (
        "AI",
        "API",
        "ASCII",
        "CSS",
        "CSV",
        "FAQ",
        "HTML",
        "HTTP",
        "HTTPS",
        "ID",
        "IDE",
        "JSON",
        "JSONL",
        "LLM",
        "ML",
        "PDF",
        "SDK",
        "SQL",
        "TODO",
        "URL",
        "UTF",
        "XML",
        "YAML",
    )
)
_SENTENCE_END = re.compile(r"(?:^|[.!?:;\n。！？]|[-*•>#)\]}\"'“”«»]|\d)\s*\Z")
_PLACEHOLDER = re.compile(r"\[(?:secret|link|mail|network address|telephone|handle|id|number|quoted|name)\]")


def mask(text: str) -> str:
    """Hide what has a form of its own: secrets, links, addresses, telephone numbers and identifiers.

    Each is replaced by its kind in brackets, such as `[mail]`. For templates, whose wording must stay whole.
    """
    return _until_stable(text, _mask_once)


def redact(text: str) -> str:
    """Hide everything that could identify somebody; keep the sentence around it.

    No digit of any script is left. `redact(redact(x)) == redact(x)`. Reads at most `LONGEST` characters.
    """
    return _until_stable(text, lambda t: _names(_outside(_loose_once, _mask_once(t))))


def _until_stable(text: str, step: Callable[[str], str]) -> str:
    """Repeat `step`: hiding one thing can bring two others together (a quote closes, a number ends)."""
    current = _cut(text)
    for _ in range(_ROUNDS):
        changed = step(current)
        if changed == current:
            return current
        current = changed
    # Text made to resist (it changes with every round) is no template that anybody needs to read.
    return "[text]"


def _cut(text: str) -> str:
    """Cut at a space, so that half a mail address is not left behind."""
    if len(text) <= LONGEST:
        return text
    head = text[:LONGEST]
    return head[: max(head.rfind(" "), head.rfind("\n")) + 1] or "[text]"


def _outside(step: Callable[[str], str], text: str) -> str:
    """Apply `step` to what stands between placeholders, never to a placeholder itself."""
    out, at = [], 0
    for found in _PLACEHOLDER.finditer(text):
        out += [step(text[at : found.start()]), found.group()]
        at = found.end()
    return "".join([*out, step(text[at:])])


def _mask_once(text: str) -> str:
    # Links and mail addresses first: a part of one may look like a secret, and the rest would be left in the open.
    text = _LINKS.sub("[link]", text)
    text = _MAILS.sub("[mail]", text)
    text = _SECRETS.sub(_secret, text)
    return _outside(_mask_piece, text)


def _secret(found: re.Match[str]) -> str:
    label = _SECRET_LABEL.match(found.group())
    return f"{label.group()}[secret]" if label else "[secret]"


def _mask_piece(text: str) -> str:
    text = _ADDRESSES.sub(_address, text)
    text = _outside(lambda t: _PHONES.sub(_phone, t), text)
    text = _outside(lambda t: _HANDLES.sub("[handle]", t), text)
    return _outside(lambda t: _RUNS.sub(_identifier, t), text)


def _phone(found: re.Match[str]) -> str:
    digits = sum(c.isdecimal() for c in found.group())
    return "[telephone]" if 7 <= digits <= 15 else found.group()


def _address(found: re.Match[str]) -> str:
    # Two colons between decimal digits are a time of day.
    word = found.group()
    is_time = word.count(":") == 2 and "::" not in word and word.replace(":", "").isdecimal()
    return word if is_time else "[network address]"


def _identifier(found: re.Match[str]) -> str:
    """Hide a word that mixes letters and digits, and a run that no language writes as one word."""
    word = found.group()
    mixed = any(c.isdecimal() for c in word) and any(c.isalpha() for c in word)
    return "[id]" if mixed or (len(word) >= 32 and word.isascii()) else word


def _numeral(found: re.Match[str]) -> str:
    # Digits have \\d; letters and signs that stand for numbers (Ⅳ, ², ⑨) are told by their category.
    return "[number]" if unicodedata.category(found.group()) in ("Nl", "No") else found.group()


def _loose_once(text: str) -> str:
    text = _NOT_ASCII.sub(_numeral, text)
    return _outside(lambda t: _NUMBERS.sub("[number]", t), text)


def _names(text: str) -> str:
    text = _QUOTES.sub(_quoted, text)
    text = _INTRODUCED.sub(lambda m: f"{m.group(1)}[name]", text)
    out: list[str] = []
    at = 0
    hidden_until = -1
    for found in _WORD.finditer(text):
        word = found.group()
        if not word[0].isupper():
            continue
        before = text[max(0, found.start() - 12) : found.start()]
        starts = bool(_SENTENCE_END.search(before)) or not text[: found.start()].strip()
        if word.lower() in _OPENERS and (starts or word == "I"):
            continue
        if word in _TERMS:
            continue
        gap = text[hidden_until : found.start()]
        out.append(text[at : found.start()])
        # Names of several words become one placeholder.
        if hidden_until >= 0 and gap.strip(" ") == "" and out[-1].strip() == "" and len(out) > 1:
            out.pop()
        else:
            out.append("[name]")
        at = hidden_until = found.end()
    out.append(text[at:])
    return "".join(out)


def _quoted(found: re.Match[str]) -> str:
    whole = found.group()
    if _KEY.match(whole) and _AFTER_KEY.match(found.string, found.end()):
        return whole  # the key of a JSON object is the form's, not the user's
    return f"{whole[0]}[quoted]{whole[-1]}"
