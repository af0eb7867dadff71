"""What ordinary people and their programs ask: sentences put together from many parts, no two alike, and a
few greetings and viral prompts that many share."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.drill.prompts.packs import Pack, packs, share
from stillwatch.drill.randomness import Arr, below, mix, uniform
from stillwatch.drill.strings import choose, column, join, scatter, take


class OrdinaryPrompts:
    """The population's prompts; `library`: texts of the user's own, for most requests of their language's speakers.

    Every text follows from its row's key, so chunks and order don't matter.
    """

    def __init__(
        self, languages: Sequence[str], library: Sequence[str] = (), viral: Sequence[str] = ()
    ) -> None:
        self.packs: list[Pack] = [packs()[name] for name in languages]
        self.library = {name: column(texts) for name, texts in by_language(library).items()}
        self.viral = column(list(viral)) if viral else None

    def texts(
        self, language: Arr, keys: Arr, session: Arr, turn: Arr, *, code: float = 0.12, short: bool = True
    ) -> pa.Array:
        """One prompt a row. `session`: keys equal within a conversation, whose later turns follow up the first.

        `code`: share about programming; `short`: greetings, follow-ups and viral prompts occur.
        """
        pieces = []
        for i, pack in enumerate(self.packs):
            rows = np.flatnonzero(language == i)
            if len(rows):
                pieces.append((rows, self._in(pack, keys[rows], session[rows], turn[rows], code, short)))
        return scatter(pieces, len(keys))

    def _in(self, pack: Pack, keys: Arr, session: Arr, turn: Arr, code: float, short: bool) -> pa.Array:
        slots = pack.slots(keys, 50, topic=below(session, 51, len(pack.words["topics"])))
        ask = pack.say("asks", keys, 1, slots)
        coding = share(session, 2, code)
        if coding.any():
            ask = choose(coding, pack.say("code", keys, 3, slots), ask)
        ask = self._cased(keys, ask)
        more = pack.say("details", keys, 4)
        text = choose(
            share(keys, 5, 0.5), pack.then(pack.say("contexts", keys, 6), np.ones(len(keys), bool), ask), ask
        )
        text = pack.then(text, share(keys, 7, 0.55), more)
        text = pack.then(text, share(keys, 8, 0.25), pack.say("details", keys, 9))
        text = pack.then(text, share(keys, 10, 0.025), pack.say("rare", keys, 11))
        pasted = np.where(share(keys, 12, 0.22), 1 + (-np.log1p(-uniform(keys, 13)) * 4).astype(np.int64), 0)
        text = join(text, pack.ramble(keys, 14, np.minimum(pasted, 14)))
        text = pack.then(text, share(keys, 15, 0.08), pack.say("closers", keys, 16), "\n")
        if pack.name in self.library:
            listed = self.library[pack.name]
            own = take(listed, below(keys, 17, len(listed)))
            own = pack.then(own, share(keys, 18, 0.5), more)
            own = join(own, pack.ramble(keys, 19, np.where(share(keys, 20, 0.5), 1, 0)))
            text = choose(share(keys, 21, 0.85), own, text)
        if short:
            later = (turn > 1) & share(keys, 22, 0.45)
            text = choose(later, pack.say("follow_ups", keys, 23), text)
            text = choose((turn == 1) & share(keys, 24, 0.03), pack.say("greetings", keys, 25), text)
            if self.viral is not None:
                text = choose(
                    share(keys, 26, 0.004), take(self.viral, below(keys, 27, len(self.viral))), text
                )
        return text

    @staticmethod
    def _cased(keys: Arr, text: pa.Array) -> pa.Array:
        """Some people write without capitals or full stops."""
        text = choose(share(keys, 28, 0.25), pc.utf8_lower(text), text)
        return choose(share(keys, 29, 0.2), pc.utf8_rtrim(text, "."), text)


# Letters that tell a language well enough to keep the user's prompts with the people who would write them.
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
)


def by_language(texts: Sequence[str]) -> dict[str, list[str]]:
    """Texts by the language that their letters tell; all in Latin letters count as English."""
    out: dict[str, list[str]] = {}
    for text in texts:
        name = next((n for n, letters in _SCRIPTS if letters.search(text)), "en")
        out.setdefault(name, []).append(text)
    return out


def viral_prompts(rng: np.random.Generator, languages: Sequence[str], n: int = 6) -> list[str]:
    """Prompts that go round in this exercise, such as from a popular post."""
    keys = rng.integers(1, 1 << 62, n)
    out = []
    for i, k in enumerate(keys):
        pack = packs()[languages[int(rng.integers(len(languages)))]] if i else packs()["en"]
        at = np.array([k])
        out.append(
            join(
                pack.say("asks", at, 1),
                pack.space,
                pack.say("details", mix(at), 2),
                pack.space,
                pack.say("details", mix(at), 3),
            )[0].as_py()
        )
    return out
