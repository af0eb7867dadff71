"""Voices that several classes of users have in common."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillwatch.drill.prompts.items import WorkList
from stillwatch.drill.prompts.ordinary import OrdinaryPrompts
from stillwatch.drill.prompts.templates import Wordings
from stillwatch.drill.randomness import Arr, below, mix, uniform
from stillwatch.drill.strings import TEXT, join, scatter, take
from stillwatch.drill.traffic import Rows, Speech


@dataclass(frozen=True)
class Ordinary:
    """Everyday requests. `users`: end users behind the account, each with a language of their own."""

    prompts: OrdinaryPrompts
    code: float = 0.12
    users: int = 0
    short: bool = True
    pass_users: bool = True

    def speak(self, rows: Rows) -> Speech:
        """Everyday words in the account's language (or its end users' languages)."""
        language, session = rows.accounts["language"], rows.session
        user = None
        if self.users:
            user = (uniform(session, 70) ** 2 * self.users).astype(np.int64)
            who = mix(user.astype(np.uint64) + rows.number.astype(np.uint64) * np.uint64(1 << 20), 71)
            language = np.where(uniform(who, 72) < 0.5, language, below(who, 73, len(self.prompts.packs)))
            user = user if self.pass_users else None
        text = self.prompts.texts(language, rows.keys, session, rows.turn, code=self.code, short=self.short)
        return Speech(text, end_user=user)


@dataclass(frozen=True)
class Templated:
    """Items of a work list inside wordings. The item's number is the row's item; `fixed` (if given) makes the
    list that short, so that items come again."""

    lists: tuple[WorkList, ...]  # one for each language in use
    wordings: tuple[Wordings, ...]  # likewise
    fixed: int = 0
    paraphrase: float = 0.0  # share of rows in a wording of their own, beyond the first `templates`
    templates: int = 1
    plain: float = 0.0  # share of rows that give the item alone
    system: pa.Array | None = None  # shared system prompt (one value)
    answer_tokens: float = 500.0
    answer_spread: float = 0.6
    tools: float = 0.0
    refused: float = 0.01
    blocks: pa.Array | None = None  # replayed blocks
    by_account: bool = False  # a language for each account, else for each item
    in_prompt: bool = False  # the wording stands in the system prompt
    tasks: OrdinaryPrompts | None = (
        None  # in place of the lists: what people ask, another thing for each number
    )

    def speak(self, rows: Rows) -> Speech:
        """The rows' items in their wordings."""
        n = len(rows.item)
        item = rows.item.astype(np.int64)
        if self.fixed:
            item = item % self.fixed
        pick = rows.number if self.by_account else item
        which = below(pick.astype(np.uint64), 80, len(self.lists))
        texts, prompts = [], []
        for k, (worklist, wordings) in enumerate(zip(self.lists, self.wordings, strict=True)):
            at = np.flatnonzero(which == k)
            if len(at):
                text, prompt = self._one(worklist, wordings, item[at], rows.keys[at])
                texts.append((at, text))
                prompts.append((at, prompt))
        text = scatter(texts, n)
        system = None if self.system is None else pa.repeat(self.system[0], n).cast(TEXT)
        if self.in_prompt:
            system = scatter(prompts, n)
        return Speech(
            text,
            system,
            answer_tokens=self.answer_tokens,
            answer_spread=self.answer_spread,
            tools=self.tools,
            refused=self.refused,
        )

    def _one(self, worklist: WorkList, wordings: Wordings, item: Arr, keys: Arr) -> tuple[pa.Array, pa.Array]:
        """Texts of these items, and the wordings that stand in the system prompt (null where none does)."""
        if self.tasks is None:
            texts = worklist.texts(item)
        else:
            language = [pack.name for pack in self.tasks.packs].index(worklist.pack.name)
            of_item = mix(item.astype(np.uint64) + np.uint64(worklist.secret), 86)
            first = np.ones(len(item), dtype=np.int64)
            texts = self.tasks.texts(np.full(len(item), language), of_item, of_item, first, short=False)
        if self.blocks is not None:
            texts = join(texts, "\n", take(self.blocks, below(keys, 81, len(self.blocks))))
        common = min(self.templates, len(wordings))
        wording = below(keys, 82, common)
        if self.paraphrase:
            wording = np.where(uniform(keys, 83) < self.paraphrase, below(keys, 84, len(wordings)), wording)
        bare = pa.array(uniform(keys, 85) < self.plain)
        nothing = pa.scalar(None, TEXT)
        if self.in_prompt:
            return texts, pa.compute.if_else(bare, nothing, wordings.beside(wording))
        said = wordings.around(wording, texts)
        if self.plain:
            said = pa.compute.if_else(bare, texts, said)
        return said, pa.nulls(len(texts), TEXT)
