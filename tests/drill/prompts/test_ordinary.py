"""Ordinary prompts: mostly unique, with the few that everybody types."""

import numpy as np

from stillwatch.drill.prompts.ordinary import OrdinaryPrompts, viral_prompts
from stillwatch.drill.prompts.packs import language_names
from stillwatch.drill.randomness import mix

LANGUAGES = language_names()


def ordinary(n: int, **more: object) -> list[str]:
    keys = mix(np.arange(n))
    language = np.arange(n) % len(LANGUAGES)
    prompts = OrdinaryPrompts(LANGUAGES, **more)  # type: ignore[arg-type]
    return list(prompts.texts(language, keys, mix(keys), np.ones(n, np.int16)).to_pylist())


def test_ordinary_first_requests_are_mostly_unique() -> None:
    texts = ordinary(20_000)
    assert all(texts)
    assert len(set(texts)) > 15_000
    greetings = sum(texts.count(g) for g in {"hi", "你好", "hola", "привет"})
    assert greetings > 4, "and some are what everybody types"


def test_rows_do_not_depend_on_their_neighbours() -> None:
    keys, language = mix(np.arange(300)), np.arange(300) % len(LANGUAGES)
    prompts = OrdinaryPrompts(LANGUAGES)
    turn = np.ones(300, np.int16)
    whole = prompts.texts(language, keys, keys, turn).to_pylist()
    part = prompts.texts(language[100:120], keys[100:120], keys[100:120], turn[100:120]).to_pylist()
    assert whole[100:120] == part


def test_the_users_own_prompts_are_used() -> None:
    texts = ordinary(2000, library=["zebra crossing painting advice"])[:: len(LANGUAGES)]
    assert np.mean(["zebra crossing" in t.lower() for t in texts]) > 0.7


def test_viral_prompts_go_round() -> None:
    viral = viral_prompts(np.random.default_rng(3), LANGUAGES)
    texts = ordinary(20_000, viral=viral)
    seen = sum(texts.count(v) for v in viral)
    assert 20 < seen < 300


def test_people_now_and_then_ask_for_reasoning_too() -> None:
    keys = mix(np.arange(20_000))
    prompts = OrdinaryPrompts(["en"])
    texts = prompts.texts(np.zeros(20_000, int), keys, keys, np.ones(20_000, int)).to_pylist()
    share = np.mean(["step by step" in t or "reasoning" in t for t in texts])
    assert 0.002 < share < 0.03


def test_the_users_prompts_stay_with_speakers_of_their_language() -> None:
    texts = ordinary(4000, library=["zebra crossing", "斑马线在哪里", "где зебра", "しまうまはどこ"])
    by = {
        name: [t for i, t in enumerate(texts) if LANGUAGES[i % len(LANGUAGES)] == name] for name in LANGUAGES
    }
    for name, word in (("en", "zebra"), ("zh", "斑马"), ("ru", "зебра"), ("ja", "しまうま")):
        assert np.mean([word in t.lower() for t in by[name]]) > 0.5, name
        assert not any(word in t.lower() for other in LANGUAGES if other != name for t in by[other])
