"""Groups: what is planted comes out whole and pure, and what only resembles it stays out."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.detection import groups
from stillwatch.detection.cores import Cores
from stillwatch.detection.evidence import KINDS, N_CONTENT
from stillwatch.detection.groups import SYSTEM_PROMPT, TEXTS, form_groups, prompt_communities
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view


def formed(world, settings=None):
    """Groups of a world, as pairs of (numbers of members, group)."""
    settings = settings or Settings()
    seen = view(world.evidence())
    ids = seen.evidence.accounts.ids
    return [
        ({int(ids[m].rpartition("-")[2]) for m in group.members}, group)
        for group in form_groups(Cores(seen, settings))
    ]


@pytest.mark.parametrize("size", [4, 12, 60])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_campaign_among_strangers_comes_out_whole_and_pure(worlds, size, seed):
    world = worlds.strangers(seed)
    campaign = range(1000, 1000 + size)
    worlds.harvesters(world, campaign, *worlds.template("t"), *worlds.PHRASES)
    ((members, group),) = formed(world)
    assert members == set(campaign)
    assert group.content_share.tolist() == [1.0] * size
    assert len(group.exchanges) == 12 * size
    kinds = {KINDS[k] for k in view(world.evidence()).evidence.obj_kind[group.text_objects]}
    assert {"prefix", "suffix"} <= kinds


def test_strangers_form_no_group(worlds):
    for seed in range(5):
        assert formed(worlds.strangers(seed)) == []


def test_a_diluted_campaign_comes_out_too(worlds):
    world = worlds.strangers()
    campaign = range(1000, 1030)
    worlds.harvesters(world, campaign, *worlds.template("t"), *worlds.PHRASES, texts=8, mixed=16)
    ((members, group),) = formed(world)
    assert members == set(campaign)
    assert group.content_share == pytest.approx(1 / 3)
    assert len(group.exchanges) == 8 * 30, "what is mixed in is not the campaign's"


@pytest.mark.parametrize("nearest", [1, 32])
def test_an_account_may_join_the_cores_that_it_is_nearest_to(worlds, monkeypatch, nearest):
    monkeypatch.setattr(groups, "NEAREST", nearest)
    world = worlds.strangers()
    worlds.harvesters(world, range(1000, 1012), *worlds.template("t"))
    worlds.harvesters(world, range(2000, 2012), *worlds.template("u"))
    worlds.harvesters(world, [3000], *worlds.template("t"))
    worlds.harvesters(world, [3000], *worlds.template("u"))
    seen = view(world.evidence())
    number = np.array([int(name.rpartition("-")[2]) for name in seen.evidence.accounts.ids])
    cores = Cores(seen, Settings())
    # The last account of each campaign, and who takes part in both, were put into no core.
    vars(cores)["of_texts"] = [np.flatnonzero((number >= low) & (number < low + 11)) for low in (1000, 2000)]
    found = [set(number[group.members]) for group in form_groups(cores)]
    assert sorted((members - {3000} for members in found), key=min) == [
        {*range(1000, 1012)},
        {*range(2000, 2012)},
    ]
    assert sum(3000 in members for members in found) == min(nearest, 2)


def test_a_group_that_has_outgrown_its_core_is_formed_anew_around_its_accounts(worlds, monkeypatch):
    world = worlds.strangers()
    worlds.harvesters(world, range(1000, 1024), *worlds.template("t"), *worlds.PHRASES)
    # Six of them send a system prompt as some strangers do, which says nothing of how alike texts are.
    for number in (*range(1000, 1006), *range(5000, 5008)):
        for turn in range(6):
            world.say(
                number,
                worlds.MONDAY + turn,
                objects=(("system_phrase", "theirs"),),
                item=f"own-{number}-{turn}",
            )
    seen = view(world.evidence())
    number = np.array([int(name.rpartition("-")[2]) for name in seen.evidence.accounts.ids])
    cores = Cores(seen, Settings())
    vars(cores)["of_texts"] = [np.flatnonzero((number >= 1000) & (number < 1006))]
    (group,) = form_groups(cores)
    assert set(number[group.members]) == {*range(1000, 1024)}
    monkeypatch.setattr(groups, "GROWN", 24)
    (once,) = form_groups(cores)
    assert set(number[once.members]) == {*range(1000, 1024)}
    told = [set(one.text_objects.tolist()) for one in (once, group)]
    (theirs,) = told[0] - told[1]
    assert seen.popularity[theirs] == 14, "what six of two dozen send marks these six, and not the group"
    assert told[1] < told[0]


def test_two_campaigns_stay_two(worlds):
    world = worlds.strangers()
    worlds.harvesters(world, range(1000, 1040), *worlds.template("t"))
    worlds.harvesters(world, range(2000, 2015), *worlds.template("u"))
    assert [members for members, _ in formed(world)] == [set(range(1000, 1040)), set(range(2000, 2015))]


def test_cards_alone_form_a_group(worlds):
    world = worlds.strangers()
    for number in range(1000, 1010):
        world.account(number, payment_fingerprint="one-card")
        world.say(number, worlds.MONDAY, item=f"own-{number}")
    ((members, group),) = formed(world)
    assert members == set(range(1000, 1010))
    assert not len(group.text_objects)
    assert len(group.infrastructure_objects) == 1
    assert group.infrastructure_kinds.tolist() == [1] * 10


@pytest.mark.parametrize("size", [3])
def test_three_accounts_are_no_group(worlds, size):
    world = worlds.strangers()
    worlds.harvesters(world, range(1000, 1000 + size), *worlds.template("t"), column="payment_fingerprint")
    assert formed(world) == []
    assert formed(world, Settings(group_accounts=3))


def with_a_class(worlds, *own):
    """A campaign of 60, and a class of 25 that ends half of its texts as the campaign does; `own`: its other objects."""
    world = worlds.strangers()
    campaign, course = set(range(1000, 1060)), set(range(2000, 2025))
    worlds.harvesters(world, sorted(campaign), *worlds.template("t"), *worlds.PHRASES)
    for number in sorted(course):
        for i in range(10):
            phrase = (("suffix", "t"),) if i % 2 else ()
            world.say(number, worlds.MONDAY + 9 + i, objects=(*own, *phrase), item=f"question-{i}-{number}")
    return world, campaign, course


def test_a_class_with_one_closing_phrase_in_common_does_not_join(worlds):
    world, campaign, course = with_a_class(worlds)
    ((members, group),) = formed(world)
    assert members == campaign
    ids = view(world.evidence()).evidence.accounts.ids
    assert not {int(i.rpartition("-")[2]) for i in ids[group.members]} & course


def test_a_few_buckets_in_common_do_not_make_a_member(worlds):
    """Two of eight text objects: enough for an exchange to look like the campaign's, too little to belong."""
    world = worlds.strangers()
    many = (("phrase", "t"), ("block", "t"))
    campaign = range(1000, 1150)
    worlds.harvesters(world, campaign, *worlds.template("t"), *many)
    worlds.harvesters(world, range(2000, 2025), ("suffix", "t"), many[0], mixed=6)
    ((members, _),) = formed(world)
    assert members == set(campaign)


def test_a_class_with_an_assignment_of_its_own_does_not_join_by_a_phrase(worlds):
    world, campaign, _ = with_a_class(worlds, ("prefix", "assignment"))
    caught = [members for members, _ in formed(world) if members & campaign]
    assert caught == [campaign]


def test_those_whom_leiden_puts_into_a_campaign_by_a_phrase_do_not_pass_by_their_own_texts(
    worlds, monkeypatch
):
    """As it happened in an exercise: half of a class, with its assignments, in the community of a campaign."""
    world = worlds.strangers()
    campaign, course = range(1000, 1020), range(2000, 2013)
    worlds.harvesters(world, campaign, *worlds.template("t"), *worlds.PHRASES)
    own = [(kind, f"task-{i}") for i in range(4) for kind in ("prefix", "suffix", "phrase")]
    worlds.harvesters(world, course, ("suffix", "t"), *own)
    seen = view(world.evidence())
    numbers = np.array([int(i.rpartition("-")[2]) for i in seen.evidence.accounts.ids])
    mixed = np.isin(numbers, [*campaign, *course[:6]])
    parts = [np.flatnonzero(mixed), np.flatnonzero(np.isin(numbers, course[6:]))]
    monkeypatch.setattr("stillwatch.detection.cores.alike_in_texts", lambda vectors, settings: parts)
    groups = form_groups(Cores(seen, Settings()))
    assert [set(numbers[group.members]) for group in groups] == [set(campaign), set(course)]


def test_parts_of_a_campaign_become_one(worlds, monkeypatch):
    world = worlds.strangers()
    campaign = range(1000, 1060)
    worlds.harvesters(world, campaign, *worlds.template("t"), *worlds.PHRASES, texts=4, mixed=16)
    seen = view(world.evidence())
    numbers = np.array([int(i.rpartition("-")[2]) for i in seen.evidence.accounts.ids])
    parts = [np.flatnonzero(np.isin(numbers, campaign[i : i + 20])) for i in (0, 20, 40)]
    monkeypatch.setattr("stillwatch.detection.cores.alike_in_texts", lambda vectors, settings: parts)
    (group,) = form_groups(Cores(seen, Settings()))
    assert set(numbers[group.members]) == set(campaign)


def test_an_account_that_only_shares_an_address_is_linked_but_no_member(worlds):
    world = worlds.strangers()
    campaign = range(1000, 1020)
    worlds.harvesters(world, campaign, *worlds.template("t"))
    # One address for six of the campaign and one of their neighbours.
    near = {1000, 1001, 1002, 1003, 1004, 1005, 7}
    world.change(lambda e: e.account in near, address="cafe")
    ((members, group),) = formed(world)
    assert members == set(campaign)
    assert set(group.accounts) >= set(group.members)


def test_a_fragment_of_a_larger_group_is_left_out(worlds):
    """Six of a campaign share a card as well: that is no second group."""
    world = worlds.strangers()
    campaign = range(1000, 1060)
    worlds.harvesters(world, campaign, *worlds.template("t"), *worlds.PHRASES)
    for number in range(1000, 1006):
        world.account(number, payment_fingerprint="inner")
    ((members, group),) = formed(world)
    assert members == set(campaign)
    assert group.origin == "texts"
    assert group.infrastructure_kinds.sum() == 6


def test_paraphrased_wordings_hold_a_campaign_together(worlds):
    """No text is built on all of the phrases, no two accounts use the same: three of thirty each time."""
    world = worlds.strangers()
    rng = np.random.default_rng(4)
    for number in range(1000, 1060):
        for i in range(10):
            said = tuple(("phrase", f"part-{k}") for k in rng.choice(30, 3, replace=False))
            world.say(number, worlds.MONDAY + int(rng.integers(160)), objects=said, item=f"{number}-{i}")
    ((members, group),) = formed(world)
    assert members == set(range(1000, 1060))
    assert len(group.exchanges) == 600


def test_accounts_of_one_language_among_others_are_not_told_from_their_neighbours(worlds):
    """Phrases that everybody of a language uses mark nobody of that language, however rare the language is."""
    world = worlds.World()
    rng = np.random.default_rng(9)
    for number in range(400):
        language = "rare" if number < 120 else "common"
        for i in range(12):
            said = tuple(("phrase", f"{language}-{k}") for k in rng.choice(40, 2, replace=False))
            world.say(number, worlds.MONDAY + int(rng.integers(160)), objects=said, item=f"{number}-{i}")
    for members, group in formed(world):
        # As a community of their language they may show; never as alike beyond what is usual.
        assert group.likeness < 3
        assert len(members) > 60


def test_order_of_rows_and_the_key_mean_nothing(worlds):
    world = worlds.strangers()
    worlds.harvesters(
        world, range(1000, 1030), *worlds.template("t"), *worlds.PHRASES, column="payment_fingerprint"
    )
    worlds.harvesters(world, range(2000, 2010), *worlds.template("u"), mixed=6)
    here = view(world.evidence(salt=0))
    there = view(world.shuffled(np.random.default_rng(5)).evidence(salt=9))
    one, two = (form_groups(Cores(v, Settings())) for v in (here, there))
    assert len(one) == len(two) == 2
    for a, b in zip(one, two, strict=True):
        for name in vars(a):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name


def test_groups_come_largest_first_with_arrays_in_step(worlds):
    world = worlds.strangers()
    for start, size in ((1000, 6), (2000, 25), (3000, 12)):
        worlds.harvesters(world, range(start, start + size), *worlds.template(f"t{start}"))
    groups = [group for _, group in formed(world)]
    assert [len(g.members) for g in groups] == [25, 12, 6]
    for group in groups:
        assert (np.diff(group.accounts) > 0).all()
        assert (np.diff(group.exchanges) > 0).all()
        assert (
            len(group.accounts)
            == len(group.content_share)
            == len(group.infrastructure_kinds)
            == len(group.firm)
        )


def test_objects_of_a_group_are_split_by_family(worlds):
    world = worlds.strangers()
    worlds.harvesters(world, range(1000, 1020), *worlds.template("t"), column="payment_fingerprint")
    kind = view(world.evidence()).evidence.obj_kind
    ((_, group),) = formed(world)
    assert (kind[group.text_objects] < N_CONTENT).all()
    assert {KINDS[k] for k in kind[group.infrastructure_objects]} == {"payment"}
    assert len(group.infrastructure_objects) == 4
    assert group.infrastructure_kinds.tolist() == [1] * 20


def test_the_seed_is_the_only_chance(worlds):
    world = worlds.strangers()
    worlds.harvesters(world, range(1000, 1030), *worlds.template("t"), mixed=6)
    assert [m for m, _ in formed(world)] == [m for m, _ in formed(world)]
    other = replace(Settings(), seed=7)
    assert [m for m, _ in formed(world, other)] == [m for m, _ in formed(world)]


@pytest.mark.parametrize("looked_at", [256, 20])
def test_an_account_that_is_far_busier_than_the_others_is_none_of_them(worlds, looked_at):
    """A monitor that asks what a campaign asks, ten times as often; also where a sample of what it asks is looked at."""
    world = worlds.strangers()
    world.settings = replace(world.settings, looked_at=looked_at)
    campaign = range(1000, 1030)
    worlds.harvesters(world, campaign, *worlds.template("t"), *worlds.PHRASES)
    worlds.harvesters(world, [3000], *worlds.template("t"), *worlds.PHRASES, texts=150)
    worlds.harvesters(world, [3001], *worlds.template("t"), *worlds.PHRASES, texts=40)
    ((members, _),) = formed(world)
    assert members == {*campaign, 3001}


def prompted(worlds, world, numbers, sentences=6, each=3):
    """Accounts that ask what they like under prompts put together of a few sentences, other ones each time."""
    for k, number in enumerate(numbers):
        for i in range(8):
            objects = tuple(("system_phrase", f"s{(k + 2 * i + m) % sentences}") for m in range(each))
            world.say(number, worlds.MONDAY + (11 * i + k) % 160, objects=objects, item=f"own-{number}-{i}")


def test_prompts_alike_make_a_group_whatever_is_asked_under_them(worlds):
    world = worlds.strangers()
    prompted(worlds, world, range(1000, 1030))
    seen = view(world.evidence())
    assert form_groups(Cores(seen, Settings())) == []
    (group,) = prompt_communities(Cores(seen, Settings()), [])
    assert set(seen.evidence.accounts.ids[group.members]) == {worlds.name_of(n) for n in range(1000, 1030)}
    assert group.origin == SYSTEM_PROMPT
    assert group.likeness == 0
    assert {KINDS[k] for k in seen.evidence.obj_kind[group.text_objects]} == {"system_phrase"}
    assert len(group.exchanges) == 240
    assert prompt_communities(Cores(seen, Settings(left_out="content")), []) == []


def test_whom_texts_hold_together_is_no_group_of_prompts(worlds):
    world = worlds.strangers()
    campaign = range(1000, 1030)
    worlds.harvesters(
        world,
        campaign,
        ("system_phrase", "a"),
        ("system_phrase", "b"),
        *worlds.template("t"),
        *worlds.PHRASES,
    )
    seen = view(world.evidence())
    (texts,) = form_groups(Cores(seen, Settings()))
    assert len(prompt_communities(Cores(seen, Settings()), [])) == 1
    assert prompt_communities(Cores(seen, Settings()), [texts]) == []


def test_a_long_prompt_makes_no_exchange_the_groups_own(worlds):
    """Each phrase is ten times as frequent in the group: that is said once, not eight times."""
    world = worlds.strangers()
    client = tuple(("system_phrase", f"c{i}") for i in range(8))
    campaign = range(1000, 1030)
    worlds.harvesters(world, campaign, *client, *worlds.template("t"), *worlds.PHRASES)
    for number in campaign:
        for i in range(12):
            world.say(number, worlds.MONDAY + (5 * i + 7) % 160, objects=client, item=f"chat-{number}-{i}")
    for number in range(30):
        for i in range(12):
            world.say(number, worlds.MONDAY + (5 * i + 3) % 160, objects=client, item=f"chat-{number}-{i}")
    seen = view(world.evidence())
    (group,) = (g for g in form_groups(Cores(seen, Settings())) if g.origin == TEXTS)
    own = set(seen.evidence.ex_row[group.exchanges].tolist())
    assert own == {row for row, e in enumerate(world.exchanges) if worlds.PHRASES[0] in e.objects}
