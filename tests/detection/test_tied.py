"""Exchanges that are a group's own."""

import numpy as np
import pytest

from stillwatch.detection.evidence import KINDS, N_CONTENT
from stillwatch.detection.tied import OWN, TELLING, both, drawn_exchanges, own_exchanges, share_of
from stillwatch.detection.view import view


@pytest.fixture
def seen(worlds):
    """Forty accounts that send three phrases by chance, in texts of their own number, and a prompt now and then."""
    world = worlds.World()
    random = np.random.default_rng(5)
    for number in range(40):
        for turn in range(int(random.integers(3, 30))):
            carried = [("phrase", f"p{k}") for k in range(3) if random.random() < (0.1, 0.3, 0.6)[k]]
            prompt = [("system_phrase", f"s{k}") for k in range(2) if random.random() < 0.5]
            world.say(number, worlds.MONDAY + turn, objects=(*carried, *prompt), item=f"{number}-{turn}")
    return view(world.evidence())


def marks(seen, of_phrases, of_prompts):
    """(objects, weights): every phrase with the one, and every phrase of prompts with the other."""
    kinds = seen.evidence.obj_kind
    text = np.flatnonzero((kinds < N_CONTENT) & (kinds != KINDS.index("item")))
    of_phrase = kinds[text] == KINDS.index("phrase")
    return text, np.where(of_phrase, of_phrases, of_prompts)


@pytest.mark.parametrize(
    ("of_phrases", "of_prompts"), [(0.8, 0.7), (1.2, 1.9), (2.5, 2.0), (9.0, 9.0), (0.3, 0.3)]
)
def test_a_text_is_tied_by_marks_that_add_up_and_by_one_of_its_prompts(seen, of_phrases, of_prompts):
    text, weight = marks(seen, of_phrases, of_prompts)
    accounts = np.arange(len(seen.active))
    tied, score = own_exchanges(seen, accounts, text, weight)
    expected = {}
    for exchange in range(len(seen.seen)):
        _, objects = seen.objects_of(np.array([exchange]))
        kinds = [KINDS[kind] for kind in seen.evidence.obj_kind[objects]]
        whole = of_phrases * kinds.count("phrase") + of_prompts * ("system_phrase" in kinds)
        if round(whole, 9) >= OWN:
            expected[exchange] = min(whole, TELLING)
    assert tied.tolist() == list(expected)
    assert score.tolist() == pytest.approx(list(expected.values()))
    assert drawn_exchanges(seen, text, weight).tolist() == tied.tolist(), "where there are few, all are drawn"
    few = own_exchanges(seen, accounts[::3], text, weight)
    others = own_exchanges(seen, np.setdiff1d(accounts, accounts[::3]), text, weight)
    assert [part.tolist() for part in both(few, others)] == [tied.tolist(), score.tolist()]


def test_shares_of_those_without_a_tied_text_are_nothing(seen):
    text, weight = marks(seen, 2.5, 2.0)
    tied, _ = own_exchanges(seen, np.array([3]), text, weight)
    share = share_of(seen, tied, np.array([1, 3, 7]))
    assert share.tolist() == [0.0, len(tied) / seen.texts[3], 0.0]
    assert share_of(seen, tied, np.array([1, 2])).tolist() == [0.0, 0.0]
    assert not len(share_of(seen, tied, np.zeros(0, np.int64)))
