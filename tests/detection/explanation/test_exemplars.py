"""What a group wrote: frames are told from slots, and what is shown is what formed the group."""

from dataclasses import replace

import pytest

from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.decision import judge
from stillwatch.detection.explanation.exemplars import SAMPLE_TEXTS, readable
from stillwatch.detection.explanation.narrate import stories, tables
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view

TOPICS = ("tides", "the moon landing", "old bridges", "bees and their dances", "a long walk", "violins")
FRAME = "Solve the following problem with care and write out every step: {} End with the final answer only."


def test_a_readable_template_keeps_the_frame_and_hides_the_slots():
    shape = readable([FRAME.format(topic) for topic in TOPICS], exchanges=60, accounts=6)
    assert shape is not None
    literal = "".join(text for text, slot in shape.pieces if not slot)
    assert "Solve the following problem with care and write out every step" in literal
    assert "End with the final answer only" in literal
    assert not any(topic in literal for topic in TOPICS)
    assert sum(slot for _, slot in shape.pieces) == 1
    assert (shape.exchanges, shape.accounts) == (60, 6)


@pytest.mark.parametrize("texts", [[], ["alone"], ["one thing", "another matter entirely"]])
def test_texts_without_a_frame_have_no_template(texts):
    assert readable(texts, 1, 1) is None


@pytest.mark.parametrize("in_prompt", [False, True])
def test_what_formed_a_group_is_shown(worlds, in_prompt):
    campaign = range(1000, 1040)
    world = worlds.harvest(campaign)
    if in_prompt:
        told = tuple(("system_phrase", f"p{i}") for i in range(4))
        world.exchanges = [replace(e, objects=told) if e.account in campaign else e for e in world.exchanges]
    (judged,) = (j for j in judge(view(world.evidence()), [], {}, Settings()) if j.verdict == EXTRACTION)

    frame = {"input_text": "Please answer at length: {}", "system_text": "You are a careful clerk: {}"}

    def fetch(wanted):
        return {
            column: {int(r): frame[column].format(world.exchanges[int(r)].item) for r in rows}
            for column, rows in wanted.items()
        }

    (card,) = stories([(judged, *tables(judged, None))], fetch, raw=True)
    literal = "".join(text for shape in card.templates for text, slot in shape.pieces if not slot)
    assert ("careful clerk" in literal) is in_prompt
    assert ("answer at length" in literal) is not in_prompt
    assert all("answer at length" in text for text in card.examples)
    assert ("with system prompts that are alike" in card.statement) is in_prompt


def test_without_texts_nothing_is_shown_of_them(worlds):
    (judged,) = (
        j
        for j in judge(view(worlds.harvest(range(1000, 1040)).evidence()), [], {}, Settings())
        if j.verdict == EXTRACTION
    )
    asked = []

    def fetch(wanted):
        asked.append({column: len(rows) for column, rows in wanted.items()})
        return {column: {} for column in wanted}

    (card,) = stories([(judged, *tables(judged, None))], fetch, raw=True)
    assert (card.templates, card.examples) == ((), ())
    # All that could be shown was asked for, in few rounds.
    assert len(asked) <= 12
    # Where some have texts, these are shown.
    (some,) = stories(
        [(judged, *tables(judged, None))],
        lambda wanted: {
            column: {int(r): "Please answer at length" for r in rows[::2]} for column, rows in wanted.items()
        },
        raw=True,
    )
    assert some.templates
    assert set(some.examples) == {"Please answer at length"}


def test_cards_are_the_same_alone_and_together_and_ask_in_one_go(worlds, monkeypatch):
    world = worlds.harvest(range(1000, 1040))
    found = [j for j in judge(view(world.evidence()), [], {}, Settings()) if j.verdict != "legitimate"]
    listed = [(j, *tables(j, None)) for j in found * 5]
    rounds = []

    def fetch(wanted):
        rounds.append(wanted)
        return {
            column: {int(r): FRAME.format(world.exchanges[int(r)].item) for r in rows}
            for column, rows in wanted.items()
        }

    alone = [card for one in listed for card in stories([one], fetch, raw=True)]
    needed = len(rounds)
    rounds.clear()
    assert stories(listed, fetch, raw=True) == alone
    assert len(rounds) * len(listed) == needed
    assert all(len(rows) <= len(listed) * 4 * SAMPLE_TEXTS for wanted in rounds for rows in wanted.values())
    monkeypatch.setattr("stillwatch.detection.explanation.narrate.TOGETHER", 2)
    assert stories(listed, fetch, raw=True) == alone
