"""Pairs of accounts and objects, beside the same counted one by one in Python."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from stillwatch.detection.sent_objects import Sent
from stillwatch.detection.threads import FEW

OBJECTS, UNTIL = 9, 10


def evidence(rng, accounts):
    """Exchanges of so many accounts, none of some, each with up to four of nine objects, the last one too late."""
    each = rng.integers(0, 6, accounts)
    ex_start = np.r_[0, np.cumsum(each)]
    lists = [rng.choice(OBJECTS, rng.integers(0, 5), replace=False) for _ in range(ex_start[-1])]
    return SimpleNamespace(
        accounts=SimpleNamespace(ids=np.arange(accounts)),
        ex_start=ex_start,
        ex_text=rng.random(len(lists)) < 0.8,
        tie_start=np.r_[0, np.cumsum([len(one) for one in lists])],
        tie_obj=np.concatenate([*lists, np.zeros(0, np.int64)]).astype(np.int32),
        obj_ready=np.where(np.arange(OBJECTS) == OBJECTS - 1, UNTIL, 0),
    )


def one_by_one(given, seen, account):
    """(texts, carrying, counts, counts in the first half) of an account."""
    texts, carrying, all_of_them, first = 0, 0, Counter(), Counter()
    for i in range(given.ex_start[account], given.ex_start[account + 1]):
        if not seen[i]:
            continue
        texts += int(given.ex_text[i])
        own = [
            o for o in given.tie_obj[given.tie_start[i] : given.tie_start[i + 1]].tolist() if o != OBJECTS - 1
        ]
        if own:
            all_of_them.update(own)
            first.update(own if carrying % 2 == 0 else [])
            carrying += 1
    return texts, carrying, all_of_them, first


@pytest.mark.parametrize("accounts", [0, 1, 40, 2 * FEW])
def test_pairs_are_those_that_are_counted_one_by_one(accounts):
    rng = np.random.default_rng(accounts)
    given = evidence(rng, accounts)
    seen = rng.random(len(given.ex_text)) < 0.7
    sent = Sent.of(given, seen, UNTIL)
    assert len(sent.start) == accounts + 1
    for account in range(accounts):
        texts, carrying, counts, first = one_by_one(given, seen, account)
        own = slice(sent.start[account], sent.start[account + 1])
        assert (sent.texts[account], sent.carrying[account]) == (texts, carrying)
        assert sent.obj[own].tolist() == sorted(counts)
        assert dict(zip(sent.obj[own].tolist(), sent.count[own].tolist(), strict=True)) == counts
        assert sent.first[own].tolist() == [first[o] for o in sent.obj[own].tolist()]
