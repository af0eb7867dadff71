"""Language packs: vocabulary and sentence frames of one language, kept as data in languages/*.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import pyarrow as pa
import yaml

from stillwatch.drill.randomness import Arr, below, mix, uniform
from stillwatch.drill.strings import Frames, choose, column, join, take

_NUMBERS = column([str(i) for i in range(2, 100)])
_FRAMED = ("greetings", "follow_ups", "contexts", "asks", "details", "rare", "closers", "facts", "code")
_WORDS = ("topics", "aspects", "who", "places", "codes", "techs")


@dataclass(frozen=True)
class Pack:
    """One language: `words` are vocabularies, `frames` sentences with slots, `templates` parts of wordings."""

    name: str
    tokens_per_char: float
    space: str  # what stands between sentences
    words: Mapping[str, pa.Array]
    frames: Mapping[str, Frames]
    templates: Mapping[str, Mapping[str, tuple[str, ...]]]

    def slots(self, keys: Arr, salt: int, **fixed: Arr) -> dict[str, pa.Array]:
        """A random filling of every slot for each key; `fixed` gives the vocabulary index of some slots."""
        out = {}
        for i, (slot, vocabulary) in enumerate(
            (
                ("topic", "topics"),
                ("aspect", "aspects"),
                ("who", "who"),
                ("place", "places"),
                ("code", "codes"),
                ("tech", "techs"),
            )
        ):
            words = self.words[vocabulary]
            index = fixed[slot] % len(words) if slot in fixed else below(keys, salt + i, len(words))
            out[slot] = take(words, index)
        number = fixed["n"] % 98 if "n" in fixed else below(keys, salt + 9, 98)
        out["n"] = take(_NUMBERS, number)
        return out

    def say(self, kind: str, keys: Arr, salt: int, slots: Mapping[str, pa.Array] | None = None) -> pa.Array:
        """A random sentence of this kind for each key."""
        frames = self.frames[kind]
        return frames.render(below(keys, salt, len(frames)), slots or self.slots(keys, salt + 31))

    def then(self, text: pa.Array, mask: Arr, more: pa.Array, gap: str | None = None) -> pa.Array:
        """`text` with `more` after it where `mask`."""
        return choose(mask, join(text, self.space if gap is None else gap, more), text)

    def ramble(self, keys: Arr, salt: int, count: Arr) -> pa.Array:
        """`count[i]` sentences of free text, each with a leading space."""
        out = pa.repeat(pa.scalar("", pa.large_string()), len(keys))
        for i in range(int(count.max(initial=0))):
            rows = np.flatnonzero(count > i)
            part = join(self.space, self.say("facts", mix(keys[rows], salt + i), salt + 100 + i))
            full = pa.nulls(len(keys), pa.large_string()) if len(rows) < len(keys) else part
            if len(rows) < len(keys):
                back = np.full(len(keys), -1)
                back[rows] = np.arange(len(rows))
                full = take(part, back).fill_null("")
            out = join(out, full)
        return out


@cache
def packs() -> dict[str, Pack]:
    """Every language pack by name, English first (its vocabulary fills what another lacks)."""
    folder = resources.files(__package__) / "languages"
    raw = {
        f.name.removesuffix(".yaml"): yaml.safe_load(f.read_text("utf-8"))
        for f in folder.iterdir()
        if f.name.endswith(".yaml")
    }
    english = raw["en"]
    out = {}
    for name in ("en", *sorted(set(raw) - {"en"})):
        data = {**english, **raw[name]}
        out[name] = Pack(
            name,
            float(data["tokens_per_char"]),
            "" if name in ("zh", "ja") else " ",
            {w: column([str(x) for x in data[w]]) for w in _WORDS},
            {
                f: Frames.compile([str(x).replace("{{", "(").replace("}}", ")") for x in data[f]])
                for f in _FRAMED
            },
            {
                k: {p: tuple(map(str, v)) for p, v in parts.items()}
                for k, parts in {**english["templates"], **raw[name]["templates"]}.items()
            },
        )
    return out


def language_names() -> tuple[str, ...]:
    """Names of all languages, in the order that accounts' language numbers follow."""
    return tuple(packs())


def share(keys: Arr, salt: int, p: float) -> Arr:
    """A random mask that is true for a share `p` of the keys."""
    return np.asarray(uniform(keys, salt) < p)
