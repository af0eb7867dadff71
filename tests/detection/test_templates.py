"""The template screen: what everybody says surprises nobody; what an account says all the time does."""

import numpy as np
import pytest
from scipy import stats

from stillwatch.detection.evidence import view
from stillwatch.detection.settings import Settings
from stillwatch.detection.templates import SURPRISE, SURPRISE_CAP, screen, surprise


def spoken(worlds, users, strangers, texts):
    """`users` accounts that build every text on one prefix, and strangers with texts of their own."""
    world = worlds.World()
    for number in range(users):
        for k in range(texts):
            world.say(number, worlds.MONDAY, item=f"own-{number}-{k}", objects=(("prefix", "t"),))
    for number in range(strangers):
        for k in range(texts):
            world.say(10_000 + number, worlds.MONDAY, item=f"stranger-{number}-{k}")
    return view(world.evidence())


def test_surprise_is_the_binomial_tail(worlds):
    seen = spoken(worlds, users=4, strangers=30, texts=5)
    # An account's five texts carry it; of the other 165 texts 15 do.
    rate = (15 + 0.5) / (165 + 1)
    assert surprise(seen).tolist() == [pytest.approx(-np.log10(stats.binom.sf(4, 5, rate)))] * 4


def test_what_everybody_says_does_not_pass(worlds):
    seen = spoken(worlds, users=60, strangers=20, texts=3)
    passed, found = screen(seen, Settings())
    assert not passed.any()
    assert (found < SURPRISE).all()


def test_a_template_of_most_traffic_still_passes_for_those_who_send_nothing_else(worlds):
    seen = spoken(worlds, users=60, strangers=40, texts=40)
    passed, found = screen(seen, Settings())
    assert passed.all()
    assert (found <= SURPRISE_CAP).all()
