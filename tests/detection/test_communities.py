"""Communities: of stars by hand, of texts in small worlds, and parts that are put together again."""

import numpy as np
import pytest
from scipy import sparse

from stillwatch.detection import communities, similarity
from stillwatch.detection.communities import (
    Halves,
    alike_in_texts,
    merged,
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
    nobody = Vectors(nothing, lambda: Frames(nothing, np.zeros(9), np.zeros(1)), 1)
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
    monkeypatch.setattr(similarity, "VISITS", 64)
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


@pytest.mark.parametrize("size", [400, 800])
def test_a_campaign_of_hundreds_with_one_template_is_one_core(size):
    """Alike to the last digit, they had the same few neighbours: a star, of which nobody was in any core."""
    rng = np.random.default_rng(1)
    n, width = 6000, 4000
    columns = [
        np.array([0, 1, 2]) if account % (n // size) == 0 else 10 + rng.choice(width - 10, 11, replace=False)
        for account in range(n)
    ]
    value = np.concatenate([np.full(len(own), len(own) ** -0.5, np.float32) for own in columns])
    start = np.r_[0, np.cumsum([len(own) for own in columns])]
    matrix = sparse.csr_matrix((value, np.concatenate(columns), start), shape=(n, width))
    matrix.sort_indices()
    space = Vectors(matrix, lambda: Frames(matrix, np.ones(n), np.ones(width)), 1)
    found = merged(space, alike_in_texts(space, Settings()))
    campaign = np.flatnonzero(np.arange(n) % (n // size) == 0)
    assert [len(core) for core in found if np.isin(core, campaign).any()] == [len(campaign)]


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


def test_what_was_told_of_parts_alone_is_told_whole_before_two_become_one(monkeypatch):
    """What its parts that were compared say of a core may not hold for all of it."""
    # Parts 0 and 1 are one; 2 is like 1, and not like 0, with which it was not compared.
    width = 12
    rows = np.zeros((30, width), np.float32)
    rows[:10, :4], rows[10:20, 2:6], rows[20:, 4:8] = 1, 1, 1
    rows[:20, 8:] = 2
    rows[10:, 9] = 2
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    matrix = sparse.csr_matrix(rows)
    space = Vectors(matrix, lambda: Frames(matrix, np.ones(30), np.ones(width)), 1)
    parts = [np.arange(10), np.arange(10, 20), np.arange(20, 30)]
    like = [
        space.similarity_across(one, other) for one, other in ((parts[0], parts[1]), (parts[1], parts[2]))
    ]
    whole = space.similarity_across(np.arange(20), parts[2])
    assert like[0] > like[1] > whole
    monkeypatch.setattr(Vectors, "pairs", lambda *_: (np.array([0, 1]), np.array([1, 2])))
    between = (like[1] + whole) / 2
    assert [len(core) for core in merged(space, parts, between)] == [20, 10]
    assert [len(core) for core in merged(space, parts, whole - 1e-6)] == [30]


def test_nothing_to_put_together(worlds):
    space = vectors(view(campaign(worlds, 5).evidence()), Settings())
    assert merged(space, []) == []
    alone = np.flatnonzero(space.known)[:4]
    assert [c.tolist() for c in merged(space, [alone])] == [alone.tolist()]
