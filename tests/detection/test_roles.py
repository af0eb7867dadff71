"""What each account of a judged group is: a member, one that relays, or suspected."""

from dataclasses import replace

import numpy as np

from stillwatch.detection.decision import judge
from stillwatch.detection.roles import roles
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view

CAMPAIGN = range(1000, 1040)


def judged(world):
    return judge(view(world.evidence()), [], {}, Settings())


def test_relays_mix_the_campaign_with_other_traffic(worlds):
    found = judged(worlds.harvest(CAMPAIGN, mixed=16))
    (campaign,) = [j for j in found if len(j.group.members) >= 30]
    assert {role for role, _ in roles(campaign)} == {"relay"}
    assert campaign.own_exchanges.tolist() == [16] * 40


def test_who_is_put_aside_or_exempt_is_suspected(worlds):
    """The one because the evidence says so, with little probability; the other by decision, with what evidence gives."""
    (found,) = judged(worlds.harvest(CAMPAIGN))
    codes = found.group.accounts
    changed = replace(found, aside=np.isin(codes, codes[:3]), exempt={int(codes[5]): ("x-1",)})
    before, after = roles(found), roles(changed)
    assert [role for role, _ in after].count("suspected") == 4
    assert all(p == 0.3 * found.probability for _, p in after[:3])
    assert after[5] == ("suspected", before[5][1])
    assert before[6:] == after[6:]
    assert np.flatnonzero(changed.accused).tolist() == [3, 4, *range(6, 40)]
