"""The committed table against this Python's Unicode data, code point by code point."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from stillwatch.records.sketches.reference import normalised
from stillwatch.records.sketches.unicode_table import SCRIPTS, unicode_table

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_unicode_tables.py"


def known(char: str) -> bool:
    """Whether both this Python and the table know all of `char`'s forms."""
    return unicodedata.category(char) != "Cn" and unicode_table().assigned(char)


def shape(text: str) -> list[tuple[int, int, int]]:
    return normalised(text)


def test_all_forms_and_cases_of_every_character_are_one():
    different = []
    for code in range(0x110000):
        char = chr(code)
        if 0xD800 <= code <= 0xDFFF or not known(char):
            continue
        base = shape(char)
        forms = {unicodedata.normalize(f, char) for f in ("NFC", "NFD", "NFKC", "NFKD")}
        cases = {char.upper(), char.lower(), char.casefold(), char.title()}
        variants = [v for v in (forms | cases) - {char} if all(known(c) for c in v)]
        if any(shape(v) != base for v in variants):
            different.append(code)
    assert different == []


def test_the_table_is_what_the_script_writes():
    if unicodedata.unidata_version != unicode_table().version:
        pytest.skip(f"the table is of Unicode {unicode_table().version}, this Python has another")
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("word", "latin"),
        ("слово", "cyrillic"),
        ("كلمة", "arabic"),
        ("शब्द", "devanagari"),
        ("字", "han"),
        ("かなカナ", "kana"),
        ("낱말", "hangul"),
        ("คำ", "thai"),
        ("λέξη", "greek"),
        ("מילה", "hebrew"),
        ("բառ", "other"),
    ],
)
def test_scripts(text, script):
    found = {SCRIPTS[s] for _, kind, s in normalised(text) if kind in (2, 5)}
    assert found == {script}
