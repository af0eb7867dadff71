"""Client programs: popular and rare ones, fingerprints that go with the program."""

import re

import numpy as np

from stillwatch.drill.clients import Clients


def test_fingerprints_have_the_form_of_ja4() -> None:
    for text in Clients.make(1).prints:
        assert re.fullmatch(r"t13d\d{4}h[12]_[0-9a-f]{12}_[0-9a-f]{12}", text), text


def test_popularity_is_uneven_and_the_agent_tells_the_fingerprint() -> None:
    clients = Clients.make(1)
    agent, ja4 = clients.draw(np.random.default_rng(1), "api", 20_000)
    counts = np.sort(np.bincount(agent))[::-1]
    assert counts[0] > 20 * np.median(counts[counts > 0])
    for a in np.unique(agent):
        assert len(np.unique(ja4[agent == a])) <= 4, "the versions of one TLS library"
    assert len(np.unique(ja4)) < len(np.unique(agent)) / 3


def test_a_fresh_fingerprint_is_nobody_elses() -> None:
    clients = Clients.make(1)
    known = len(clients.prints)
    one, two = clients.fresh_print("one"), clients.fresh_print("two")
    assert known <= one < two
    assert clients.fresh_print("one") == one
