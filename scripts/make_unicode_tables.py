"""Write the table of character normalisation that the text sketches use.

Run `python scripts/make_unicode_tables.py` to write it again, `--check` to compare it with what this Python
gives. The table is committed, so that sketches do not depend on the Unicode version of the Python or the
system that makes them; running this with a newer Python moves the table to a newer Unicode version, changes
sketches of some texts, and so needs a new TABLE_VERSION and new golden vectors.

For each code point the table holds what is left of it after compatibility decomposition (NFKD), case folding,
and removal of combining marks and default-ignorable code points, with the class and the script of each result.
Hangul syllables are not in the table: the kernel decomposes them by arithmetic (Unicode Standard, 3.12).
"""

import argparse
import json
import sys
import unicodedata
import zlib
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "src/stillwatch/records/sketches/unicode.bin"
TABLE_VERSION = 1
BLOCK = 128

SEPARATOR, SPACE, LETTER, MARK, DIGIT, SINGLE = range(6)
SCRIPTS = {
    "LATIN": 1,
    "CYRILLIC": 2,
    "ARABIC": 3,
    "DEVANAGARI": 4,
    "CJK": 5,
    "IDEOGRAPHIC": 5,
    "HIRAGANA": 6,
    "KATAKANA": 6,
    "KATAKANA-HIRAGANA": 6,
    "HANGUL": 7,
    "THAI": 8,
    "GREEK": 9,
    "HEBREW": 10,
}
HAN, OTHER = 5, 11
# Written without spaces between words, so that each character is a token of its own.
UNSPACED = {
    "CJK",
    "IDEOGRAPHIC",
    "HIRAGANA",
    "KATAKANA",
    "KATAKANA-HIRAGANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
}
# Default_Ignorable_Code_Point (DerivedCoreProperties.txt; stable since Unicode 5.0 but for U+061C, in 6.3).
IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_IGNORED = frozenset(c for first, last in IGNORABLE for c in range(first, last + 1))


def expand(char: str) -> str:
    """What is left of one code point: folded, decomposed, without marks and ignorable code points.

    Folding goes through upper case, so that pairs that case folding keeps apart (dotless i and I) meet.
    Marks of combining class 0 (vowel signs) and 9 (viramas) stay: they never change places in normalisation.
    """
    text, before = unicodedata.normalize("NFD", char), ""
    while text != before:
        before, text = text, unicodedata.normalize("NFKD", text.upper().casefold())
    return "".join(c for c in text if ord(c) not in _IGNORED and unicodedata.combining(c) in (0, 9))


def entry(char: str) -> int:
    """One result as 28 bits: code point (bits 0 to 20), class (21 to 23), script (24 to 27)."""
    code, category = ord(char), unicodedata.category(char)
    names = unicodedata.name(char, "").split()
    first = names[0] if names else ""
    if category == "Cn" and (0x20000 <= code <= 0x3FFFD):
        first, category = "CJK", "Lo"  # planes reserved for ideographs: later additions are ideographs too
    if category == "Cn" and not (0x1F000 <= code <= 0x1FBFF or code & 0xFFFE == 0xFFFE):
        category = "Lo"  # most additions are letters of new scripts; the emoji blocks are not
    script = 0
    if category == "Nd":
        code, kind = 0x30 + unicodedata.digit(char), DIGIT
    elif category[0] == "M":
        kind = MARK
    elif category[0] == "L" or category in ("Nl", "No"):
        kind, script = (SINGLE if first in UNSPACED else LETTER), SCRIPTS.get(first, OTHER)
    elif category[0] == "Z" or category == "Cc":
        kind, code = SPACE, (0x0A if code in (0x0A, 0x0D) else 0x20)  # ends of lines matter inside base64
    else:
        kind = SEPARATOR
    return code | kind << 21 | script << 24


def build() -> tuple[dict[str, object], bytes]:
    """The header and the payload: index (uint16), blocks (uint32) and expansions (uint32), little-endian.

    An entry of a block: bit 30 says that the code point is assigned; with bit 28, bits 0 to 15 are the place in
    `expansions` and bits 16 to 20 the length; otherwise bits 0 to 27 are the one result, its code point XOR the
    entry's own.
    """
    expansions: list[int] = []
    seen: dict[tuple[int, ...], int] = {}
    entries = np.zeros(0x110000, dtype="<u4")
    for code in range(0x110000):
        if 0xD800 <= code <= 0xDFFF or 0xAC00 <= code <= 0xD7A3:
            continue
        char = chr(code)
        assigned = int(unicodedata.category(char) != "Cn") << 30
        parts = tuple(entry(c) for c in expand(char))
        if len(parts) == 1:
            entries[code] = (parts[0] ^ code) | assigned  # so that blocks of plain letters are equal
            continue
        if parts not in seen:
            seen[parts] = len(expansions)
            expansions.extend(parts)
        entries[code] = seen[parts] | len(parts) << 16 | 1 << 28 | assigned
    blocks: dict[bytes, int] = {}
    index = np.array(
        [blocks.setdefault(b.tobytes(), len(blocks)) for b in entries.reshape(-1, BLOCK)], dtype="<u2"
    )
    payload = index.tobytes() + b"".join(blocks) + np.array(expansions, dtype="<u4").tobytes()
    header = {
        "format": "stillwatch unicode table",
        "version": TABLE_VERSION,
        "unicode": unicodedata.unidata_version,
        "block": BLOCK,
        "index": len(index),
        "blocks": len(blocks) * BLOCK,
        "expansions": len(expansions),
    }
    return header, payload


def main() -> int:
    """Write the table, or compare it with `--check`."""
    arguments = argparse.ArgumentParser(description="Write the table of character normalisation.")
    arguments.add_argument("--check", action="store_true", help="compare, write nothing")
    check = arguments.parse_args().check
    header, payload = build()
    if check:
        line, body = TARGET.read_bytes().split(b"\n", 1)
        same = json.loads(line) == header and zlib.decompress(body) == payload
        print("same" if same else f"differs (this Python has Unicode {header['unicode']})")
        return 0 if same else 1
    TARGET.write_bytes(json.dumps(header).encode() + b"\n" + zlib.compress(payload, 9))
    print(f"{TARGET}: Unicode {header['unicode']}, {TARGET.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
