"""The files of phrases and rules are sound."""

import pytest

from stillwatch.records.sketches.marks import LANGUAGES, MARKS, MARKS_VERSION, lexicon


def test_marks_have_distinct_bits_and_say_what_they_mean():
    assert [mark.bit for mark in MARKS.values()] == list(range(len(MARKS)))
    assert all(
        mark.mask == 1 << mark.bit and mark.title and mark.description.endswith(".")
        for mark in MARKS.values()
    )
    assert MARKS_VERSION >= 1
    for name in (
        "reasoning_elicitation",
        "reasoning_after_the_fact",
        "rubric_grading",
        "thinking_language_coercion",
        "replayed_block",
        "fake_debug",
        "safety_rewrite",
    ):
        assert MARKS[name].name == name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_knows_every_concept_and_no_other(language):
    listed = lexicon.phrases(language)
    assert set(listed) == set(lexicon.concepts())
    assert all(isinstance(phrase, str) for phrases in listed.values() for phrase in phrases)
    # Negation may stand before the verb only, or behind it only, but somewhere.
    assert listed["not"] or listed["not_after"]
    assert all(phrases for concept, phrases in listed.items() if concept not in ("not", "not_after"))


def test_rules_use_what_the_kernel_has_room_for():
    content = lexicon.rules()
    assert len(lexicon.concepts()) < 63
    for mark in content["marks"].values():
        for rule in mark["rules"]:
            assert 1 <= len(rule["slots"]) <= 4
            assert rule.get("window", 1) > 0


def test_phrases_that_could_not_be_found_are_refused():
    tree = lexicon._Tree()
    with pytest.raises(ValueError, match="no letters"):
        tree.add("word ...", 0)
    with pytest.raises(ValueError, match="open end"):
        tree.add("abc*", 0)
