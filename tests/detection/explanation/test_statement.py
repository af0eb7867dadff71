"""The first sentences about a group: what decides, and what is wanting."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.detection.candidates import REVIEW
from stillwatch.detection.decision import judge
from stillwatch.detection.explanation.statement import statement
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"probability": 0.4}, "does not decide between extraction and"),
        (
            {"significant": frozenset({"content"})},
            "needs significant evidence of two families, and there is that of 1 (content)",
        ),
        ({"significant": frozenset()}, "there is that of 0 (none)"),
        ({"single": True}, "one account sends is never evidence of two families"),
        ({"data_state": "insufficient"}, "fewer than 40 exchanges"),
        ({}, "the notes say why nobody is accused"),
    ],
)
def test_a_review_says_what_is_wanting(worlds, changes, says):
    (found,) = judge(view(worlds.harvest(range(1000, 1040)).evidence()), [], {}, Settings())
    told = statement(replace(found, verdict=REVIEW, **changes))
    assert says in told
    assert told.endswith("; a person should look.")


def test_the_statement_counts_who_is_only_suspected(worlds):
    (found,) = judge(view(worlds.harvest(range(1000, 1040)).evidence()), [], {}, Settings())
    aside = np.arange(40) < 7
    assert "Of these 7 are only suspected" in statement(replace(found, aside=aside))
    assert "only suspected" not in statement(found)


def test_the_statement_counts_exchanges_of_the_accounts_that_it_counts(worlds):
    """Those who are only linked to the group are in neither count."""
    (found,) = judge(view(worlds.harvest(range(1000, 1040)).evidence()), [], {}, Settings())
    assert "40 accounts sent 640 exchanges" in statement(found)
    firm = np.arange(40) < 30
    group = replace(found.group, firm=firm, by_text=firm)
    assert "30 accounts sent 480 exchanges" in statement(
        replace(found, case=replace(found.case, group=group))
    )
