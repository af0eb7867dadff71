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
from stillwatch.records.sketches.tokens import HEAD, HEAD_STEP, NUMBER_HEAD

LANGUAGES = ("en", "zh", "es", "ar", "hi", "fr", "de", "ru", "pt", "ja", "ko")
Arrays = tuple[Any, ...]
_ANYWHERE = 1 << 40


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


def _head(token: Token) -> int:
    if token.number:
        return int(NUMBER_HEAD)
    head = 0
    for code in token.codes[:HEAD]:
        head = ((head ^ code) * int(HEAD_STEP)) & 0xFFFFFFFF
    return head


class _Trie:
    """Phrases as paths of symbols: characters, ends of tokens, rests of tokens, numbers."""

    def __init__(self) -> None:
        self.edges: dict[tuple[int, int], int] = {}
        self.ends = [0]
        self.bits = np.zeros(1 << (match.FILTER_BITS - 5), dtype=np.uint32)

    def _step(self, node: int, symbol: int) -> int:
        if (node, symbol) not in self.edges:
            self.edges[node, symbol] = len(self.ends)
            self.ends.append(0)
        return self.edges[node, symbol]

    def add(self, phrase: str, concept: int) -> None:
        """Add one phrase; ValueError where the kernel could not find it."""
        node, first = 0, True
        for part in phrase.split():
            star = part.endswith("*")
            found = tokens_of(part.removesuffix("*"))
            if not found:
                raise ValueError(f"phrase {phrase!r}: {part!r} has no letters")
            for k, token in enumerate(found):
                open_end = star and k == len(found) - 1
                if first:
                    if open_end and len(token.codes) < HEAD:
                        raise ValueError(f"phrase {phrase!r}: {part!r} is too short for an open end")
                    if not token.number and any(0x30 <= code <= 0x39 for code in token.codes[:HEAD]):
                        raise ValueError(
                            f"phrase {phrase!r}: {part!r} has a digit among its first characters"
                        )
                    place = ((_head(token) * int(match.FILTER_STEP)) & 0xFFFFFFFF) >> (32 - match.FILTER_BITS)
                    self.bits[place >> 5] |= np.uint32(1 << (place & 31))
                    first = False
                node = self._path(node, token, open_end)
        self.ends[node] |= 1 << concept

    def _path(self, node: int, token: Token, open_end: bool) -> int:
        if token.number:
            node = self._step(node, int(match.NUMBER_CODE))
        was_digit = False
        for code in token.codes if not token.number else ():
            digit = 0x30 <= code <= 0x39
            if not (digit and was_digit):
                node = self._step(node, int(match.NUMBER_CODE) if digit else code)
            was_digit = digit
        return self._step(node, int(match.REST if open_end else match.BOUNDARY))

    def arrays(self) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64]]:
        """Open-addressed table of edges (keys, target nodes) and the concepts that end at each node."""
        size = 1 << (2 * len(self.edges)).bit_length()
        keys = [int(match.EMPTY)] * size
        nodes = np.zeros(size, dtype=np.int64)
        for (node, symbol), target in self.edges.items():
            key = node << 32 | symbol
            place = ((key * int(match.STEP)) & 0xFFFFFFFFFFFFFFFF) >> 33 & (size - 1)
            while keys[place] != int(match.EMPTY):
                place = (place + 1) & (size - 1)
            keys[place], nodes[place] = key, target
        return np.array(keys, dtype=np.uint64), nodes, np.array(self.ends, dtype=np.uint64)


@cache
def concepts() -> dict[str, int]:
    """The concepts that rules use, each with its bit."""
    content = rules()
    names = ["not", "not_after", *content["verbs"]]
    for mark in content["marks"].values():
        for rule in mark["rules"]:
            names.extend(concept for slot in rule["slots"] for concept in slot)
    return {name: bit for bit, name in enumerate(dict.fromkeys(names))}


@cache
def lexicon() -> Arrays:
    """Everything that `match.find_marks` needs, compiled once from the files."""
    known = concepts()
    trie = _Trie()
    for language in LANGUAGES:
        for concept, listed in phrases(language).items():
            for phrase in listed:
                trie.add(phrase, known[concept])
    content = rules()
    slots, windows, needs_block, bits = [], [], [], []
    for bit, mark in enumerate(content["marks"].values()):
        for rule in mark["rules"]:
            masks = [sum(1 << known[c] for c in slot) for slot in rule["slots"]]
            slots.append(masks + [0] * (match.SLOTS - len(masks)))
            windows.append(rule.get("window", _ANYWHERE))
            needs_block.append(rule.get("block", False))
            bits.append(1 << bit)
    keys, nodes, ends = trie.arrays()
    return (
        keys,
        nodes,
        ends,
        trie.bits,
        np.uint64(sum(1 << known[verb] for verb in content["verbs"])),
        int(content["not_reach"]),
        int(content["not_after_reach"]),
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
