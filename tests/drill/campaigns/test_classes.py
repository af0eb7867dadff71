"""The classes of campaigns as data."""

import pytest

from stillwatch.drill.campaigns.classes import CLASSES, CampaignClass
from stillwatch.drill.prompts.items import KINDS as ITEMS
from stillwatch.drill.prompts.templates import KINDS as WORDINGS


def test_every_behaviour_of_the_field_has_a_class() -> None:
    assert {b for c in CLASSES.values() for b in c.behaviours} == set(range(1, 16))


@pytest.mark.parametrize("c", list(CLASSES.values()), ids=lambda c: c.name)
def test_contents_are_known_and_whole(c: CampaignClass) -> None:
    assert {w for w, _, _ in c.contents} <= set(WORDINGS)
    assert {i for _, i, _ in c.contents} <= set(ITEMS)
    assert sum(share for _, _, share in c.contents) == pytest.approx(1)
    assert c.title and c.description.endswith(".")
