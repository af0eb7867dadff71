"""From UTF-8 bytes to normalised characters, after a committed table.

A normalised character is an `entry` of 28 bits in a uint32: code point (bits 0 to 20), class (bits 21 to 23), script
(bits 24 to 27). A text, its NFC, NFD, NFKC and NFKD forms and its case variants have the same entries, as have
texts that differ only in combining marks (accents) or in default-ignorable characters (zero width, direction
controls, soft hyphens, variation selectors, tags).
"""

import numpy as np
from numba import njit

ENTRY = np.uint32(0x0FFFFFFF)
CODE = np.uint32(0x1FFFFF)
_EXPANSION = np.uint32(1 << 28)
_REPLACEMENT = 0xFFFD
_RUN = 16
MOST = 6  # entries for each byte, at most: U+FDFA, three bytes, leaves eighteen


@njit(nogil=True)
def decode(data, i, end):  # type: ignore[no-untyped-def]
    """The code point at `data[i]` and where the next begins; U+FFFD for each maximal invalid part.

    Unicode Standard 3.9, "U+FFFD substitution of maximal subparts", as Python's and the browsers' decoders do it.
    """
    first = np.int64(data[i])
    if first < 0x80:
        return first, i + 1
    low, high = 0x80, 0xBF
    if 0xC2 <= first <= 0xDF:
        more, code = 1, first & 0x1F
    elif 0xE0 <= first <= 0xEF:
        more, code = 2, first & 0x0F
        if first == 0xE0:
            low = 0xA0
        elif first == 0xED:
            high = 0x9F
    elif 0xF0 <= first <= 0xF4:
        more, code = 3, first & 0x07
        if first == 0xF0:
            low = 0x90
        elif first == 0xF4:
            high = 0x8F
    else:
        return np.int64(_REPLACEMENT), i + 1
    i += 1
    for _ in range(more):
        if i >= end:
            return np.int64(_REPLACEMENT), i
        byte = np.int64(data[i])
        if byte < low or byte > high:
            return np.int64(_REPLACEMENT), i
        code = (code << 6) | (byte & 0x3F)
        low, high = 0x80, 0xBF
        i += 1
    return code, i


@njit(nogil=True)
def normalise(data, i, end, index, blocks, expansions, entries, places, want_places):  # type: ignore[no-untyped-def]
    """Normalise `data[i:end]` into `entries`; with `want_places`, `places` holds each one's index in code points.

    Returns (number of entries, number of code points of the text). `entries` has room for MOST * bytes.
    """
    n = 0
    codes = 0
    while i < end:
        if i + _RUN <= end:  # most text is ASCII: many bytes at once, without a branch for each
            high = np.uint8(0)
            for k in range(_RUN):
                high |= data[i + k]
            if high < 0x80:
                for k in range(_RUN):
                    byte = data[i + k]
                    entries[n + k] = (blocks[byte] ^ np.uint32(byte)) & ENTRY
                if want_places:
                    for k in range(_RUN):
                        places[n + k] = codes + k
                n += _RUN
                i += _RUN
                codes += _RUN
                continue
        byte = data[i]
        if byte < 0x80:
            entries[n] = (blocks[byte] ^ np.uint32(byte)) & ENTRY
            if want_places:
                places[n] = codes
            n += 1
            i += 1
            codes += 1
            continue
        code, i = decode(data, i, end)
        if 0xAC00 <= code <= 0xD7A3:  # a Hangul syllable: Unicode Standard 3.12
            syllable = code - 0xAC00
            for k in range(3):
                if k == 0:
                    jamo = 0x1100 + syllable // 588
                elif k == 1:
                    jamo = 0x1161 + (syllable % 588) // 28
                else:
                    jamo = 0x11A7 + syllable % 28
                    if jamo == 0x11A7:
                        break
                e = blocks[(np.int64(index[jamo >> 7]) << 7) | (jamo & 127)]
                entries[n] = (e ^ np.uint32(jamo)) & ENTRY
                if want_places:
                    places[n] = codes
                n += 1
        else:
            e = blocks[(np.int64(index[code >> 7]) << 7) | (code & 127)]
            if e & _EXPANSION:
                first = np.int64(e & np.uint32(0xFFFF))
                for k in range(first, first + np.int64((e >> np.uint32(16)) & np.uint32(31))):
                    entries[n] = expansions[k]
                    if want_places:
                        places[n] = codes
                    n += 1
            else:
                entries[n] = (e ^ np.uint32(code)) & ENTRY
                if want_places:
                    places[n] = codes
                n += 1
        codes += 1
    return n, codes
