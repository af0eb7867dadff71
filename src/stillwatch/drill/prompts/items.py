"""Work lists: items made by filling slots, numbered so that no two numbers give the same item.

Item number i maps to a mixture of slot values by an affine permutation of the product of all slot sizes, so a
list has millions of distinct items (more than 10**6 in every language) in an order that shows no counter.
"""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.drill.prompts.packs import Pack
from stillwatch.drill.randomness import Arr, mix
from stillwatch.drill.strings import Frames, join

KINDS = ("question", "code", "answer", "passage", "screen", "sealed")
_SCREENS = (
    "[screenshot 1280x{n}00: a browser window on {topic}, a form about {aspect}, the button 'Save' greyed out]",
    "[image: a chart about {topic} with {n} bars and a legend that reads {aspect}]",
    "[screenshot: terminal, {tech} project {topic}/{aspect}, {n} failing tests in {code}]",
    "[image: a photo taken in {place}, {n} objects on a table, labels on {topic} and {aspect}]",
    "[screenshot: spreadsheet {topic} with {n} rows, a column on {aspect}, filter set to {place}]",
)


@dataclass(frozen=True)
class WorkList:
    """One list of items of a kind in one language. `facts`: further sentences in each item (mean)."""

    pack: Pack
    kind: str
    secret: int
    facts: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of item {self.kind!r}")

    def _asks(self) -> Frames:
        needed = {"code", "tech"} if self.kind == "code" else {"topic", "aspect"}
        if self.kind == "screen":
            return Frames.compile(_SCREENS)
        frames = self.pack.frames["code" if self.kind == "code" else "asks"]
        return Frames(tuple(p for p in frames.parts if needed <= set(p[1::2])))

    def _sizes(self, asks: Frames) -> dict[str, int]:
        words = self.pack.words
        a, b = ("code", "codes"), ("tech", "techs")
        if self.kind != "code":
            a, b = ("topic", "topics"), ("aspect", "aspects")
        return {
            "frame": len(asks),
            a[0]: len(words[a[1]]),
            b[0]: len(words[b[1]]),
            "place": len(words["places"]),
            "n": 98,
        }

    @property
    def size(self) -> int:
        """How many different items there are."""
        return math.prod(self._sizes(self._asks()).values())

    def texts(self, numbers: Arr) -> pa.Array:
        """Items by number (int64, below `size`; larger ones wrap round)."""
        asks = self._asks()
        sizes = self._sizes(asks)
        total = min(math.prod(sizes.values()), 1 << 31)
        step = 2 * (self.secret % (total // 4)) + total // 3 | 1
        while math.gcd(step, total) != 1:
            step += 2
        at = (
            numbers.astype(np.uint64) % np.uint64(total) * np.uint64(step % total)
            + np.uint64(self.secret % total)
        ) % np.uint64(total)
        fixed: dict[str, Arr] = {}
        rest = at.astype(np.int64)
        for slot in sorted(sizes, key=lambda s: s != "frame"):
            rest, fixed[slot] = np.divmod(rest, sizes[slot])
        keys = mix(numbers, self.secret)
        frame = fixed.pop("frame")
        slots = self.pack.slots(keys, 40, **fixed)
        text = asks.render(frame, slots)
        bind = Frames(tuple(p for p in self.pack.frames["facts"].parts if {"place", "n"} <= set(p[1::2])))
        text = join(text, self.pack.space, bind.render((keys % np.uint64(len(bind))).astype(np.int64), slots))
        extra = np.floor(self.facts + (mix(keys, 5) >> np.uint64(11)).astype(float) * 2.0**-53).astype(
            np.int64
        )
        if self.kind in ("answer", "passage"):
            extra = extra + 2
            text = join(
                text, "\n\n", pc.utf8_ltrim_whitespace(self.pack.ramble(keys, 60, np.minimum(extra, 12)))
            )
        elif extra.any():
            text = join(text, self.pack.ramble(keys, 60, np.minimum(extra, 12)))
        if self.kind == "sealed":
            text = join(text, "\n")
        return text
