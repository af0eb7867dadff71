"""Cores of one frame: parts of crowds that chance cut, clients' lines, and what is compared anew."""

import numpy as np
import pytest

from stillwatch.detection import framing
from stillwatch.detection.communities import merged
from stillwatch.detection.framing import of_one_frame
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import vectors
from stillwatch.detection.view import view


def numbers_of(seen):
    """By account code: the number that the world gave the account."""
    return np.array([int(name.rpartition("-")[2]) for name in seen.evidence.accounts.ids])


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


def with_all_compared_anew(space, cores):
    """The same, with everything worked out afresh before each pass, and every object looked at."""
    parts, passes = list(cores), 0
    while True:
        every = framing._Framed(
            space, space.frames, parts, *framing._frames(space.frames, parts), framing.Sets.of(space, parts)
        )
        cosine = every.cosines(np.arange(len(parts)))
        assert (cosine == cosine.T).all()
        best, number = cosine.argmax(axis=1), np.arange(len(parts))
        into = np.flatnonzero((cosine.max(axis=1) > 0) & (best[best] == number) & (number < best))
        if not len(into):
            return sorted(parts, key=lambda part: int(part[0])), passes
        passes += 1
        for k in into.tolist():
            parts[k] = np.sort(np.concatenate([parts[k], parts[best[k]]]))
        parts = [part for k, part in enumerate(parts) if k not in set(best[into].tolist())]


@pytest.mark.parametrize("at_once", [1, 3, 256])
@pytest.mark.parametrize("seed", range(3))
def test_what_did_not_change_need_not_be_compared_again(worlds, monkeypatch, at_once, seed):
    """Parts of three templates, some of them with lines of a second: put together over several passes."""
    monkeypatch.setattr(framing, "AT_ONCE", at_once)
    draw = np.random.default_rng(seed)
    said = []
    for k in range(14):
        own = [f"{k % 3}-{j}" for j in range(8) if draw.random() < 0.85]
        lines = [f"{(k + 1) % 3}-{j}" for j in range(int(draw.integers(0, 3)))]
        said.append([own + lines] * int(draw.integers(3, 6)))
    space, cores = spoken(worlds, said)
    expected, passes = with_all_compared_anew(space, cores)
    assert passes >= 3
    assert 3 <= len(expected) < 14
    assert [c.tolist() for c in of_one_frame(space, cores)] == [c.tolist() for c in expected]


def test_what_was_put_together_is_compared_as_a_whole(worlds):
    """The first is not like the third, and with the second it is."""
    first, second, third = ([f"{j}" for j in range(k, k + 18)] for k in (0, 2, 4))
    space, cores = spoken(worlds, ([first] * 4, [second] * 4, [third] * 4))
    assert len(of_one_frame(space, [cores[0], cores[2]])) == 2
    assert len(of_one_frame(space, [cores[0], cores[1]])) == 1
    assert len(of_one_frame(space, cores)) == 1


def test_of_few_cores_there_is_nothing_to_compare(worlds):
    space, cores, _ = crowd(worlds, ("t",))
    assert of_one_frame(space, []) == []
    assert [c.tolist() for c in of_one_frame(space, cores[:1])] == [cores[0].tolist()]
