"""Figures of a group, each counted by hand on a world where it is plain."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.detection.features import measure
from stillwatch.detection.groups import SYSTEM_PROMPT

GROUP = range(6)


@pytest.fixture
def world(worlds):
    """Six accounts of ten exchanges each on one template, forty strangers with nothing in common."""
    world = worlds.World()
    for number in range(46):
        world.account(number, created=worlds.MONDAY - 24 * 100, organisation=f"org-{number}", plan="paid")
        world.account(number, verified=False, payment_kind="card")
        for k in range(10):
            world.say(
                number,
                worlds.MONDAY + 24 * (k % 5) + number % 24,
                item=f"{number}-{k}",
                objects=worlds.template("t") if number in GROUP else (),
                address=f"home-{number}",
            )
    return world


def figures(worlds, world, *things):
    return measure(worlds.case(world, GROUP, *(things or worlds.template("t"))))


def times(inside, members, outside, others):
    """How many times as often: shares of members and of others, the first drawn to the second by four accounts."""
    rate = (outside + 0.5) / (others + 1)
    return (inside + 4 * rate) / (members + 4) / rate


def test_a_group_without_anything_special(worlds, world):
    found = figures(worlds, world)
    zero = {
        "elicitation", "grading", "evasive_asks", "repetition", "system_prompt", "tools", "conversation",
        "unevenness", "institution", "business", "shared_address", "one_place",
    }  # fmt: skip
    assert {name: found[name] for name in zero} == pytest.approx(dict.fromkeys(zero, 0.0), abs=1e-12)
    assert found["end_users"] is None, "nobody in the data passes end users on"
    assert found["template"] == 1
    assert found["size"] == 6
    assert found["daily_rate"] == 2, "ten exchanges on five days"
    assert found["one_organisation"] == pytest.approx(0.5 / 6), "each has a name of its own, not verified"
    assert found["signup_burst"] == 1
    assert found["address_spread"] == pytest.approx(1), "one address for ten exchanges, as those outside"
    assert found["daily_rhythm"] == pytest.approx(1), "each at its hour every day, as those outside"
    assert found["likeness"] == 3, "handed on from the group"
    # Nobody inside nor outside: drawn towards one, since six accounts may well have none by chance.
    nobody = times(0, 6, 0, 40)
    assert nobody == pytest.approx(0.4)
    for name in ("verified", "disposable", "new_accounts"):
        assert found[name] == pytest.approx(nobody), name


def test_span_is_that_of_the_campaigns_own_exchanges(worlds, world):
    """From its first day to its fifth, whatever else an account does later; nothing is said of a log of a few days."""
    assert figures(worlds, world)["span"] == pytest.approx(4, abs=0.01)
    world.say(0, worlds.MONDAY + 24 * 6, item="something else")
    assert figures(worlds, world)["span"] == pytest.approx(4, abs=0.01)
    world.exchanges = [e for e in world.exchanges if e.hour < worlds.MONDAY + 24 * 4]
    assert figures(worlds, world)["span"] is None


def test_a_system_prompt_is_no_template(worlds, world):
    found = measure(worlds.case(world, GROUP, *worlds.template("t"), origin=SYSTEM_PROMPT))
    assert found["template"] is None
    assert found["likeness"] is None
    assert figures(worlds, world)["template"] == 1


def test_what_the_data_cannot_say_is_none(worlds, world):
    world.facts = {}
    world.exchanges = [replace(e, address=None) for e in world.exchanges]
    found = figures(worlds, world)
    for name in (
        "one_organisation", "verified", "disposable", "new_accounts", "signup_burst", "institution", "business",
        "shared_payment", "shared_address", "undeclared_sharing", "address_spread",
    ):  # fmt: skip
        assert found[name] is None, name


def test_what_is_not_recorded_is_not_zero(worlds, world):
    """An absent column is no evidence: nothing is known of it, for or against."""
    world.change(lambda e: True, tools=None, later_turn=None)
    for number in range(46):
        world.account(number, organisation=None, verified=None, payment_fingerprint="one-card")
    found = figures(worlds, world)
    names = "tools", "conversation", "one_organisation", "verified", "disposable", "undeclared_sharing"
    assert {name: found[name] for name in names} == dict.fromkeys(names)


def test_accounts_that_the_table_does_not_list_are_not_unverified(worlds, world):
    for number in (2, 3, 4, 5):
        del world.facts[number]
    found = figures(worlds, world)
    for name in ("verified", "disposable", "institution", "business", "undeclared_sharing", "new_accounts"):
        assert found[name] is None, f"{name}: most of the group is unknown"
    world.account(2, plan="paid", organisation="x", verified=True, payment_kind="card", created=worlds.MONDAY)
    found = figures(worlds, world)
    assert found["verified"] == pytest.approx(times(1, 3, 0, 40)), "of those that are known"


def test_without_texts_nothing_is_said_of_them(worlds, world):
    world.change(lambda e: e.account in GROUP, text=False, objects=(), item=None)
    found = figures(worlds, world, ("prefix", "t"))
    for name in ("elicitation", "grading", "evasive_asks", "template", "system_prompt", "repetition"):
        assert found[name] is None, name


@pytest.mark.parametrize(
    ("feature", "mark"),
    [
        ("elicitation", "reasoning_elicitation"),
        ("elicitation", "reasoning_after_the_fact"),
        ("elicitation", "fake_debug"),
        ("grading", "rubric_grading"),
        ("evasive_asks", "replayed_block"),
        ("evasive_asks", "thinking_language_coercion"),
        ("evasive_asks", "safety_rewrite"),
    ],
)
def test_marks(worlds, world, feature, mark):
    world.change(lambda e: e.account < 3, marks=(mark,))
    found = figures(worlds, world)
    assert found[feature] == pytest.approx(0.5)
    others = {"elicitation", "grading", "evasive_asks"} - {feature}
    assert [found[name] for name in others] == [0, 0]


def test_marks_together_are_at_most_everything(worlds, world):
    world.change(lambda e: e.account in GROUP, marks=("reasoning_elicitation", "fake_debug"))
    assert figures(worlds, world)["elicitation"] == 1


def test_templates_and_system_prompts_are_told_apart(worlds, world):
    world.change(lambda e: e.account < 3, objects=(("system", "s"),))
    found = figures(worlds, world, *worlds.template("t"), ("system", "s"))
    assert found["system_prompt"] == pytest.approx(0.5)
    assert found["template"] == 1, "whatever comes with the group's system prompt is the group's"
    world.change(lambda e: e.account in (3, 4, 5), objects=())
    found = figures(worlds, world, *worlds.template("t"), ("system", "s"))
    assert found["template"] == pytest.approx(0.5), "median of three at one and three at none"


def test_repetition_and_its_need_of_forty_exchanges(worlds, world):
    world.change(lambda e: e.account in GROUP and e.item.endswith(("-0", "-1", "-2")), item="same")
    assert figures(worlds, world)["repetition"] == pytest.approx(0.3)
    world.exchanges = [e for e in world.exchanges if e.account not in GROUP or e.account < 3]
    assert measure(worlds.case(world, range(3), *worlds.template("t")))["repetition"] is None


def test_tools_and_conversations(worlds, world):
    world.change(lambda e: e.account == 0, tools=True, later_turn=True)
    found = figures(worlds, world)
    assert found["tools"] == found["conversation"] == pytest.approx(1 / 6)


def test_volumes(worlds, world):
    for k in range(90):
        world.say(0, worlds.MONDAY + k % 24, item=f"more-{k}")
    counts = [100, *[10] * 5]
    assert figures(worlds, world)["unevenness"] == pytest.approx(np.sqrt(np.var(counts) - 25) / 25), (
        "beyond Poisson's"
    )


def test_who_the_accounts_are(worlds, world):
    world.account(0, plan="enterprise", organisation="Acme", verified=True)
    world.account(1, payment_kind="invoice", organisation="Acme")
    world.account(2, plan="research", organisation="Acme")
    world.account(3, plan="education", payment_kind="prepaid_card")
    world.account(4, payment_kind="virtual_card", verified=True)
    world.account(5, created=worlds.MONDAY - 24 * 10, organisation="")
    world.change(lambda e: e.account == 4, network="education")
    found = figures(worlds, world)
    assert found["verified"] == pytest.approx(times(2, 6, 0, 40))
    assert found["one_organisation"] == pytest.approx(2 / 6), "one is verified, two only say so"
    assert found["business"] == pytest.approx(2 / 6)
    assert found["institution"] == pytest.approx(3 / 6)
    assert found["disposable"] == pytest.approx(times(1, 6, 0, 40)), "who is verified is not disposable"
    assert found["new_accounts"] == pytest.approx(times(1, 6, 0, 40))
    assert found["signup_burst"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("outside", [0, 4, 20, 40])
def test_what_is_usual_outside_is_nothing_special(worlds, world, outside):
    for number in range(6, 6 + outside):
        world.account(number, verified=True, created=worlds.MONDAY - 24)
    for number in range(3):
        world.account(number, verified=True, created=worlds.MONDAY - 24)
    found = figures(worlds, world)
    assert found["verified"] == found["new_accounts"] == pytest.approx(times(3, 6, outside, 40))
    assert (found["verified"] > 1) is (outside < 20)


def test_sharing(worlds, world):
    for number in (0, 1, 2):
        world.account(number, payment_fingerprint="card")
    world.change(lambda e: e.account in (3, 4), address="one")
    found = figures(worlds, world)
    assert found["shared_payment"] == pytest.approx(3 / 6)
    assert found["shared_address"] == pytest.approx(2 / 6)
    assert found["undeclared_sharing"] == pytest.approx(5 / 6), "every organisation is another"


def test_a_venue_is_one_place_however_popular(worlds, world):
    """Too many use it for it to link them; that they are all there says who they are all the same."""
    world.settings = replace(world.settings, popular_floor=3)
    world.change(lambda e: e.account in GROUP and e.item.endswith(("-1", "-2", "-3")), address="venue")
    found = figures(worlds, world)
    assert found["shared_address"] == 1
    assert found["one_place"] == 1
    case = worlds.case(world, GROUP, *worlds.template("t"))
    two = np.arange(len(case.group.accounts)) < 2
    assert measure(case.only(two))["one_place"] == 1, (
        "two of its six users, and the group's venue all the same"
    )
    world.change(lambda e: e.account >= 20, address="venue")
    assert figures(worlds, world)["shared_address"] == 0, "most of those who use it are others"


def test_a_pool_of_proxies_is_no_place(worlds, world):
    for k in range(10):
        world.change(lambda e, k=k: e.account in GROUP and e.item.endswith(f"-{k}"), address=f"proxy-{k}")
    found = figures(worlds, world)
    assert found["shared_address"] == 1
    assert found["one_place"] == pytest.approx(0.3), (
        "each is at ten addresses, and counts for three tenths at any"
    )


def test_without_addresses_nobody_is_anywhere(worlds, world):
    world.change(lambda e: True, address=None)
    found = figures(worlds, world)
    assert found["one_place"] is None
    assert found["shared_address"] is None


def test_sharing_within_a_declared_organisation_is_declared(worlds, world):
    for number in (0, 1, 2):
        world.account(number, payment_fingerprint="card", organisation="Acme")
    assert figures(worlds, world)["undeclared_sharing"] == 0
    world.account(2, organisation="Other")
    assert figures(worlds, world)["undeclared_sharing"] == pytest.approx(3 / 6)
    for number in (0, 1, 2):
        world.account(number, organisation="")
    assert figures(worlds, world)["undeclared_sharing"] == pytest.approx(3 / 6), "no name is nobody's name"


def test_a_campus_declares_itself(worlds, world):
    world.change(lambda e: e.account in (0, 1), address="campus")
    world.account(0, plan="education")
    assert figures(worlds, world)["undeclared_sharing"] == pytest.approx(1 / 6)
    world.change(lambda e: e.account == 1, network="education")
    assert figures(worlds, world)["undeclared_sharing"] == 0


def test_sharing_with_a_stranger_is_not_the_groups(worlds, world):
    for number in (0, 20):
        world.account(number, payment_fingerprint="card")
    found = figures(worlds, world)
    assert found["undeclared_sharing"] == found["shared_payment"] == 0


def test_end_users(worlds, world):
    world.exchanges = [
        replace(e, end_user=f"user-{e.item}") if e.account == 0 else e for e in world.exchanges
    ]
    assert figures(worlds, world)["end_users"] == pytest.approx(10 / 6)


def test_rhythm_is_a_share_of_that_outside(worlds, world):
    for number in GROUP:
        for k in range(48):
            world.say(number, worlds.MONDAY + k, item=f"{number}-clock-{k}", objects=worlds.template("t"))
    assert figures(worlds, world)["daily_rhythm"] < 0.2
    # Those outside have none either: nothing special.
    for number in range(6, 46):
        for k in range(48):
            world.say(number, worlds.MONDAY + k, item=f"{number}-clock-{k}")
    assert figures(worlds, world)["daily_rhythm"] == pytest.approx(1, abs=0.05)


def test_one_day_shows_no_rhythm(worlds, world):
    world.change(lambda e: e.account in GROUP, hour=worlds.MONDAY)
    assert figures(worlds, world)["daily_rhythm"] is None, "members come on one day"
    world.change(lambda e: True, hour=worlds.MONDAY)
    assert figures(worlds, world)["daily_rhythm"] is None


def test_figures_of_a_group_of_texts_are_those_of_its_own_exchanges(worlds, world):
    """What members relay besides says nothing of the campaign, and its own is not thinned out by it."""
    for number in GROUP:
        for k in range(30):
            world.say(
                number, worlds.MONDAY + k, item=f"relay-{number}-{k}", marks=("rubric_grading",), tools=True
            )
    world.change(
        lambda e: e.account in GROUP and e.objects and e.account < 3, marks=("fake_debug",), later_turn=True
    )
    by_texts = figures(worlds, world)
    names = ("elicitation", "grading", "tools", "conversation")
    assert [by_texts[name] for name in names] == pytest.approx([0.5, 0, 0, 0.5])
    by_infrastructure = measure(worlds.case(world, GROUP))
    assert [by_infrastructure[name] for name in names] == pytest.approx([1 / 8, 3 / 4, 3 / 4, 1 / 8])


def test_turns_and_tools_that_are_not_recorded_are_left_out_of_the_share(worlds, world):
    world.change(lambda e: e.account < 3, tools=None, later_turn=None)
    world.change(lambda e: e.account == 3, tools=True, later_turn=True)
    found = figures(worlds, world)
    assert found["tools"] == found["conversation"] == pytest.approx(1 / 3)


def test_a_group_that_infrastructure_formed_has_no_likeness(worlds, world):
    assert measure(worlds.case(world, GROUP))["likeness"] is None


def test_new_addresses_are_held_against_accounts_as_busy(worlds, world):
    world.change(lambda e: e.account in GROUP and e.item.endswith(("-0", "-1")), address=None)
    for number in GROUP:
        world.change(lambda e, n=number: e.account == n and e.item.endswith("-2"), address=f"second-{number}")
    assert figures(worlds, world)["address_spread"] == pytest.approx(2)
    # Busier ones outside show more addresses, which is no measure for these.
    for number in (50, 51, 52):
        for k in range(200):
            world.say(number, worlds.MONDAY + k % 100, item=f"{number}-{k}", address=f"{number}-{k}")
    assert figures(worlds, world)["address_spread"] == pytest.approx(2)
