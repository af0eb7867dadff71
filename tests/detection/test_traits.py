"""What accounts are or are not."""

import numpy as np

from stillwatch.detection.traits import traits


def test_traits_are_known_or_not(worlds):
    world = worlds.World()
    world.account(0, created=worlds.MONDAY - 24, verified=False, payment_kind="virtual_card")
    world.account(1, created=worlds.MONDAY - 24 * 31, verified=True, payment_kind="virtual_card")
    world.account(2, verified=False, payment_kind="card")
    world.account(3, created=worlds.MONDAY)
    for number in range(5):  # the last has no row
        world.say(number, worlds.MONDAY)
    found = traits(worlds.populate(world).view)
    assert {name: (one.having.tolist(), one.known.tolist()) for name, one in found.items()} == {
        "verified": ([False, True, False, False, False], [True, True, True, False, False]),
        "disposable": ([True, False, False, False, False], [True, True, True, False, False]),
        "new": ([True, False, False, True, False], [True, True, False, True, False]),
    }
    assert found["new"].sums == (2.0, 3.0)


def test_only_active_accounts_are_summed(worlds):
    world = worlds.World()
    for number in range(3):
        world.account(number, verified=True)
        world.say(number, worlds.MONDAY + number)
    seen = worlds.populate(world).view
    seen.active[:] = np.array([True, True, False])
    assert traits(seen)["verified"].sums == (2.0, 2.0)
