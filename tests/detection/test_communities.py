"""Communities: of stars by hand, of texts in small worlds, and parts that are put together again."""

import numpy as np
import pytest
from scipy import sparse

from stillwatch.detection import communities, similarity
from stillwatch.detection.communities import (
    Halves,
    alike_in_texts,
    merged,
    of_one_frame,
    tied_by_infrastructure,
)
from stillwatch.detection.linking import Edges
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import Frames, Vectors, vectors
from stillwatch.detection.view import view


def campaign(worlds, size, template="t", first=1000, world=None):
    """Accounts that send twelve texts each on one template, among strangers."""
    if world is None:
        world = worlds.World()
        worlds.people(world, np.random.default_rng([2, 1]), range(200))
    for number in range(first, first + size):
        for i in range(12):
            world.say(
                number,
                worlds.MONDAY + (3 * i + number) % 160,
                objects=(*worlds.template(template), ("phrase", template)),
                item=f"{number}-{i}",
            )
    return world


def numbers_of(seen):
    """By account code: the number that the world gave the account."""
    return np.array([int(name.rpartition("-")[2]) for name in seen.evidence.accounts.ids])


def star(*stars):
    """Edges of stars (accounts, object, weight)."""
    rows = sorted((a, obj, w) for accounts, obj, w in stars for a in accounts)
    acc, obj, weight = zip(*rows, strict=True)
    return Edges(np.array(acc), np.array(obj), np.array(weight, dtype=np.float64))


def test_communities_of_stars():
    edges = star((range(10), 0, 1.0), (range(20, 25), 1, 1.0))
    assert [c.tolist() for c in tied_by_infrastructure(edges, Settings())] == [
        list(range(10)),
        list(range(20, 25)),
    ]


def test_edges_lighter_than_the_resolution_hold_nobody():
    assert tied_by_infrastructure(star((range(10), 0, 0.1)), Settings(resolution=0.15)) == []
    assert len(tied_by_infrastructure(star((range(10), 0, 0.2)), Settings(resolution=0.15))) == 1


def test_a_large_campaign_is_not_cut_for_its_size():
    edges = star((range(3000), 0, 1.0), (range(3000, 3010), 1, 1.0))
    assert [len(c) for c in tied_by_infrastructure(edges, Settings())] == [3000, 10]


def test_without_edges_there_are_no_tied_by_infrastructure():
    none = Edges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    assert tied_by_infrastructure(none, Settings()) == []


def test_halves_find_the_same_campaign_in_texts_apart(worlds):
    seen = view(campaign(worlds, 40).evidence())
    halves = Halves.of(seen, Settings())
    (core,) = halves.cores
    assert len(core) == 40
    assert halves.second.mean_similarity(core) > 0.9
    assert set(np.flatnonzero(halves.second.known)) >= set(core.tolist())


def test_the_core_that_holds_most_of_some_accounts():
    cores = [np.array([4, 5, 6]), np.array([0, 1]), np.array([2, 3])]
    nothing = sparse.csr_matrix((9, 1))
    nobody = Vectors(nothing, Frames(nothing, np.zeros(9), np.zeros(1)), 1)
    halves = Halves(cores, nobody, nobody)
    for accounts, core, held in (
        ([4, 5, 0], [4, 5, 6], 2),
        ([2, 0, 7], [0, 1], 1),
        ([7, 8], [], 0),
        ([], [], 0),
    ):
        found, count = halves.core_of(np.array(accounts, dtype=np.int64))
        assert (found.tolist(), count) == (core, held)


@pytest.mark.parametrize("hour", [20, 60, 110])
def test_halves_of_the_past_are_those_that_a_scan_of_it_would_make(worlds, monkeypatch, hour):
    """What comes later moves no text to the other half and no account among the landmarks."""
    monkeypatch.setattr(similarity, "LANDMARKS", 12)
    world = campaign(worlds, 40)
    for number in range(40):
        # Nobody shares this question before the hour: its texts are known exchanges only after it.
        world.say(1000 + number, worlds.MONDAY + number % 8, objects=(("phrase", f"late-{number % 20}"),))
        world.say(2000 + number, worlds.MONDAY + 130, objects=(("phrase", f"late-{number % 20}"),))
        world.say(-5 - number, worlds.MONDAY + 140, objects=(("phrase", f"late-{number % 20}"),))
    until = worlds.MONDAY + hour
    then, now = view(world.before(until).evidence()), view(world.evidence(), until)

    def told(seen):
        ids = seen.evidence.accounts.ids
        halves = Halves.of(seen, Settings())
        rows = [
            sorted(
                (ids[i], round(float(space.matrix[i].power(2).sum()), 9)) for i in np.flatnonzero(space.known)
            )
            for space in (halves.first, halves.second)
        ]
        cosines = [
            sorted((ids[a], ids[b], round(float(c), 9)) for a, b, c in zip(*space.neighbours(5), strict=True))
            for space in (halves.first, halves.second)
        ]
        return [sorted(ids[core].tolist()) for core in halves.cores], rows, cosines

    assert told(now) == told(then)


def test_two_templates_are_two_communities(worlds):
    seen = view(campaign(worlds, 12, "u", 2000, campaign(worlds, 30)).evidence())
    numbers = numbers_of(seen)
    found = alike_in_texts(vectors(seen, Settings()), Settings())
    sets = [set(numbers[c].tolist()) for c in found if len(c) >= 4]
    assert sets == [set(range(1000, 1030)), set(range(2000, 2012))]


@pytest.mark.parametrize("pieces", [2, 5])
def test_parts_of_one_campaign_are_put_together_and_of_two_are_not(worlds, pieces):
    seen = view(campaign(worlds, 20, "u", 2000, campaign(worlds, 40)).evidence())
    numbers = numbers_of(seen)
    one, other = np.flatnonzero((numbers >= 1000) & (numbers < 2000)), np.flatnonzero(numbers >= 2000)
    parts = [*np.array_split(one, pieces), *np.array_split(other, 2)]
    found = merged(vectors(seen, Settings()), parts)
    assert [c.tolist() for c in found] == [one.tolist(), other.tolist()]


def crowd(worlds, frames, accounts=40, parts=4, texts=4, phrases=60):
    """Accounts of a few texts: each carries its campaign's frame, and the first one phrases of the part that it is in."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng([2, 1]), range(200))
    numbers = [range(first, first + accounts) for first in range(1000, 1000 * (len(frames) + 1), 1000)]
    for frame, campaign in zip(frames, numbers, strict=True):
        for number in campaign:
            for i in range(texts):
                chance = tuple(("phrase", f"{number % parts}-{k}") for k in range(phrases)) if i == 0 else ()
                objects = tuple(("phrase", f"{frame}-{k}") for k in range(4)) if frame else ()
                world.say(number, worlds.MONDAY + 5 * i, objects=(*objects, *chance), item=f"{number}-{i}")
    seen = view(world.evidence())
    ids = numbers_of(seen)
    cores = [
        np.flatnonzero(np.isin(ids, campaign) & (ids % parts == part))
        for campaign in numbers
        for part in range(parts)
    ]
    return vectors(seen, Settings()), cores, ids


def test_parts_of_a_crowd_that_chance_cut_are_put_together_by_their_frame(worlds):
    space, cores, ids = crowd(worlds, ("t", "u"))
    assert len(merged(space, cores)) == 8, "they look more alike within than across"
    for order in (cores, cores[::-1]):
        found = of_one_frame(space, order)
        assert [set(ids[core].tolist()) for core in found] == [
            set(range(1000, 1040)),
            set(range(2000, 2040)),
        ]


@pytest.mark.parametrize(("texts", "together"), [(1, False), (2, True), (4, True)])
def test_what_comes_once_in_each_accounts_texts_is_no_frame(worlds, texts, together):
    """With one text an account nothing can be told from what put the accounts into one core."""
    space, cores, _ = crowd(worlds, ("t",), texts=texts, phrases=12)
    assert len(of_one_frame(space, cores)) == (1 if together else 4)


@pytest.mark.parametrize(("phrases", "together"), [(40, True), (200, False)])
def test_one_line_before_everything_is_not_enough(worlds, phrases, together):
    """Some client may put it there: accounts that have little else in common stay apart."""
    space, cores, _ = crowd(worlds, ("t",), phrases=phrases)
    assert len(of_one_frame(space, cores)) == (1 if together else 4)


def spoken(worlds, said):
    """Vectors, a core for each campaign, and numbers of accounts; `said`: by campaign the phrases of each of four texts."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng([2, 1]), range(200))
    for k, texts in enumerate(said):
        for number in range(1000 * (k + 1), 1000 * (k + 1) + 30):
            for i, phrases in enumerate(texts):
                chance = (f"{number % 3}-{k}-{j}" for j in range(8 if i == 0 else 0))
                objects = tuple(("phrase", name) for name in (*phrases, *chance))
                world.say(number, worlds.MONDAY + 5 * i, objects=objects, item=f"{number}-{i}")
    seen = view(world.evidence())
    ids = numbers_of(seen)
    return vectors(seen, Settings()), [np.flatnonzero(ids // 1000 == k + 1) for k in range(len(said))]


def test_who_sends_a_clients_line_is_not_put_to_who_sends_it_before_a_template(worlds):
    line, template = [f"line-{k}" for k in range(12)], [f"template-{k}" for k in range(4)]
    space, cores = spoken(worlds, ([line] * 4, [line + template] * 4))
    assert [c.tolist() for c in of_one_frame(space, cores)] == [c.tolist() for c in cores]
    space, cores = spoken(worlds, ([line + template] * 4, [line + template] * 4))
    assert len(of_one_frame(space, cores)) == 1


@pytest.mark.parametrize("templates", [1, 2, 3])
def test_nor_to_who_sends_it_before_templates_that_take_turns(worlds, templates):
    line = [f"line-{k}" for k in range(8)]
    turns = [line + [f"{i % templates}-template-{k}" for k in range(8)] for i in range(6)]
    space, cores = spoken(worlds, ([line] * 4, turns))
    assert [c.tolist() for c in of_one_frame(space, cores)] == [c.tolist() for c in cores]
    space, cores = spoken(worlds, (turns, turns))
    assert len(of_one_frame(space, cores)) == 1


def test_a_part_that_has_something_of_two_templates_does_not_make_them_one(worlds):
    one, other = [f"one-{k}" for k in range(7)], ["one-0", *(f"other-{k}" for k in range(6))]
    space, cores = spoken(worlds, ([one] * 4, [one, other] * 2, [other] * 4))
    for found in of_one_frame(space, cores):
        assert not (np.isin(cores[0], found).any() and np.isin(cores[2], found).any())


def test_without_a_frame_nothing_is_put_together(worlds):
    space, cores, _ = crowd(worlds, ("",))
    assert [c.tolist() for c in of_one_frame(space, cores)] == sorted(c.tolist() for c in cores)


def test_shares_of_half_of_the_texts_are_shares_of_these(worlds):
    seen = view(campaign(worlds, 8).evidence())
    halves = Halves.of(seen, Settings())
    (core,) = halves.cores
    for space in (halves.first, halves.second):
        assert space.frames.shares[core].max() == 1


@pytest.mark.parametrize("apart", [0.0, 0.5])
def test_strangers_that_a_coarse_cut_puts_into_one_are_told_apart(worlds, monkeypatch, apart):
    """In a small population one community may hold two kinds of account that have a few phrases in common."""
    monkeypatch.setattr(communities, "APART", apart)
    world = worlds.World()
    for first, own in ((0, "t"), (100, "u")):
        for number in range(first, first + 12):
            for i in range(10):
                objects = (
                    ("phrase", f"{own}-{i % 3}"),
                    ("phrase", f"{own}-{i % 4}"),
                    ("phrase", f"both-{i % 2}"),
                )
                world.say(number, worlds.MONDAY + i, objects=objects, item=f"{number}-{i}")
    for number in range(200, 203):
        world.say(number, worlds.MONDAY)
    seen = view(world.evidence())
    # One community at first, whatever the seed: as coarse as can be.
    whole = np.arange(24)
    monkeypatch.setattr(communities.Likeness, "communities", coarse(whole, communities.Likeness.communities))
    found = alike_in_texts(vectors(seen, Settings()), Settings())
    assert [len(part) for part in found] == ([24] if apart == 0 else [12, 12])


def coarse(whole, communities):
    """The first call finds one community; the others what there is."""
    calls = []

    def found(graph, part, seed):
        calls.append(part)
        return [whole] if len(calls) == 1 else communities(graph, part, seed)

    return found


def test_nothing_to_put_together(worlds):
    space = vectors(view(campaign(worlds, 5).evidence()), Settings())
    assert merged(space, []) == of_one_frame(space, []) == []
    alone = np.flatnonzero(space.known)[:4]
    assert [c.tolist() for c in merged(space, [alone])] == [alone.tolist()]
