"""From the reviewed files of phrases and rules to the arrays that the kernel reads."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from stillwatch.records.sketches.marks import match
from stillwatch.records.sketches.reference import Token, tokens_of
from stillwatch.records.sketches.tokens import HEAD, HEAD_SHIFTS, LONG, LONG_SHIFT

LANGUAGES = ("en", "zh", "es", "ar", "hi", "fr", "de", "ru", "pt", "ja", "ko")
Arrays = tuple[Any, ...]
_ANYWHERE = 1 << 40
_WORD = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True)
class Mark:
    """One mark: what it is called, what it means, and its bit in the column `marks`."""

    name: str
    title: str
    description: str
    bit: int

    @property
    def mask(self) -> int:
        """The mark's bit as a number to test `marks` with."""
        return 1 << self.bit


def _read(name: str) -> Any:
    text = resources.files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)


@cache
def rules() -> Any:
    """The rules as they stand in rules.yaml."""
    return _read("rules")


@cache
def phrases(language: str) -> dict[str, tuple[str, ...]]:
    """The phrases of one language, by concept; prefixes that the language writes onto words are spelt out."""
    content = _read(language)
    prefixes = content.pop("prefixes", [])
    return {
        concept: tuple(p + phrase for phrase in listed for p in ("", *prefixes))
        for concept, listed in content.items()
    }


def _hold(words: NDArray[np.uint64], key: int) -> None:
    """Add `key` to a Bloom filter as `match._may_hold` reads it."""
    place = key >> (64 - match.FILTER_BITS)
    for shift in (64 - match.FILTER_BITS - 6, 64 - match.FILTER_BITS - 12):
        words[place] |= np.uint64(1 << (key >> shift & 63))


class _Tree:
    """Phrases as paths of symbols: whole tokens and beginnings of tokens."""

    def __init__(self) -> None:
        self.symbols: dict[int, int] = {}  # by hash
        self.edges: dict[tuple[int, int], int] = {}
        self.ends = [0]
        # Bloom filters: tokens that are a phrase or stand before an open end, pairs of tokens that begin one, first
        # characters of open ends, open ends.
        self.words, self.pairs, self.heads, self.stems = np.zeros(
            (4, 1 << match.FILTER_BITS), dtype=np.uint64
        )

    def add(self, phrase: str, concept: int) -> None:
        """Add one phrase; ValueError where the kernel could not find it."""
        path: list[tuple[Token, bool]] = []
        for part in phrase.split():
            found = tokens_of(part.removesuffix("*"))
            if not found:
                raise ValueError(f"phrase {phrase!r}: {part!r} has no letters")
            path.extend((token, part.endswith("*") and token is found[-1]) for token in found)
        node = 0
        for token, open_end in path:
            symbol = self._beginning(token, phrase) if open_end else self._symbol(token.hash)
            if (node, symbol) not in self.edges:
                self.edges[node, symbol] = len(self.ends)
                self.ends.append(0)
            node = self.edges[node, symbol]
        self.ends[node] |= 1 << concept
        first, open_end = path[0]
        if not open_end:
            if len(path) == 1 or path[1][1]:
                if first.number:
                    raise ValueError(f"phrase {phrase!r}: a number needs a whole word behind it")
                _hold(self.words, first.hash)
            else:
                both = (first.hash * int(match.STEP) & _WORD) ^ path[1][0].hash
                _hold(self.pairs, both)

    def _symbol(self, key: int) -> int:
        return self.symbols.setdefault(key, len(self.symbols) + 1)

    def _beginning(self, token: Token, phrase: str) -> int:
        if len(token.codes) < HEAD or any(0x30 <= code <= 0x39 for code in token.codes):
            raise ValueError(
                f"phrase {phrase!r}: an open end needs {HEAD} characters before it, and no digits"
            )
        head = 0
        for code, shift in zip(token.codes, HEAD_SHIFTS, strict=False):
            head ^= code << shift & _WORD
        # A token may be long whatever the beginning's length, but short only if the beginning is.
        for long in (True,) if len(token.codes) >= LONG else (False, True):
            _hold(self.heads, (head ^ long << LONG_SHIFT) * int(match.STEP) & _WORD)
        _hold(self.stems, token.hash ^ int(match.OPEN))
        return self._symbol(token.hash ^ int(match.OPEN))

    def arrays(self) -> Arrays:
        """The four filters, the table (keys, values), and what each node ends.

        Keys of edges are node << 32 | symbol, small beside hashes; a node's entry in the last array has the concepts that
        end there from bit 1 on, and bit 0 where the tree goes on.
        """
        content = {**self.symbols, **{node << 32 | symbol: end for (node, symbol), end in self.edges.items()}}
        if len(content) < len(self.symbols) + len(self.edges):
            raise ValueError("two entries of the table have one key")
        size = 1 << (2 * len(content)).bit_length()
        keys, values = [int(match.EMPTY)] * size, np.zeros(size, dtype=np.int64)
        for key, value in content.items():
            place = ((key * int(match.STEP)) & _WORD) >> 33 & (size - 1)
            while keys[place] != int(match.EMPTY):
                place = (place + 1) & (size - 1)
            keys[place], values[place] = key, value
        inner = {node for node, _ in self.edges}
        ends = [concepts << 1 | (node in inner) for node, concepts in enumerate(self.ends)]
        return (
            self.words,
            self.pairs,
            self.heads,
            self.stems,
            np.array(keys, np.uint64),
            values,
            np.array(ends, np.uint64),
        )


@cache
def concepts() -> dict[str, int]:
    """The concepts that rules use, each with its bit."""
    content = rules()
    names = ["not", "not_after", *content["verbs"], *content["objects"]]
    for mark in content["marks"].values():
        for rule in mark["rules"]:
            names.extend(concept for slot in rule["slots"] for concept in slot)
    return {name: bit for bit, name in enumerate(dict.fromkeys(names))}


@cache
def lexicon() -> tuple[Arrays, Arrays]:
    """Phrases and rules as `match.find_marks` needs them, compiled once from the files."""
    known = concepts()
    tree = _Tree()
    for language in LANGUAGES:
        for concept, listed in phrases(language).items():
            for phrase in listed:
                tree.add(phrase, known[concept])
    content = rules()
    slots, windows, needs_block, bits = [], [], [], []
    for bit, mark in enumerate(content["marks"].values()):
        for rule in mark["rules"]:
            masks = [sum(1 << known[c] for c in slot) for slot in rule["slots"]]
            slots.append(masks + [0] * (match.SLOTS - len(masks)))
            windows.append(rule.get("window", _ANYWHERE))
            needs_block.append(rule.get("block", False))
            bits.append(1 << bit)
    return tree.arrays(), (
        np.uint64(sum(1 << known[verb] for verb in content["verbs"])),
        np.uint64(sum(1 << known[thing] for thing in content["objects"])),
        int(content["not_reach"]),
        int(content["not_after_reach"]),
        int(content["object_reach"]),
        np.array(slots, dtype=np.uint64),
        np.array(windows, dtype=np.int64),
        np.array(needs_block, dtype=np.bool_),
        np.array(bits, dtype=np.int64),
    )


def registry() -> dict[str, Mark]:
    """The marks by name, in the order of their bits."""
    return {
        name: Mark(name, mark["title"], " ".join(mark["description"].split()), bit)
        for bit, (name, mark) in enumerate(rules()["marks"].items())
    }


MARKS: dict[str, Mark] = registry()
"""All marks by name, in the order of their bits in the column `marks`."""

MARKS_VERSION: int = rules()["version"]
"""Changes when rules or phrases change, since marks of old sketches then mean something else."""
