"""Events: what they say, and that the same change is the same bytes."""

import json

from stillwatch.watch.events import after, body, event, event_id


def test_an_event_says_what_changed_and_how_late(change):
    found = event("ab", change(7, "merged", previous_ids=("group-1", "group-2")))
    assert found["id"] == event_id("ab", 7) == "ab-000000007"
    assert found["type"] == "campaign.merged"
    assert found["data"]["lag_seconds"] == 90.0
    assert found["data"]["previous_ids"] == ["group-1", "group-2"]
    assert "id_in_full_scan" not in found["data"]


def test_it_is_one_line_and_always_the_same(change):
    line = body("ab", change(7))
    assert "\n" not in line
    assert line == body("ab", change(7))
    assert json.loads(line) == event("ab", change(7))


def test_only_numbered_changes_are_told_in_their_order(change):
    listed = [change(5), change(None), change(3), change(4)]
    assert [c.sequence for c in after(listed, 3)] == [4, 5]
