"""Likeness of accounts against plain sums: cosines, neighbours, and landmarks for what very many hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection import similarity
from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.decision import judge
from stillwatch.detection.evidence import KINDS
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import vectors
from stillwatch.detection.view import view

WORDS = st.lists(
    st.lists(st.lists(st.integers(0, 7), max_size=3, unique=True), max_size=5), min_size=4, max_size=12
)


def said(worlds, texts):
    """Accounts with texts; a text is a list of phrases."""
    world = worlds.World()
    for number, own in enumerate(texts):
        world.say(number, worlds.MONDAY, text=False)
        for i, phrases in enumerate(own):
            objects = tuple(("phrase", str(k)) for k in phrases)
            world.say(number, worlds.MONDAY + i, objects=objects, item=f"{number}-{i}")
    return view(world.evidence())


def by_hand(texts):
    """Vectors from their definition, phrase by phrase: share of texts x root of log(accounts / holders)."""
    found = np.zeros((len(texts), 8))
    for phrase in range(8):
        holders = sum(any(phrase in t for t in own) for own in texts)
        if holders < 3:
            continue
        rarity = np.sqrt(np.log(len(texts) / holders))
        for number, own in enumerate(texts):
            found[number, phrase] = sum(phrase in t for t in own) / max(len(own), 1) * rarity
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(length > 0, length, 1)


FOUR_BYTES = 3e-7
"""How far a cosine of vectors that are kept in four bytes a number may be from that of the definition."""


def cosines(space):
    """Of all accounts with all, summed in eight bytes."""
    wide = space.matrix.astype(np.float64)
    return (wide @ wide.T).toarray()


@given(WORDS)
def test_cosines_are_those_of_the_definition(worlds, texts):
    space = vectors(said(worlds, texts), Settings())
    expected = by_hand(texts)
    assert cosines(space) == pytest.approx(expected @ expected.T, abs=FOUR_BYTES)
    every = np.arange(len(texts))
    pairs = expected @ expected.T
    total = pairs.sum() - np.trace(pairs)
    assert space.mean_similarity(every) == pytest.approx(
        total / (len(texts) * (len(texts) - 1)), abs=FOUR_BYTES
    )


@given(WORDS, st.integers(1, 5))
def test_neighbours_are_the_most_alike_in_order(worlds, texts, count):
    space = vectors(said(worlds, texts), Settings())
    cosine = np.round(cosines(space), 9)
    np.fill_diagonal(cosine, 0)
    who, near, value = space.neighbours(count)
    drawn = np.random.default_rng(space.seed).permutation(np.flatnonzero(space.known)).tolist()

    def behind(account, other):
        return (drawn.index(other) - drawn.index(account)) % len(drawn)

    for account in range(len(texts)):
        own = who == account
        best = sorted(
            (j for j in range(len(texts)) if cosine[account, j] > 0),
            key=lambda j: (-cosine[account, j], behind(account, j)),
        )
        assert near[own].tolist() == best[:count]
        assert value[own] == pytest.approx([cosine[account, j] for j in best[:count]], abs=2e-9)


@given(WORDS)
def test_discrepancy_is_that_of_the_definition(worlds, texts):
    rows = by_hand(texts)
    cosine = rows @ rows.T
    space = vectors(said(worlds, texts), Settings())
    half = len(texts) // 2
    one, other = np.flatnonzero(space.known[:half]), half + np.flatnonzero(space.known[half : len(texts)])
    found = space.discrepancy(one, other)
    if min(len(one), len(other)) < 2:
        assert found == 0
        return

    def within(part):
        pairs = [cosine[i, j] for i in part for j in part if i != j]
        return sum(pairs) / len(pairs)

    across = np.mean([cosine[i, j] for i in one for j in other])
    assert found == pytest.approx(within(one) + within(other) - 2 * across, abs=FOUR_BYTES)


@given(WORDS, st.data())
def test_separations_are_those_of_the_definition(worlds, texts, data):
    """Mean cosine within a part of a pool, less that with the rest of the pool."""
    rows = by_hand(texts)
    cosine = rows @ rows.T
    space = vectors(said(worlds, texts), Settings())
    pool = np.flatnonzero(space.known[: len(texts)])
    if len(pool) < 3:
        return
    size = data.draw(st.integers(2, len(pool) - 1))
    sets = [np.array(sorted(data.draw(st.permutations(pool.tolist()))[:size])) for _ in range(3)]
    for part, found in zip(sets, space.separations(sets, pool), strict=True):
        rest = np.setdiff1d(pool, part)
        within = np.mean([cosine[i, j] for i in part for j in part if i != j])
        across = np.mean([cosine[i, j] for i in part for j in rest])
        assert found == pytest.approx(within - across, abs=FOUR_BYTES)
        assert space.separation(part, rest) == pytest.approx(found, abs=FOUR_BYTES)
        assert space.similarity_across(part, rest) == pytest.approx(across, abs=FOUR_BYTES)


def test_accounts_of_one_template_are_no_star(worlds):
    """They are alike to the last digit: the same few for all would be everybody's neighbours."""
    rng = np.random.default_rng(1)
    texts = [[[0, 1], [0, 1]] for _ in range(120)] + [[rng.integers(2, 8, 2).tolist()] for _ in range(200)]
    who, near, _ = vectors(said(worlds, texts), Settings()).neighbours(5)
    asked = np.bincount(near[who < 120], minlength=320)
    assert asked[:120].tolist() == [5] * 120
    assert not asked[120:].any()


def test_of_what_very_many_hold_nobody_is_everybodys_neighbour(worlds, monkeypatch):
    """Everybody finds neighbours, and no few are those of all: a star would fall into communities of one."""
    monkeypatch.setattr(similarity, "VISITS", 64)
    rng = np.random.default_rng(1)
    texts = [[[0], [0], [int(rng.integers(1, 8))]] for _ in range(200)] + [[[]]] * 100
    who, near, _ = vectors(said(worlds, texts), Settings()).neighbours(3)
    assert set(who.tolist()) == set(range(200))
    asked = np.bincount(near, minlength=200)
    assert np.median(asked) >= 2
    assert asked.max() < 25


def test_those_most_alike_a_set_are_found_over_landmarks(worlds, monkeypatch):
    """The same few stand for all who have what very many have."""
    monkeypatch.setattr(similarity, "LANDMARKS", 5)
    space = vectors(said(worlds, [[[0], [0]] for _ in range(40)] + [[[]]] * 20), Settings())
    (found,) = space.around(np.array([30, 31]), [20])
    assert {30, 31} < set(found.tolist())
    assert len(found) <= 7


def test_greetings_and_clients_are_no_part_of_a_vector(worlds):
    world = worlds.World()
    for number in range(6):
        world.say(number, worlds.MONDAY, objects=(("system", "client"),), item="hello")
    space = vectors(view(world.evidence()), Settings())
    assert not space.known.any()
    assert set(similarity.VECTOR_KINDS) <= set(KINDS)


def test_half_of_the_ties_make_vectors_of_half_of_the_texts(worlds):
    seen = said(worlds, [[[0], [1]] for _ in range(5)] + [[[]]] * 5)
    one = vectors(seen, Settings(), 0)
    other = vectors(seen, Settings(), 1)
    assert not (one.matrix.multiply(other.matrix)).nnz
    assert one.mean_similarity(np.arange(5)) == pytest.approx(1)


class Dense:
    """Another Similarity, by definition, of any vectors: here hashed phrases on 256 random directions, not sparse."""

    frames = None

    def __init__(self, rows):
        length = np.linalg.norm(rows, axis=1)
        self.known = length > 0
        self.cosine = np.clip(np.round((unit := rows / np.maximum(length, 1e-12)[:, None]) @ unit.T, 9), 0, 1)

    def likeness_of(self, accounts, others):
        return self.cosine[np.ix_(accounts, others)].sum(axis=1)

    def around(self, accounts, counts):
        return (np.arange(len(self.cosine)) for _ in counts)

    def pairs(self, sets, count):
        return np.triu_indices(len(sets), 1)

    def closest(self, sets, count):
        mean = np.stack([self.cosine[:, one].mean(axis=1) for one in sets], axis=1)
        near = np.argsort(-np.round(mean, 9), axis=1, kind="stable")[:, :count]
        return [np.flatnonzero(((near == k) & (mean[:, [k]] > 0)).any(axis=1)) for k in range(len(sets))]

    def across(self, sets, i, j):
        return np.array([self.cosine[np.ix_(sets[a], sets[b])].sum() for a, b in zip(i, j, strict=True)])

    def neighbours(self, count):
        others = self.cosine - 2 * np.eye(len(self.cosine))
        near = np.argsort(-others, axis=1, kind="stable")[:, :count]
        who = np.repeat(np.arange(len(near)), near.shape[1])
        found = others[who, near.ravel()] > 0
        return who[found], near.ravel()[found], others[who, near.ravel()][found]

    def mean_similarity(self, accounts):
        n = len(accounts)
        return (self.cosine[np.ix_(accounts, accounts)].sum() - self.known[accounts].sum()) / max(
            n * (n - 1), 1
        )

    def similarity_across(self, accounts, others):
        return self.cosine[np.ix_(accounts, others)].mean() if len(accounts) and len(others) else 0.0

    def separations(self, sets, pool):
        rest = [np.setdiff1d(pool, one) for one in sets]
        return np.array(
            [self.mean_similarity(a) - self.similarity_across(a, b) for a, b in zip(sets, rest, strict=True)]
        )

    def discrepancy(self, accounts, others):
        within = self.mean_similarity(accounts) + self.mean_similarity(others)
        return within - 2 * self.similarity_across(accounts, others)


def projected(view, settings, half=None, kinds=similarity.VECTOR_KINDS):
    """Likening by dense projections of the phrases."""
    phrases = vectors(view, settings, half, kinds).matrix
    return Dense(phrases @ np.random.default_rng(3).normal(size=(phrases.shape[1], 256)))


def test_the_default_says_what_dense_vectors_by_definition_say(worlds, monkeypatch):
    seen = view(worlds.harvest(range(1000, 1012)).evidence())
    space = vectors(seen, Settings())
    other = Dense(space.matrix.toarray())
    sets = [np.arange(5), np.arange(5, 60), np.arange(250, 262)]
    assert (space.known == other.known).all()
    everybody = np.arange(len(space.known))
    np.testing.assert_allclose(
        space.likeness_of(everybody, sets[2]), other.likeness_of(everybody, sets[2]), atol=1e-6
    )
    i, j = np.triu_indices(len(sets))
    np.testing.assert_allclose(space.across(sets, i, j), other.across(sets, i, j), atol=1e-5)
    assert [each.tolist() for each in space.pairs(sets, 2)] == [[0, 0, 1], [1, 2, 2]]
    for count in (1, 2, 3):
        for least in (1 << 16, 7):
            monkeypatch.setattr(similarity, "AT_ONCE", least)
            found = space.closest(sets, count)
            assert [one.tolist() for one in found] == [one.tolist() for one in other.closest(sets, count)]
    pool = np.arange(120)
    np.testing.assert_allclose(
        space.separations(sets[:2], pool), other.separations(sets[:2], pool), atol=1e-6
    )
    assert space.discrepancy(sets[1], sets[2]) == pytest.approx(other.discrepancy(sets[1], sets[2]), abs=1e-6)
    who, near, cosine = space.neighbours(3)
    of_other = {(a, b): c for a, b, c in zip(*other.neighbours(12), strict=True)}
    assert all(
        of_other[a, b] == pytest.approx(c, abs=1e-6)
        for a, b, c in zip(who, near, cosine, strict=True)
        if c > 0.5
    )


def test_what_many_sets_have_does_not_tell_to_which_an_account_is_nearest(worlds, monkeypatch):
    world = worlds.World()
    for number in range(12):
        for turn in range(4):
            own = ("phrase", f"own-{number // 3}") if number < 9 else ("phrase", "of nobody else")
            world.say(
                number, worlds.MONDAY + turn, objects=(own, ("phrase", "of all")), item=f"{number}-{turn}"
            )
    for number in range(12, 40):
        world.say(number, worlds.MONDAY, objects=(("phrase", "of others"),), item=f"{number}")
    space = vectors(view(world.evidence()), Settings())
    sets = [np.arange(3), np.arange(3, 6), np.arange(6, 9)]
    assert [one.tolist() for one in space.closest(sets, 3)] == [list(range(12))] * 3
    monkeypatch.setattr(similarity, "COMMON", 2)
    assert [one.tolist() for one in space.closest(sets, 3)] == [one.tolist() for one in sets]


def test_another_model_of_likeness_can_take_its_place(worlds):
    """Dense vectors without phrases find and accuse the same campaign: nothing else is asked of them."""
    seen = view(worlds.harvest(range(1000, 1040)).evidence())
    found = [
        [j for j in judge(seen, [], {}, Settings(), likening=likening) if not j.single]
        for likening in (vectors, projected)
    ]
    (usual,), (other,) = found
    assert other.verdict == usual.verdict == EXTRACTION
    assert set(other.group.members) == set(usual.group.members)
    assert other.observations["shared_template"].supports


def test_what_comes_later_does_not_choose_among_phrases_that_are_just_as_weighty(worlds, monkeypatch):
    """Objects are numbered account by account, so a later exchange of the first account moves others' numbers."""
    monkeypatch.setattr("stillwatch.detection.similarity.LONGEST", 4)

    def world(later):
        made = worlds.World()
        for number in range(1, 13):
            # Every phrase as often as every other one, by as many accounts; no two send the same ones.
            for k in set(range(12)) - {number % 12, (number + 5) % 12}:
                made.say(number, worlds.MONDAY + k, objects=(("phrase", f"p{k}"),), item=f"{number}-{k}")
        made.say(0, worlds.MONDAY, objects=(("phrase", "p3"),), item="first")
        if later:
            for k in (11, 7, 5, 2, 9):
                made.say(0, worlds.MONDAY + 40 + k, objects=(("phrase", f"p{k}"),), item=f"later-{k}")
        return made

    hour = worlds.MONDAY + 24
    past, whole = (view(world(later).evidence(), hour) for later in (False, True))
    one, other = (vectors(seen, Settings()).matrix for seen in (past, whole))
    assert np.diff(one.indptr).max() == 4
    np.testing.assert_allclose((one @ one.T).toarray(), (other @ other.T).toarray())
