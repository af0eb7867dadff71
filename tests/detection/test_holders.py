"""Who sends a text object, and who may send enough of several."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.evidence import Runs
from stillwatch.detection.holders import MOST, SKIPPED, TOP, Holders

OBJECTS = 6
LISTS = st.lists(
    st.dictionaries(st.integers(0, OBJECTS - 1), st.integers(1, 40), max_size=OBJECTS),
    min_size=1,
    max_size=25,
)


def turned(lists):
    """(holders, texts by account, share by account and object) of dictionaries from object to texts that carry it."""
    texts = np.array([max(each.values(), default=0) + 3 for each in lists], dtype=np.float64)
    start = np.r_[0, np.cumsum([len(each) for each in lists], dtype=np.int64)].astype(np.int64)
    pairs = [(o, each[o]) for each in lists for o in sorted(each)]
    obj, count = (np.array([pair[k] for pair in pairs], dtype=np.int32) for k in (0, 1))
    share = np.zeros((len(lists), OBJECTS))
    for a, each in enumerate(lists):
        for o, n in each.items():
            share[a, o] = n / texts[a]
    return Holders.of(Runs(start), obj, count, texts, OBJECTS), texts, share


@given(LISTS)
def test_holders_of_objects_are_all_that_sent_them_those_first_that_sent_most(lists):
    holders, _, share = turned(lists)
    who, which = holders.of_objects(np.arange(OBJECTS))
    assert list(zip(which.tolist(), who.tolist(), strict=True)) == [
        (o, a) for o in range(OBJECTS) for a in range(len(lists)) if o in lists[a]
    ]
    assert holders.held(np.arange(OBJECTS)).tolist() == (share > 0).sum(axis=0).tolist()
    for o in range(OBJECTS):
        here = slice(holders.start[o], holders.start[o + 1])
        assert (np.diff(holders.level[here].astype(int)) <= 0).all()
        # A level says how large the share is at most, and not by much.
        most, own = MOST[holders.level[here]], share[holders.accounts[here], o]
        assert (most >= own).all()
        assert (most <= own * 1.05 * 1.05).all()


@given(
    LISTS,
    st.lists(st.integers(0, OBJECTS - 1), min_size=1, unique=True),
    st.lists(st.floats(0.05, 1), min_size=OBJECTS, max_size=OBJECTS),
    st.floats(0.01, 1),
    st.floats(0, 2),
)
def test_nobody_is_missed_who_sends_enough_of_some_objects(lists, objects, worth, least, more):
    holders, texts, share = turned(lists)
    objects, worth = np.array(objects), np.array(worth)[: len(objects)]
    need = least + more / np.maximum(np.arange(int(texts.max()) + 1), 1)
    score = np.zeros(len(lists))
    found = holders.sending([(objects, worth)], need, score)
    assert not score.any()
    assert (np.diff(found) > 0).all()
    whole = (share[:, objects] * worth).sum(axis=1)
    enough = np.flatnonzero(whole >= need[texts.astype(int)] + 1e-9)
    assert np.isin(enough, found).all()
    other = np.array([0, 3])
    pairs = [(objects, worth), (other, np.ones(2))]
    assert holders.sending(pairs, need, score).tolist() == sorted(
        set(found.tolist()) & set(holders.sending(pairs[1:], need, score).tolist())
    )
    # And those who come near: what was left out and what a level adds.
    assert (1.05 * 1.05 * whole[found] + SKIPPED * need.min() >= need[texts[found].astype(int)] - 1e-9).all()


def test_nobody_is_wanted_where_nothing_is():
    holders, *_ = turned([{0: 3}, {0: 2, 1: 4}])
    assert not len(holders.sending([], np.ones(10), np.zeros(2)))


def test_levels_reach_from_one_text_of_a_great_many_to_all():
    assert MOST[TOP] >= 1
    assert MOST[0] < 1 / 60_000
    holders = Holders.of(Runs(np.array([0, 1])), np.array([0]), np.array([1]), np.array([1e6]), 1)
    assert holders.level.tolist() == [0]
