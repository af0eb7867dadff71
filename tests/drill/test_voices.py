"""What classes of users say, by row."""

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.drill.exercise import START
from stillwatch.drill.prompts.items import WorkList
from stillwatch.drill.prompts.packs import packs
from stillwatch.drill.prompts.templates import draw
from stillwatch.drill.randomness import mix
from stillwatch.drill.setting import Setting
from stillwatch.drill.traffic import Rows
from stillwatch.drill.voices import Ordinary, Templated

N = 2000


@pytest.fixture(scope="module")
def rows() -> Rows:
    setting = Setting.make(1, START, 7)
    a = setting.people.draw(setting.rng("x"), N)
    keys = mix(np.arange(N))
    return Rows(a, np.arange(N), np.arange(N), mix(keys), np.ones(N, np.int16), np.full(N, START), keys)


def voice(**more: object) -> Templated:
    pack = packs()["en"]
    words = draw(np.random.default_rng(1), pack, "answering", 50)
    return Templated((WorkList(pack, "question", 77),), (words,), **more)  # type: ignore[arg-type]


def wordings_seen(said: list[str], v: Templated) -> int:
    pairs = list(zip(v.wordings[0].before.to_pylist(), v.wordings[0].after.to_pylist(), strict=True))
    return len({p for t in said for p in pairs if p[0] + p[1] and t.startswith(p[0]) and t.endswith(p[1])})


def test_a_list_without_end_repeats_nothing_and_a_fixed_one_does(rows: Rows) -> None:
    assert len(set(voice().speak(rows).text.to_pylist())) == N
    assert len(set(voice(fixed=12).speak(rows).text.to_pylist())) == 12


def test_paraphrase_brings_in_the_other_wordings(rows: Rows) -> None:
    few, many = voice(templates=1), voice(templates=1, paraphrase=0.9)
    assert wordings_seen(few.speak(rows).text.to_pylist(), few) < 5
    assert wordings_seen(many.speak(rows).text.to_pylist(), many) > 35


def test_plain_items_and_replayed_blocks(rows: Rows) -> None:
    bare = voice(plain=1.0).speak(rows).text.to_pylist()
    assert bare == WorkList(packs()["en"], "question", 77).texts(rows.item).to_pylist()
    blocks = pa.array(["BLOCKONE==", "BLOCKTWO=="], pa.large_string())
    replayed = voice(blocks=blocks).speak(rows).text.to_pylist()
    assert all(("BLOCKONE==" in t) != ("BLOCKTWO==" in t) for t in replayed)


def test_end_users_are_passed_on_or_not(rows: Rows) -> None:
    prompts = Setting.make(1, START, 7).prompts
    shown = Ordinary(prompts, users=9).speak(rows).end_user
    assert shown is not None
    assert set(shown.tolist()) == set(range(9))
    assert Ordinary(prompts, users=9, pass_users=False).speak(rows).end_user is None
