"""Narrow use, and use that spreads over scripts."""

import pytest

from stillwatch.detection.behaviours.capability_focus import BEHAVIOUR

SCRIPTS = ("1", "2", "3", "5", "6")


def used(worlds, **what):
    """A campaign of twenty texts an account, each of which is as said; `scripts` are taken in turn."""
    scripts = what.pop("scripts", ("1",))
    world = worlds.planted()
    world.change(lambda _: True, script="1")
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member in worlds.CAMPAIGN:
        for k in range(20):
            at = worlds.MONDAY + 7 * k
            world.say(member, at, objects=worlds.template("t"), script=scripts[k % len(scripts)], **what)
    return world


WAYS = pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"symbolic": True}, "like code"),
        ({"tools": True}, "define tools"),
        ({"scripts": SCRIPTS}, "3 scripts or more"),
    ],
    ids=["code", "tools", "scripts"],
)


@WAYS
def test_a_group_that_texts_did_not_choose_is_tested(worlds, what, words):
    seen = BEHAVIOUR.examine(worlds.case(used(worlds, **what), worlds.CAMPAIGN))
    assert seen.p_value < 1e-10
    assert seen.statistic == 1
    assert seen.supports
    assert words in seen.statement


@WAYS
def test_a_group_that_texts_chose_is_described(worlds, what, words):
    seen = worlds.examined(BEHAVIOUR, used(worlds, **what))
    assert seen.p_value is None
    assert seen.statistic == 1
    assert words in seen.statement
    assert "no test" in seen.statement


@pytest.mark.parametrize("script", ["1", "2", "11"])
def test_one_script_and_a_second_one_say_nothing_whichever_they_are(worlds, script):
    plain = BEHAVIOUR.examine(worlds.case(used(worlds), worlds.CAMPAIGN))
    for scripts in ((script,), (script, "4")):
        assert BEHAVIOUR.examine(worlds.case(used(worlds, scripts=scripts), worlds.CAMPAIGN)) == plain
    assert plain.p_value == 1
    assert not plain.supports


def test_what_is_unknown_is_left_out(worlds):
    world = used(worlds, tools=True)
    world.change(lambda _: True, tools=None)
    assert "tools" not in BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN)).statement
    world.change(lambda _: True, text=False)
    assert BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN)) is None


@pytest.mark.parametrize(
    ("kind", "words"), [("multilingual_sweep", "scripts or more"), ("agentic_coding", "define tools")]
)
def test_a_sweep_and_a_harvest_of_tool_use_are_found(drilled, kind, words):
    seen = BEHAVIOUR.examine(drilled(kind).campaign())
    assert seen.p_value < 1e-10
    assert seen.supports
    assert words in seen.statement


def test_plain_words_about_code_are_not_told_from_other_words(drilled):
    # The exercise asks for code in sentences. Nothing that is kept of a text shows that, and the figure does not pretend.
    seen = BEHAVIOUR.examine(drilled("narrow_capability").campaign())
    assert not seen.supports


def test_random_sets_are_rejected_no_more_often_than_the_level(worlds, drilled):
    for level, count, most in worlds.rejected(BEHAVIOUR, drilled("multilingual_sweep").benign(least=5)):
        assert count <= most, f"{count} at {level}"
