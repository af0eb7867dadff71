"""Templates for the benchmark of signatures: frames, what fills their slots, light paraphrase, and what is found again."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from _common import upper_bound
from stillwatch.drill.prompts.items import WorkList
from stillwatch.drill.prompts.packs import Pack, packs
from stillwatch.drill.prompts.templates import KINDS, draw
from stillwatch.drill.randomness import generator
from stillwatch.records.signatures import Matcher, Signature, make
from stillwatch.records.sketches import Key, split_words

_ANY = Key(bytes(16))
KEY = Key(b"an epoch's key 1")
SIGNING = 40
RATES = (0.0, 0.05, 0.1, 0.2, 0.3)
SLOTS = (0.0, 0.25, 0.5, 0.65, 0.8, 1.01)
FACTS = (0.0, 1.0, 3.0, 8.0)
"""Further sentences in the items of a drill, for slots of several lengths."""
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.85)
"""Shares of the words of a real prompt's text that stand in its slots."""


def tokens(text: str) -> int:
    """Words of a text, as signatures count them."""
    return len(split_words(text, _ANY))


@dataclass(frozen=True)
class Pieces:
    """A text cut at its words: `words[i]` stands after `gaps[i]`; one more gap at the end."""

    gaps: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Pieces":
        gaps, found, at = [], [], 0
        for start, stop, _ in split_words(text, _ANY):
            if start < at:
                continue
            gaps.append(text[at:start])
            found.append(text[start:stop])
            at = stop
        return cls((*gaps, text[at:]), tuple(found))

    def text(self) -> str:
        """The text again."""
        return "".join(g + w for g, w in zip(self.gaps, (*self.words, ""), strict=True))

    def paraphrased(self, rate: float, other: Sequence[str], source: random.Random) -> "Pieces":
        """`rate` of the words changed: each drawn once, a third replaced by one of `other`, a third dropped, a third put
        behind the next word; what is between words stays where it was."""
        chosen = source.sample(range(len(self.words)), round(rate * len(self.words)))
        said: list[str | None] = list(self.words)
        for place in chosen:
            how = source.randrange(3)
            if how == 0:
                said[place] = source.choice(other)
            elif how == 1:
                said[place] = None
            elif place + 1 < len(said):
                said[place], said[place + 1] = said[place + 1], said[place]
        gaps, kept = [self.gaps[0]], []
        for word, gap in zip(said, self.gaps[1:], strict=True):
            if word is not None:
                kept.append(word)
                gaps.append(gap)
        return Pieces(tuple(gaps), tuple(kept))


@dataclass
class Template:
    """A frame, cut where its slots are: texts have parts[0], a value, parts[1], a value and so on.

    `relatives`: templates of one name are made of the same stock of phrases.
    """

    origin: str
    relatives: str
    parts: tuple[Pieces, ...]
    other: Sequence[str]
    lists: tuple[WorkList, ...] = ()
    stock: Sequence[str] = ()
    told: int = 0
    source: random.Random = field(default_factory=random.Random)

    @property
    def constant(self) -> int:
        """Words outside the slots."""
        return sum(len(part.words) for part in self.parts)

    def values(self, level: int) -> list[str]:
        """What fills the slots of one more text, never the same twice. `level`: a place in FACTS or LEVELS."""
        self.told += 1
        if self.lists:
            return [str(self.lists[level].texts(np.array([self.told]))[0].as_py())]
        share = LEVELS[level]
        slots = len(self.parts) - 1
        wanted = max(slots, round(share / (1 - share) * self.constant))
        cut = sorted(self.source.sample(range(1, wanted), slots - 1)) if wanted > slots else range(1, slots)
        lengths = [b - a for a, b in zip((0, *cut), (*cut, wanted), strict=True)]
        found = []
        for length in lengths:
            at = self.source.randrange(len(self.stock) - length)
            found.append(" ".join(self.stock[at : at + length]))
        return found

    def text(self, level: int, paraphrase: float = 0.0) -> tuple[str, float]:
        """One more text, and the share of its words that stands in slots."""
        values = self.values(level)
        parts = self.parts
        if paraphrase:
            parts = tuple(part.paraphrased(paraphrase, self.other, self.source) for part in parts)
        gap = "" if self.lists else " "
        said = parts[0].text()
        for value, part in zip(values, parts[1:], strict=True):
            said += gap + value + gap + part.text()
        return said, sum(map(tokens, values)) / max(tokens(said), 1)


def of_drills(seed: int, each: int) -> list[Template]:
    """`each` wordings of every kind and language of the drill."""
    found = []
    for pack in packs().values():
        rng = generator(seed, "signatures", pack.name)
        words = _words_of(pack)
        for kind in KINDS:
            wordings = draw(rng, pack, kind, each)
            for i in range(len(wordings)):
                parts = (
                    Pieces.of(wordings.before[i].as_py()),
                    Pieces.of(wordings.after[i].as_py()),
                )
                lists = tuple(WorkList(pack, "question", int(rng.integers(1 << 40)), f) for f in FACTS)
                # Kinds that a language has no phrases for are in English.
                stock = "en" if pack.templates[kind] == packs()["en"].templates[kind] else pack.name
                relatives = f"{stock} {kind}"
                source = random.Random(f"{seed} {pack.name} {kind} {i}")
                found.append(Template("drill", relatives, parts, words, lists, source=source))
    return found


def _words_of(pack: Pack) -> list[str]:
    """Words of all wordings of a language."""
    return sorted(
        {
            w
            for kind in pack.templates.values()
            for part in kind.values()
            for p in part
            for w in Pieces.of(p).words
        }
    )


def of_prompts(prompts: Sequence[str], seed: int, most: int) -> list[Template]:
    """Real prompts of 13 words or more as frames (their first 120 words), with one to three slots at words' borders."""
    source = random.Random(seed)
    long = [p for p in sorted(set(prompts)) if tokens(p) >= 13]
    source.shuffle(long)
    frames, rest = long[:most], long[most:]
    stock = [w for p in rest for w in Pieces.of(p).words]
    found = []
    for number, prompt in enumerate(frames):
        whole = Pieces.of(prompt)
        n = min(len(whole.words), 120)
        cuts = sorted(source.sample(range(n + 1), source.randint(1, 3)))
        parts = tuple(
            Pieces((*whole.gaps[a:b], ""), whole.words[a:b])
            for a, b in zip((0, *cuts), (*cuts, n), strict=True)
        )
        own = random.Random(f"{seed} prompt {number}")
        found.append(Template("prompts", f"prompt {number}", parts, stock, stock=stock, source=own))
    return found


def real_prompts(path: Path) -> list[str]:
    """Prompts of a Parquet file with a column `text`; none where there is no such file."""
    if not path.is_file():
        return []
    return [t for t in pq.read_table(path, columns=["text"])["text"].to_pylist() if t and t.strip()]


def between(share: float) -> str:
    """The range of slot shares that one lies in."""
    at = int(np.searchsorted(SLOTS, share, side="right")) - 1
    return f"{SLOTS[at]:.0%} to {min(SLOTS[at + 1], 1):.0%}"


def signed(template: Template, levels: int) -> Signature | None:
    """Its signature, from texts of all levels but the longest slots."""
    texts = [template.text(i % (levels - 1))[0] for i in range(SIGNING)]
    return make(texts, [f"a{i % 10}" for i in range(SIGNING)], KEY, epoch=1, part="input").signature


def rates_of(counts: dict[str, list[int]]) -> dict[str, dict[str, Any]]:
    """(matched, texts) by name, with the rate."""
    return {
        name: {
            "texts": n,
            "matched": hit,
            "rate": round(hit / n, 4),
            "upper_95": round(upper_bound(hit, n), 6),
        }
        for name, (hit, n) in sorted(counts.items())
        if n
    }


def recall(templates: list[Template], each: int, prompts: list[str]) -> dict[str, Any]:
    """The recall curve of these templates, and what else their texts match."""
    levels = len(FACTS) if templates[0].lists else len(LEVELS)
    made = [signed(template, levels) for template in templates]
    kept = [(t, s) for t, s in zip(templates, made, strict=True) if s is not None]
    matcher = Matcher([(s, KEY) for _, s in kept])
    texts, about = [], []
    for number, (template, one) in enumerate(kept):
        for rate in RATES:
            for i in range(each * levels):
                text, share = template.text(i % levels, rate)
                texts.append(text)
                about.append((number, rate, between(share), one.words))
    row, which, _ = matcher.match(pa.array(texts), "input", 2)
    own = np.zeros(len(texts), bool)
    other: Counter[int] = Counter()
    relative: Counter[int] = Counter()
    of_text = np.array([number for number, *_ in about])
    for r, w in zip(row.tolist(), which.tolist(), strict=True):
        if of_text[r] == w:
            own[r] = True
        elif kept[of_text[r]][0].relatives == kept[w][0].relatives:
            relative[r] += 1
        else:
            other[r] += 1
    curves: dict[str, defaultdict[str, list[int]]] = {
        name: defaultdict(lambda: [0, 0]) for name in ("slots", "length", "paraphrase", "slots_and_length")
    }
    for hit, (_, rate, slots, size) in zip(own.tolist(), about, strict=True):
        cells = [("paraphrase", f"{100 * rate:02.0f}%")]
        if not rate:
            cells += [("slots", slots), ("length", size), ("slots_and_length", f"{slots}, {size}")]
        for name, cell in cells:
            curves[name][cell][0] += hit
            curves[name][cell][1] += 1
    plain = [i for i, (_, rate, *_) in enumerate(about) if not rate]
    groups: Counter[str] = Counter(t.relatives for t, _ in kept)
    n_relative = sum(groups[kept[of_text[i]][0].relatives] - 1 for i in plain)
    n_other = len(plain) * (len(kept) - 1) - n_relative
    result: dict[str, Any] = {
        "templates": len(templates),
        "signed": len(kept),
        "not_signed_constant_words": _median(
            [t.constant for t, s in zip(templates, made, strict=True) if s is None]
        ),
        "signed_constant_words": _median([t.constant for t, _ in kept]),
        **{name: rates_of(curve) for name, curve in curves.items()},
        "pairs_of_text_and_other_signature": rates_of(
            {
                "relatives": [sum(relative[i] for i in plain), n_relative],
                "others": [sum(other[i] for i in plain), n_other],
            }
        ),
        "texts_that_match_any_other_signature": rates_of(
            {
                "relatives": [sum(relative[i] > 0 for i in plain), len(plain)],
                "others": [sum(other[i] > 0 for i in plain), len(plain)],
            }
        ),
    }
    if prompts and templates[0].lists:
        hit = np.unique(matcher.match(pa.array(prompts), "input", 2)[0])
        result["real_prompts_that_match_any"] = rates_of({"real prompts": [len(hit), len(prompts)]})[
            "real prompts"
        ]
    return result


def _median(values: list[int]) -> int | None:
    return int(np.median(values)) if values else None
