"""A provider's world: labs share the world and nothing of their own."""

import numpy as np

from stillwatch.drill.exercise import START
from stillwatch.drill.setting import Setting


def test_labs_share_networks_clients_and_releases() -> None:
    one, two = (Setting.make(5, START, 7, lab=lab) for lab in (0, 1))
    assert (one.places.base == two.places.base).all()
    assert one.clients.agents == two.clients.agents
    assert one.models.names == two.models.names
    assert one.models.launch == two.models.launch


def test_actors_are_the_same_at_every_lab_and_people_are_not() -> None:
    one, two = (Setting.make(5, START, 7, lab=lab) for lab in (0, 1))
    assert one.actor_rng("x").integers(1 << 60) == two.actor_rng("x").integers(1 << 60)
    assert one.rng("x").integers(1 << 60) != two.rng("x").integers(1 << 60)
    a, b = (s.people.draw(s.rng("p"), 500)["number"] for s in (one, two))
    assert not np.intersect1d(a, b).size


def test_seeds_make_other_worlds() -> None:
    one, two = Setting.make(5, START, 7), Setting.make(6, START, 7)
    assert (one.places.base != two.places.base).any()
    assert one.clients.prints[0] != two.clients.prints[0]
