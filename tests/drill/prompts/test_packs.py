"""Language packs: ten languages with vocabularies that hold no doubles."""

import pytest

from stillwatch.drill.prompts.packs import language_names, packs

LANGUAGES = language_names()


def test_the_ten_languages_are_there() -> None:
    assert set(LANGUAGES) >= {"en", "zh", "es", "ar", "hi", "fr", "de", "pt", "ja", "ru"}
    assert LANGUAGES[0] == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_vocabularies_have_no_doubles(language: str) -> None:
    for name, words in packs()[language].words.items():
        listed = words.to_pylist()
        assert len(listed) == len(set(listed)), (name, [w for w in listed if listed.count(w) > 1])
        assert all(w.strip() for w in listed)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_of_every_frame_can_be_filled(language: str) -> None:
    import numpy as np

    from stillwatch.drill.randomness import mix

    pack, keys = packs()[language], mix(np.arange(400))
    for kind in pack.frames:
        said = pack.say(kind, keys, 1).to_pylist()
        assert all(said), kind
        assert not any("{" in text for text in said), kind
