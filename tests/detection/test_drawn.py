"""A draw of accounts stands for everybody."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection import drawn
from stillwatch.detection.drawn import Drawn

OBJECTS = 5
EXCHANGES = st.lists(
    st.lists(st.sets(st.integers(0, OBJECTS - 1), max_size=4), max_size=6), min_size=1, max_size=8
)
"""Objects of each exchange of each account."""


def draw(accounts, seen=None):
    """The draw of accounts with these exchanges, all of them seen unless told."""
    exchanges = [each for own in accounts for each in own]
    ties = [o for each in exchanges for o in sorted(each)]
    return Drawn.of(
        np.array([float(len(own)) for own in accounts]),
        np.r_[0, np.cumsum([len(own) for own in accounts])].astype(np.int64),
        np.ones(len(exchanges), dtype=bool) if seen is None else seen,
        np.r_[0, np.cumsum([len(each) for each in exchanges])].astype(np.int64),
        np.array(ties, dtype=np.int32),
        OBJECTS,
    )


@given(EXCHANGES, st.data())
def test_exchanges_by_weight_against_a_search(accounts, data):
    exchanges = [each for own in accounts for each in own]
    seen = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(exchanges), max_size=len(exchanges))), bool
    )
    objects = np.array(data.draw(st.lists(st.integers(0, OBJECTS - 1), min_size=1, unique=True)))
    weight = np.array(data.draw(st.lists(st.floats(0.1, 3), min_size=OBJECTS, max_size=OBJECTS)))[
        : len(objects)
    ]
    alone = np.array(data.draw(st.lists(st.booleans(), min_size=OBJECTS, max_size=OBJECTS)))[: len(objects)]
    found = draw(accounts, seen).weighed(objects, weight, alone, 1.0)
    expected = []
    for number, each in enumerate(exchanges):
        held = [k for k, o in enumerate(objects.tolist()) if o in each]
        whole = max([weight[k] for k in held if alone[k]], default=0.0)
        whole += sum(weight[k] for k in held if not alone[k])
        if seen[number] and round(whole, 9) >= 1.0:
            expected.append(number)
    assert found.tolist() == expected


def test_of_many_accounts_some_are_drawn_and_always_the_same(monkeypatch):
    monkeypatch.setattr(drawn, "DRAWN", 10)
    accounts = [[{0}] * (number % 3) for number in range(60)]
    chosen = draw(accounts)
    assert len(chosen.accounts) == 10
    assert (np.diff(chosen.accounts) > 0).all()
    assert all(accounts[a] for a in chosen.accounts), "who sent nothing stands for nobody"
    assert draw(accounts).accounts.tolist() == chosen.accounts.tolist()
    own = chosen.weighed(np.array([0]), np.ones(1), np.zeros(1, dtype=bool), 1.0)
    assert len(own) == sum(len(accounts[a]) for a in chosen.accounts)
