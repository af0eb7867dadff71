"""The hub without HTTP, as its application and its commands use it."""

from stillwatch.hub.model import Query


def test_what_is_posted_can_be_read_by_all(hub, anna, bert, parts):
    items = [parts.indicator() for _ in range(3)]
    status = anna.post(*items)
    assert (status.success_count, status.failure_count, status.total_count) == (3, 0, 3)
    page = hub.objects(bert.member, bert.collection, Query())
    assert [row.stix_id for row in page.rows] == [item["id"] for item in items]
    assert [row.seq for row in page.rows] == [1, 2, 3]
    assert hub.head() == 3
    assert hub.verify() is None
