"""One way of judging: verdicts in order, dated, with exemptions on every view."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from stillwatch.detection import workers
from stillwatch.detection.exemption_file import Exemption
from stillwatch.detection.exemptions import Exemptions, Standing
from stillwatch.detection.judging import MANY, Judging
from stillwatch.detection.preparation import Clock, silent
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view

CAMPAIGN = range(1000, 1024)


@pytest.fixture(scope="module")
def world(worlds):
    """Strangers, a campaign, and a popular template without infrastructure."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng(3), range(150))
    worlds.apart(world)
    for k, number in enumerate(CAMPAIGN):
        world.account(number, created=worlds.MONDAY - 50 + k % 9, payment_kind="virtual_card", plan="paid",
                      verified=False, payment_fingerprint=f"virtual-{k // 4}")  # fmt: skip
        for i in range(14):
            world.say(
                number,
                worlds.MONDAY + 30 + (7 * i) % 110,
                objects=worlds.template("t"),
                item=f"task-{number}-{i}",
                marks=("reasoning_elicitation",),
            )
    worlds.with_template(world, range(20), "greeting")
    return world


def judging(world, exemptions=None, settings=None):
    return Judging(settings or Settings(), world.evidence(), [], {}, exemptions or Exemptions())


def test_accusations_come_first_and_are_dated(worlds, world):
    clock = Clock(silent)
    found = judging(world).verdicts(clock, "shadow ")
    assert [v.campaign.verdict for v in found] == ["extraction", "legitimate"]
    first, last = found
    assert worlds.utc(worlds.MONDAY + 30) < first.campaign.detected_at <= worlds.utc(worlds.MONDAY + 168)
    assert last.campaign.detected_at is None
    assert [m.account_id for m in first.members] == [worlds.name_of(n) for n in CAMPAIGN]
    assert set(clock.seconds) == {"shadow groups", "shadow onset"}


def test_without_looks_at_the_past_nothing_else_changes(worlds, world):
    dated = judging(world).verdicts(Clock(silent))
    undated = judging(world, settings=Settings(looks=0)).verdicts(Clock(silent))
    assert [v.campaign.detected_at for v in undated] == [None, None]
    assert [replace(v.campaign, detected_at=None) for v in dated] == [v.campaign for v in undated]


def test_the_last_hour_is_after_all_exchanges(worlds, world):
    assert judging(world).last == max(e.hour for e in world.exchanges) + 1


def test_exemptions_hold_on_every_view(worlds, world):
    everything = judging(world)
    codes = np.searchsorted(everything.evidence.accounts.ids, [worlds.name_of(n) for n in CAMPAIGN])
    own = [i for i, e in enumerate(world.exchanges) if e.account in CAMPAIGN]
    who = {worlds.name_of(n): c for n, c in zip(CAMPAIGN, codes.tolist(), strict=True)}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    standing = Standing(
        Exemption("x", "Acme", "t", "anna", "told us", start, start + timedelta(days=365)),
        codes,
        np.zeros(0, np.int64),
        np.array(own),
        np.array([who[worlds.name_of(world.exchanges[i].account)] for i in own]),
        np.array([world.exchanges[i].hour for i in own]),
    )
    exempting = judging(world, Exemptions((standing,)))
    for hour in (everything.last, worlds.MONDAY + 120):
        seen = view(everything.evidence, hour)
        assert "extraction" in {j.verdict for j in everything.judge(seen)}
        assert "extraction" not in {j.verdict for j in exempting.judge(seen)}


@pytest.fixture(scope="module")
def busy(worlds):
    """Strangers, and four campaigns."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng(3), range(150))
    worlds.apart(world)
    for which in range(4):
        for k in range(20):
            number = 1000 * (which + 1) + k
            world.account(number, created=worlds.MONDAY - 50 + k, payment_kind="virtual_card", plan="paid",
                          verified=False, payment_fingerprint=f"v{which}-{k // 4}")  # fmt: skip
            for i in range(10):
                world.say(
                    number,
                    worlds.MONDAY + 5 * i,
                    objects=worlds.template(f"t{which}"),
                    item=f"{which}-{k}-{i}",
                )
    return world


@pytest.mark.parametrize("done_before", [0, 2])
def test_on_several_processes_everything_is_the_same(busy, monkeypatch, done_before):
    alone = judging(busy).verdicts(Clock(silent))
    assert len(alone) >= 4
    monkeypatch.setattr("stillwatch.detection.judging.MANY", 0)
    monkeypatch.setattr("stillwatch.detection.decision.ALONE", done_before)
    monkeypatch.setattr("stillwatch.detection.groups.FIRST", min(done_before, 1))
    copies, whole = [], workers._copies

    def counted(work, wanted, common):
        made = whole(work, wanted, common)
        copies.append(len(made))
        return made

    monkeypatch.setattr(workers, "_copies", counted)
    told = []
    clock = Clock(lambda stage, done, share=None, unit="rows": told.append((stage, done, share)))
    together = replace(judging(busy), processes=3).verdicts(clock)
    assert [v.campaign for v in together] == [v.campaign for v in alone]
    assert [v.members for v in together] == [v.members for v in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.judged.observations == other.judged.observations
        assert one.judged.figures == other.judged.figures
        assert np.array_equal(one.judged.group.exchanges, other.judged.group.exchanges)
        assert one.judged.case.population is together[0].judged.case.population
    assert sum(made >= 2 for made in copies) >= 3, "cores, groups, and verdicts"
    assert ("groups", len(alone), 1.0) in told


def test_of_processes_there_are_as_many_as_memory_has_room_for(world):
    many = replace(judging(world), processes=64)
    assert many._processes(MANY - 1) == 1
    assert many._processes(MANY) == 64
    some = replace(many, memory=8 << 30)
    assert 2 <= some._processes(24_000_000) <= 4
    assert replace(many, memory=1 << 30)._processes(24_000_000) == 1
