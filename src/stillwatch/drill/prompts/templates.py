"""Wordings of templates: hundreds for each kind and language, drawn from parts in several orders."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillwatch.drill.prompts.packs import Pack
from stillwatch.drill.randomness import Arr
from stillwatch.drill.strings import column, join, take

KINDS = (
    "reasoning",
    "grading",
    "coding",
    "rewriting",
    "answering",
    "tools",
    "labelling",
    "replay",
    "coercing",
    "pretext",
    "afterthought",
)
_MARKS = ("\n\n", "\n---\n", "\n###\n", '\n"""\n', "\n", "\nINPUT: ", "\n[TEXT]\n", "\n1) ")


@dataclass(frozen=True)
class Wordings:
    """Templates as text before and text after the slot; row number = wording number."""

    before: pa.Array
    after: pa.Array

    def __len__(self) -> int:
        return len(self.before)

    def around(self, wording: Arr, item: pa.Array) -> pa.Array:
        """Each item inside its wording."""
        return join(take(self.before, wording), item, take(self.after, wording))

    def beside(self, wording: Arr) -> pa.Array:
        """Each wording by itself, for a system prompt."""
        return pa.compute.utf8_trim_whitespace(
            join(take(self.before, wording), "\n", take(self.after, wording))
        )

    @property
    def length(self) -> float:
        """Mean characters outside the slot."""
        n = len(self.before)
        return sum(len(self.before[i].as_py()) + len(self.after[i].as_py()) for i in range(n)) / n


def draw(rng: np.random.Generator, pack: Pack, kind: str, n: int) -> Wordings:
    """`n` wordings of this kind in the pack's language (different ones as far as the grammar goes)."""
    parts = pack.templates[kind]
    made: dict[tuple[str, str], None] = {}
    for _ in range(20 * n):
        lead, manner, form = (
            str(parts[p][int(rng.integers(len(parts[p])))]) for p in ("lead", "manner", "form")
        )
        stop = "。" if pack.name in ("zh", "ja") else "."
        mark = str(_MARKS[int(rng.integers(len(_MARKS)))])
        tall = manner[:1].upper() + manner[1:]
        order = int(rng.integers(5))
        options = (
            (f"{lead}: {manner}{stop} {form}{mark}", ""),
            (f"{lead}{stop}{mark}", f"\n\n{tall}{stop} {form}"),
            ("", f"{mark}{lead}; {manner}{stop} {form}"),
            (f"{lead} ({manner}):{mark}", f"\n\n{form}"),
            (f"{form} {lead}{stop}{mark}", f"\n{tall}{stop}"),
        )
        made[options[order]] = None
        if len(made) == n:
            break
    return Wordings(column([b for b, _ in made]), column([a for _, a in made]))
