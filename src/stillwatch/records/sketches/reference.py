"""Normalisation and tokens of one text in plain Python, from the same table as the kernel.

For small work (compiling phrases) that should not wait for the kernel, and to test the kernel against.
"""

from typing import NamedTuple

from stillwatch.records.sketches.mixing import absorbed, finished
from stillwatch.records.sketches.tokens import NUMBER, NUMBER_SIGN, SEED
from stillwatch.records.sketches.unicode_table import DIGIT, LETTER, MARK, SINGLE, unicode_table


class Token(NamedTuple):
    """One token: its normalised code points, whether it is a number, and where it is in the normalised characters."""

    codes: tuple[int, ...]
    number: bool
    start: int
    stop: int

    @property
    def states(self) -> list[int]:
        """The running hash after each character (or run of digits), as `tokens.scan` computes it."""
        result, state, was_digit = [], int(SEED), False
        for code in self.codes:
            digit = 0x30 <= code <= 0x39
            if not (digit and was_digit):
                state = absorbed(state, int(NUMBER_SIGN) if digit else code)
                result.append(state)
            was_digit = digit
        return result

    @property
    def hash(self) -> int:
        """The token's hash, before the key."""
        return int(NUMBER if self.number else finished(self.states[-1]))


def normalised(text: str) -> list[tuple[int, int, int]]:
    """The normalised characters of `text`: (code point, class, script)."""
    table = unicode_table()
    result: list[tuple[int, int, int]] = []
    for char in text:
        code = ord(char)
        if 0xAC00 <= code <= 0xD7A3:
            lead, rest = divmod(code - 0xAC00, 588)
            vowel, tail = divmod(rest, 28)
            codes = [0x1100 + lead, 0x1161 + vowel] + ([0x11A7 + tail] if tail else [])
        else:
            codes = [code]
        for c in codes:
            entry = int(table.blocks[int(table.pages[c >> 7]) << 7 | c & 127])
            if entry >> 28 & 1:
                first, length = entry & 0xFFFF, entry >> 16 & 31
                found = [int(e) for e in table.expansions[first : first + length]]
            else:
                found = [(entry ^ c) & 0x0FFFFFFF]
            result.extend((e & 0x1FFFFF, e >> 21 & 7, e >> 24 & 15) for e in found)
    return result


def tokens_of(text: str) -> list[Token]:
    """The tokens of `text` as `tokens.scan` splits it."""
    tokens: list[Token] = []
    codes: list[int] = []
    kinds: list[int] = []
    start = 0

    def close(stop: int) -> None:
        if not codes:
            return
        number = all(kind == DIGIT for kind in kinds)
        if number and tokens and tokens[-1].number:
            tokens[-1] = tokens[-1]._replace(stop=stop)
        else:
            tokens.append(Token(tuple(codes), number, start, stop))
        codes.clear()
        kinds.clear()

    for i, (code, kind, _) in enumerate([*normalised(text), (0x20, 1, 0)]):
        joins = bool(kinds) and (kind == MARK or (kind in (LETTER, DIGIT) and kinds[0] != SINGLE))
        if not joins:
            close(i)
            start = i
        if kind in (LETTER, DIGIT, MARK, SINGLE):
            codes.append(code)
            kinds.append(kind)
    return tokens
